"""Networks from pictures to vectors: ONNX files, run by onnxruntime.

A network has one input of pictures, (n, 3, h, w), and an output of vectors, (n, d), or of tokens,
(n, tokens, d), such as exports of DINOv2, CLIP, SigLIP or ResNet have. How pictures are prepared
follows from options, else from a ``preprocessor_config.json`` beside the file, as Hugging Face
writes it, else from the graph and the usual values of networks trained on ImageNet.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from hashlib import sha256
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from lookalike.features import efficientnet
from lookalike.images.files import replace_file
from lookalike.images.preprocessing import Form
from lookalike.images.store import cache_folder

Floats = NDArray[np.float32]
Fit = Literal["pad", "crop", "stretch"]
Pooling = Literal["class", "mean"]
Triple = tuple[float, float, float]

EFFICIENTNET = "efficientnet-lite0"
CONFIG = "preprocessor_config.json"
IMAGENET: tuple[Triple, Triple] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation of the red, green and blue of ImageNet's photographs, 0 to 1."""

_VECTORS = ("pooler_output", "image_embeds", "features", "embeddings")
"""Names that exports give to the output of vectors, where there are several outputs."""


class PhotosMissingError(ImportError):
    """onnxruntime, or what else networks need, is not installed."""

    def __init__(self, error: ImportError) -> None:
        super().__init__(f"networks need {error.name}; pip install 'lookalike[photos]'")


