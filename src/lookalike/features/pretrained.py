"""`PretrainedFeatures`: pictures in, vectors of a pretrained network out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from copy import copy
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from xxhash import xxh3_128_digest, xxh3_128_hexdigest

from lookalike.features.cache import FeatureCache
from lookalike.features.network import (
    EFFICIENTNET,
    Fit,
    Network,
    Pooling,
    Triple,
)
from lookalike.images.pictures import check_picture, decode, read_picture
from lookalike.images.preprocessing import Form
from lookalike.images.progress import Meter, Progress
from lookalike.images.store import cache_folder
from lookalike.search.machine import count_threads

Floats = NDArray[np.float32]
Picture = str | PathLike[str] | bytes | Image.Image | NDArray[np.uint8]


class PretrainedFeatures(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Turn pictures into vectors by a pretrained network.

    Parameters
    ----------
    network : str or path, default="efficientnet-lite0"
        The name of the embedded network, or the path of an ONNX file: a network with one input of
        pictures, (n, 3, h, w), and an output of vectors, (n, d), or of tokens, (n, tokens, d).
    size : tuple of int, default=None
        Height and width of the network's input. By default, like mean, std and fit, as a file
        ``preprocessor_config.json`` beside the network says, or else the network itself.
    mean, std : tuple of 3 floats, default=None
        Subtracted from red, green and blue, scaled to 0 to 1, and then divided by.
    fit_to : {"pad", "crop", "stretch"}, default=None
        How pictures of other proportions come to the size: whole, with white beside them; cut to
        it; or with their sides stretched.
    output : str, default=None
        Name of the network's output; by default the one of vectors.
    pooling : {"class", "mean"}, default=None
        Which vector stands for an output of tokens: that of the first token, the class token (the
        default), or the mean of all.
    batch_size : int, default=16
        Number of pictures that the network takes at once; memory grows with it.
    cache : bool or path, default=True
        Whether vectors are kept in the user's cache folder, by the content of the pictures, or the
        folder where they are kept.
    n_jobs : int, default=None
        Number of threads that decode and that the network uses; None means all CPUs.

    Attributes
    ----------
    digest_ : str
        SHA-256 of the network.
    preparation_ : Preparation
        How a picture becomes the network's input.
    n_features_out_ : int
        Length of the vectors.
    content_ : ndarray of bytes, or None
        The network itself, if it came with a model file.

    Notes
    -----
    Networks compute in float32: unlike lookalike's own distances, vectors depend on the processor,
    on the version of onnxruntime and, by some 1e-6, on the pictures of the same batch.

    Examples
    --------
    >>> import numpy as np
    >>> features = PretrainedFeatures(cache=False)
    >>> features.fit_transform(np.zeros((2, 30, 40, 3), np.uint8)).shape
    (2, 1280)
    """

    cache: bool | str | PathLike[str] = True  # model files do not hold these two
    n_jobs: int | None = None
    content_: NDArray[np.uint8] | None = None

    def __init__(
        self,
        network: str | PathLike[str] = EFFICIENTNET,
        *,
        size: tuple[int, int] | None = None,
        mean: Triple | None = None,
        std: Triple | None = None,
        fit_to: Fit | None = None,
        output: str | None = None,
        pooling: Pooling | None = None,
        batch_size: int = 16,
        cache: bool | str | PathLike[str] = True,
        n_jobs: int | None = None,
    ) -> None:
        self.network = network
        self.size = size
        self.mean = mean
        self.std = std
        self.fit_to = fit_to
        self.output = output
        self.pooling = pooling
        self.batch_size = batch_size
        self.cache = cache
        self.n_jobs = n_jobs

    def fit(self, X: Any = None, y: Any = None) -> Self:
        """Open the network; nothing is learned from pictures.

        Raises
        ------
        ImportError
            If onnxruntime, or the weights of the embedded network, are not installed.
        ValueError
            If the file is no such network, or a parameter does not fit it.
        OSError
            If the file cannot be read.
        """
        if self.batch_size < 1:
            raise ValueError(f"batch_size={self.batch_size}; give at least 1")
        for learnt in ("digest_", "preparation_", "content_"):
            self.__dict__.pop(learnt, None)
        network = self._opened()
        self.digest_, self.preparation_ = network.digest, network.preparation
        self.n_features_out_ = network.n_features
        return self

    @property
    def form_(self) -> Form:
        """The form that pictures are brought to; those that have it already stay as they are."""
        return self.preparation_.form

    def moved(self, network: str | PathLike[str]) -> Self:
        """Return the same features, of the same network in another file."""
        other = copy(self)
        other.network, other.content_ = network, None
        return other

    def embedded(self) -> Self:
        """Return the same features with the network itself, which then needs no file."""
        other = copy(self)
        if self.content_ is None:
            other.content_ = np.frombuffer(self._opened().path.read_bytes(), np.uint8)
        return other

    def transform(self, X: Sequence[Picture], *, progress: Progress | None = None) -> Floats:
        """Return the vectors of pictures, shape (n, n_features), float32.

        Parameters
        ----------
        X : sequence of pictures, or ndarray of shape (n, h, w) or (n, h, w, c), uint8
            Each an array of shape (h, w), (h, w, 3) or (h, w, 4), the path or the content of a
            file, or an image of Pillow's; of any sizes.
        progress : callable, default=None
            Called from time to time as ``progress(done, total)``. After an exception that it
            raises, or Ctrl-C, the vectors computed so far are in the cache.

        Raises
        ------
        ValueError
            If a picture cannot be read, which the message names, or if it is given alone.
        OSError
            If a file cannot be opened.
        """
        if isinstance(X, str | bytes | PathLike | Image.Image):
            raise ValueError("one picture; give a list of pictures, [picture]")
        network, meter = self._opened(), Meter(len(X), progress)
        vectors = np.empty((len(X), network.n_features), np.float32)
        batches = [slice(i, i + self.batch_size) for i in range(0, len(X), self.batch_size)]
        cache = FeatureCache(self._cache_path())
        with _Reader(X, network.preparation.form, cache, count_threads(self.n_jobs)) as reader:
            for batch, read in zip(batches, reader.read(batches), strict=True):
                images = np.array(list(read.images.values()))
                made = network.run(images) if read.images else images
                new = dict(zip(read.images, made, strict=True))
                # A file is found again by its content, or once it is in the form of the network.
                formed = {_key(image): key for key, image in read.images.items()}
                cache.put(new, formed)
                known = {**read.known, **new}
                vectors[batch] = [known[key] for key in read.keys]
                meter.add(len(read.keys))
        return vectors

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_network"}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.three_d_array = True
        return tags

    @property
    def _n_features_out(self) -> int:
        return int(self.n_features_out_)

    def _opened(self) -> Network:
        """Return the network; open it if that was not done before with the same parameters."""
        options = {"size": self.size, "mean": self.mean, "std": self.std, "fit": self.fit_to}
        given = {name: value for name, value in options.items() if value is not None}
        if hasattr(self, "preparation_"):  # which no other file beside the network changes
            given = {**self.preparation_._asdict(), **given}
        n_threads = count_threads(self.n_jobs)
        how = (self.network, given, self.output, self.pooling, n_threads)
        opened, network = getattr(self, "_network", (None, None))
        if network is None or opened != how:
            network = Network(
                self.network,
                options=given,
                output=self.output,
                pooling=self.pooling,
                n_threads=n_threads,
                digest=getattr(self, "digest_", None),
                content=self.content_,
            )
            self._network = how, network
        return network

    def _cache_path(self) -> Path | None:
        if self.cache is False:
            return None
        network = self._opened()
        folder = cache_folder().with_name("features") if self.cache is True else Path(self.cache)
        how = repr((network.digest, network.preparation, self.output, self.pooling)).encode()
        return folder / f"{network.digest[:8]}-{xxh3_128_hexdigest(how)[:8]}.sqlite"