class Preparation(NamedTuple):
    """How a picture becomes the input of a network.

    Attributes
    ----------
    size : tuple of int
        Height and width, in pixels.
    mean, std : tuple of 3 floats
        Subtracted from red, green and blue, 0 to 1, and then divided by.
    fit : {"pad", "crop", "stretch"}
        How pictures of other proportions come to the size: whole, with white beside them; cut to
        it; or with their sides stretched.
    zoom : float
        For "crop", the part of the shorter side that is kept, at most 1.
    """

    size: tuple[int, int]
    mean: Triple
    std: Triple
    fit: Fit
    zoom: float = 1.0

    @property
    def form(self) -> Form:
        """The form to which pictures are brought, before the middle is cut out if zoom says so."""
        sides = tuple(round(side / self.zoom) for side in self.size)
        return Form((*sides, 3), 255, None, self.fit)

    def values(self, images: NDArray[np.uint8]) -> Floats:
        """Return pictures in `form`, (n, h, w, 3), as the input of a network, (n, 3, h, w)."""
        starts = [(own - side) // 2 for own, side in zip(images.shape[1:3], self.size, strict=True)]
        (top, left), (height, width) = starts, self.size
        middle = images[:, top : top + height, left : left + width]
        mean, std = (
            np.array(values, np.float32)[:, None, None] for values in (self.mean, self.std)
        )
        # Bytes are moved, not floats, and these are changed in place: a fifth of the time.
        values = np.ascontiguousarray(middle.transpose(0, 3, 1, 2)).astype(np.float32)
        values /= np.float32(255)
        values -= mean
        values /= std
        return values


class Network:
    """A network from pictures to vectors.

    Parameters
    ----------
    network : str or Path
        ``"efficientnet-lite0"``, whose weights the extra ``lookalike[photos]`` brings, or the path
        of an ONNX file.
    options : dict
        Fields of `Preparation` that replace what the file says.
    output : str, optional
        Name of the output to use.
    pooling : {"class", "mean"}, optional
        Which vector stands for tokens: that of the first one, the class token (the default), or
        the mean.
    n_threads : int
    digest : str, optional
        The digest that the network must have.
    content : ndarray of bytes, optional
        The content of its file, which is then not read; of the digest that is given.

    Attributes
    ----------
    name : str
    path : Path
        Its file.
    digest : str
        SHA-256 of the weights or of the file.
    preparation : Preparation
    n_features : int

    Raises
    ------
    PhotosMissingError
        If onnxruntime, or the weights, are not installed.
    ValueError
        If the file is no such network, another one than its digest says, or an option is none of
        its own.
    OSError
        If it cannot be read.
    """

    def __init__(
        self,
        network: str | PathLike[str],
        *,
        options: Mapping[str, Any] | None = None,
        output: str | None = None,
        pooling: Pooling | None = None,
        n_threads: int = 1,
        digest: str | None = None,
        content: NDArray[np.uint8] | None = None,
    ) -> None:
        found: dict[str, Any]
        self.name, path = fspath(network), Path(network)
        if content is not None and digest is not None:
            self.digest, found = digest, {}
        elif self.name == EFFICIENTNET:
            path, self.digest = _cached_efficientnet(), efficientnet.WEIGHTS_SHA256
            found = {
                "mean": (127 / 255,) * 3,
                "std": (128 / 255,) * 3,
                "fit": "pad",
            }
        else:
            if not path.is_file():
                raise FileNotFoundError(
                    f"no network {self.name!r}; give {EFFICIENTNET!r} or the path of an ONNX file"
                    if digest is None
                    else f"the network {self.name!r} (SHA-256 {digest}) is not there; put it there "
                    "again, or beside the model file, or give its path: load_model(..., features=)"
                )
            self.digest = sha256(path.read_bytes()).hexdigest()
            found = {} if digest else _configured(path.with_name(CONFIG))
        if digest not in (None, self.digest):
            raise ValueError(
                f"{self.name} is another network than it was (SHA-256 {self.digest}, not "
                f"{digest}); put the old file back, or fit again"
            )
        self.path = path
        self._session = _open(path if content is None else content.tobytes(), self.name, n_threads)
        self._input, side = self._find_input()
        self._output, n_axes = self._find_output(output)
        if pooling not in (None, *get_args(Pooling)):
            raise ValueError(f"pooling={pooling!r}; give 'class' or 'mean'")
        self._pooling = (pooling or "class") if n_axes == 3 else None
        found = {"size": side, "fit": "crop", **found, **(options or {})}
        if found["size"] is None:
            raise ValueError(
                f"{self.name} takes pictures of any size; give size=(h, w), for example (224, 224)"
            )
        mean, std = IMAGENET
        self.preparation = Preparation(**{"mean": mean, "std": std, **found})
        blank = np.full((1, *self.preparation.form.image_shape), 255, np.uint8)
        self.n_features = self.run(blank).shape[1]

    def run(self, images: NDArray[np.uint8]) -> Floats:
        """Return the vectors of pictures in the preparation's form, shape (n, n_features)."""
        values = self.preparation.values(images)
        (found,) = self._session.run([self._output], {self._input: values})
        if self._pooling is not None:
            found = found[:, 0] if self._pooling == "class" else found.mean(axis=1)
        return np.asarray(found, np.float32).reshape(len(images), -1)

    def _find_input(self) -> tuple[str, tuple[int, int] | None]:
        """Return the input's name, and the size of pictures if the graph fixes it."""
        inputs = self._session.get_inputs()
        shape = inputs[0].shape if len(inputs) == 1 else []
        if len(shape) != 4 or (isinstance(shape[1], int) and shape[1] != 3):
            raise ValueError(
                f"{self.name} has the inputs {_listed(inputs)}; export a network with one input of "
                "pictures, (n, 3, height, width)"
            )
        fixed = all(isinstance(side, int) for side in shape[2:])
        return inputs[0].name, (shape[2], shape[3]) if fixed else None

    def _find_output(self, name: str | None) -> tuple[str, int]:
        """Return the name of the output to use, and how many axes it has."""
        outputs = {one.name: len(one.shape) for one in self._session.get_outputs()}
        useful = {own: axes for own, axes in outputs.items() if axes in (2, 3)}
        if name is None:
            vectors = [own for own, axes in useful.items() if axes == 2]
            named = [own for own in _VECTORS if own in vectors]
            order = [*named, *(vectors if len(vectors) == 1 else ()), *useful]
            name = order[0] if order and (named or len(vectors) < 2) else None
        if name is None or name not in useful:
            raise ValueError(
                f"{self.name} has the outputs {_listed(self._session.get_outputs())}; give "
                "output= the name of one with 2 axes (vectors) or 3 (tokens)"
            )
        return name, useful[name]


def _open(network: Path | bytes, name: str, n_threads: int) -> Any:
    # onnxruntime 1.32 has telemetry, which it starts as it is imported.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError as error:
        raise PhotosMissingError(error) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = n_threads
    # Threads that spin while they wait take the CPUs from those that decode the next pictures.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3  # errors only
    # Providers in the order in which onnxruntime itself prefers them: a GPU before the CPU.
    providers = [own for own in onnxruntime.get_available_providers() if own != _REMOTE]
    source = network if isinstance(network, bytes) else str(network)
    try:
        return onnxruntime.InferenceSession(source, options, providers=providers)
    except Exception as error:  # onnxruntime has an error class for each of its status codes
        said = " ".join(str(error).split())[:200]
        raise ValueError(f"{name} is no network that onnxruntime can run: {said}") from error


_REMOTE = "AzureExecutionProvider"
"""A provider that asks a server; nothing here leaves the machine."""


def _cached_efficientnet() -> Path:
    """Return the path of EfficientNet-Lite0 in the user's cache; build it there at first."""
    path = (
        cache_folder().with_name("networks")
        / f"{EFFICIENTNET}-{efficientnet.WEIGHTS_SHA256[:8]}.onnx"
    )
    if not path.is_file():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, efficientnet.write_network)
        except ImportError as error:
            raise PhotosMissingError(error) from error
    return path


def _configured(path: Path) -> dict[str, Any]:
    """Return the fields of `Preparation` that a file of Hugging Face's names."""
    if not path.is_file():
        return {}
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        found: dict[str, Any] = {}
        if config.get("do_normalize", True):
            found = {own: tuple(config[f"image_{own}"]) for own in ("mean", "std")}
        else:
            found = {"mean": (0.0,) * 3, "std": (1.0,) * 3}
        size = _sides(config["size"])
        if config.get("do_center_crop"):
            crop = _sides(config["crop_size"])
            return {**found, "size": crop, "fit": "crop", "zoom": min(1.0, crop[0] / size[0])}
        return {**found, "size": size, "fit": "stretch"}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{path} does not say how pictures are prepared ({error!r:.100}); give size=, mean=, "
            "std= and fit= and remove it"
        ) from error


def _sides(size: Any) -> tuple[int, int]:
    """Return height and width: of a number, {"height", "width"} or {"shortest_edge"}."""
    if isinstance(size, Mapping):
        one = size.get("shortest_edge")
        return (int(one),) * 2 if one else (int(size["height"]), int(size["width"]))
    return (int(size),) * 2


def _listed(ends: Any) -> str:
    return ", ".join(f"{own.name} {tuple(own.shape)}" for own in ends) or "none"