def _key(content: bytes | NDArray[np.uint8]) -> bytes:
    """Return the key of the content of a file, or of pixels."""
    return xxh3_128_digest(repr(np.shape(content)).encode() + bytes(content))


class _Read(NamedTuple):
    """A batch of pictures: their keys, and what is known or needed of each different one."""

    keys: list[bytes]
    known: dict[bytes, Floats]
    images: dict[bytes, NDArray[np.uint8]]


class _Reader:
    """Reads batches of pictures in threads, one batch ahead of the network."""

    def __init__(
        self, pictures: Sequence[Picture], form: Form, cache: FeatureCache, n_threads: int
    ) -> None:
        self._pictures, self._form, self._cache = pictures, form, cache
        self._ahead, self._pool = ThreadPoolExecutor(1), ThreadPoolExecutor(n_threads)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._ahead.shutdown(cancel_futures=True)
        self._pool.shutdown(cancel_futures=True)

    def read(self, batches: Sequence[slice]) -> Iterator[_Read]:
        """Yield the pictures of each batch; decoded where their vectors are not known."""
        waiting: deque[Future[_Read]] = deque()
        for batch in batches:
            waiting.append(self._ahead.submit(self._read, batch))
            if len(waiting) > 1:
                yield waiting.popleft().result()
        yield from (future.result() for future in waiting)

    def _read(self, batch: slice) -> _Read:
        rows = range(len(self._pictures))[batch]
        contents = list(self._pool.map(self._content, rows))
        keys = list(map(_key, contents))
        known = self._cache.get(keys)
        missing = {key: i for i, key in enumerate(keys) if key not in known}
        images = self._pool.map(lambda i: self._image(rows[i], contents[i]), missing.values())
        return _Read(keys, known, dict(zip(missing, images, strict=True)))

    def _content(self, row: int) -> bytes | NDArray[np.uint8]:
        """Return the content of a file, or pixels."""
        picture = self._pictures[row]
        try:
            if isinstance(picture, Image.Image):
                return decode(picture).pixels
            if isinstance(picture, np.ndarray):
                return np.ascontiguousarray(check_picture(picture))
        except ValueError as error:
            raise type(error)(f"picture {row}: {error}") from error
        return picture if isinstance(picture, bytes) else Path(picture).read_bytes()

    def _image(self, row: int, content: bytes | NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return a picture in the form of the network."""
        if isinstance(content, bytes):
            picture = self._pictures[row]
            name = f"picture {row}" if isinstance(picture, bytes) else str(picture)
            content = read_picture(content, name=name, least_size=self._form.least_size).pixels
        return self._form.apply(content)
