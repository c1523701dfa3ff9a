"""Model files: arrays in safetensors, everything else as JSON in the same file.

No code from a file is executed. Checksums of the description and of every array are compared when a
file is opened, so a model that opens is the one that was saved.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from xxhash import xxh3_128_hexdigest

from lookalike import __version__
from lookalike.estimators.classifier import KNeighborsClassifier
from lookalike.estimators.lookalike import LookalikeClassifier
from lookalike.estimators.vote_calibration import VoteCalibration
from lookalike.features.pretrained import PretrainedFeatures
from lookalike.features.transformers import AbsentFeatures, given_again
from lookalike.images.checks import are_bytes
from lookalike.images.exceptions import warn_caller
from lookalike.images.files import replace_file
from lookalike.images.originals import Originals
from lookalike.images.preprocessing import Form
from lookalike.models.class_registry import MODELS, name_of
from lookalike.models.safetensors_map import ModelError, map_file, no_number, once, write_file
from lookalike.models.state import from_state, to_state

if TYPE_CHECKING:
    from os import PathLike

FORMAT = "lookalike-model"
VERSION = (1, 2)
"""Version of the format. Files with the same major and at most this minor version can be read."""

_OF_VECTORS, _OTHERS = "1.2", "1.1"
"""The versions that are written: older programs open all files that hold nothing new."""

_KEYS = {"library", "class_names", "source", "form", "estimator", "checksums"}


class Opened(NamedTuple):
    """The contents of a file: its estimator, its description, the version of its format, and the
    file names and thumbnails of the training images (since version 1.1).

    In the description "library" is the version that wrote the file; "source" and "form" are those
    that `save_model` got.
    """

    estimator: Any
    description: dict[str, Any]
    version: str
    originals: Originals | None

    @property
    def form(self) -> Form | None:
        """Conversion of pictures to the form of the model's images, or None."""
        form = self.description["form"]
        return None if form is None else Form.from_dict(form)

    @property
    def calibration(self) -> VoteCalibration | None:
        """Calibration of a `KNeighborsClassifier` of pictures; None if the file has none."""
        steps = self.description.get("calibration")
        return None if steps is None else VoteCalibration(**steps)


def save_model(
    estimator: Any,
    path: str | PathLike[str],
    *,
    source: str | None = None,
    form: Form | None = None,
    originals: Originals | Sequence[Any] | None = None,
    embed_network: bool = False,
) -> None:
    """Store a fitted estimator of this package in one file.

    A network that turns pictures into vectors is stored by its name, its SHA-256 and the way in
    which pictures are prepared; any other transformer or function is not stored at all, and is
    given again to `load_model`.

    The file is written under another name, flushed, and then renamed: whatever happens, either the
    old or the new file exists.

    Parameters
    ----------
    estimator : estimator
        Any fitted estimator of this package.
    path : path-like
        For example ``"digits.lookalike"``.
    source : str, optional
        Origin of the training images, for information.
    form : Form, optional
        Conversion of pictures to the form of the training images: ``data.form`` of a data set. A
        network has a form of its own.
    originals : Originals or sequence of pictures, optional
        File names and thumbnails of the training images: ``data.train.originals``; or the training
        pictures, as `PretrainedFeatures` takes them, of which thumbnails are made.
    embed_network : bool, default=False
        Whether the network that makes vectors is in the file, too, which then needs no other.

    Raises
    ------
    ModelError
        If the estimator is not one of this package, or holds something that a file cannot store,
        for example a function as metric.
    NotFittedError
        If the estimator is not fitted.
    OSError
        If the file can not be written.

    Warns
    -----
    UserWarning
        If a classifier of images was not fitted to whole numbers 0 to 255, as pictures have.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from lookalike import KNeighborsClassifier, load_dataset, load_model, save_model
    >>> data = load_dataset("digits")
    >>> classifier = KNeighborsClassifier(3).fit(data.train.images, data.train.labels)
    >>> with TemporaryDirectory() as folder:
    ...     save_model(classifier, Path(folder, "digits.lookalike"))
    ...     again = load_model(Path(folder, "digits.lookalike"))
    >>> bool((again.predict(data.test.images) == classifier.predict(data.test.images)).all())
    True
    """
    if name_of(estimator) not in MODELS:
        raise ModelError(
            f"{type(estimator).__name__} is not an estimator of this package; store it with joblib"
        )
    check_is_fitted(estimator)
    classifier = getattr(estimator, "best_estimator_", estimator)
    features = getattr(classifier, "features_", None)
    if isinstance(features, PretrainedFeatures):
        form = features.form_
        if embed_network:
            estimator = copy(classifier)
            estimator.features_ = features.embedded()
    elif embed_network:
        raise ModelError("embed_network=True, but no network makes vectors; leave it out")
    elif features is not None:
        absent = AbsentFeatures(f"{' '.join(repr(classifier.features).split()):.80}")
        estimator = copy(classifier)
        estimator.features = estimator.features_ = absent
    calibration = None
    if is_of_images(classifier):
        if why := why_no_bytes(classifier):
            warn_caller(f"{path} can be loaded, but lookalike predict and serve refuse it: {why}")
        elif VoteCalibration.can_learn(classifier):
            calibration = VoteCalibration.learn(classifier).to_dict()
    state, arrays = to_state(estimator)
    if originals is not None:
        if not isinstance(originals, Originals):
            originals = Originals.of_pictures(originals)
        check_originals(originals, classifier)
        arrays |= originals.to_arrays()
    has_vectors = name_of(estimator) == "matching.NormalizeVectors" or is_of_vectors(classifier)
    version = _OF_VECTORS if has_vectors else _OTHERS
    classes = getattr(estimator, "classes_", None)
    description = json.dumps(
        {
            "library": __version__,
            "version": version,
            "class_names": _names(classes),
            "source": source,
            "form": None if form is None else form.to_dict(),
            **({} if calibration is None else {"calibration": calibration}),
            "estimator": state,
            "checksums": {name: xxh3_128_hexdigest(array.data) for name, array in arrays.items()},
        },
        allow_nan=False,
        ensure_ascii=False,
        separators=(",", ":"),
    )
    metadata = {
        "format": FORMAT,
        "version": version,
        "description": description,
        "checksum": xxh3_128_hexdigest(description.encode("utf-8", "surrogatepass")),
    }
    replace_file(Path(path), lambda beside: write_file(beside, arrays, metadata))


def check_originals(originals: Originals, estimator: Any) -> None:
    """Raise `ModelError` if there are not as many file names as training images."""
    if len(originals) != (n := int(estimator.n_samples_fit_)):
        raise ModelError(
            f"{len(originals):,} file names for {n:,} training images; give one for each, or none"
        )


def load_model(path: str | PathLike[str], *, features: Any = None) -> Any:
    """Return the estimator of a file, whose arrays are memory-mapped.

    Several processes share the memory of one file. Meanwhile it must not be overwritten in place;
    `save_model` never does this. The network that a model was trained with is opened at the first
    question.

    Parameters
    ----------
    path : path-like
    features : path, fitted transformer or callable, optional
        For a model that was trained with features: where the file of its network is now, if it is
        neither where it was nor beside the model file; or the transformer or function of your own
        with which it was trained, which no file holds.

    Raises
    ------
    ModelError
        If the file is not a model, is damaged, or has an unsupported version.
    OSError
        If it can not be read.
    ValueError, TypeError
        If features do not suit the model.
    """
    estimator = open_file(Path(path)).estimator
    if features is not None:
        estimator.features_ = given_again(getattr(estimator, "features_", None), features)
        estimator.features = features
    return estimator


def open_file(path: Path) -> Opened:
    """Return all contents of a file; errors as `load_model`."""
    arrays, description, version = _read_description(path)
    checksums = description["checksums"]
    if checksums.keys() != arrays.keys():
        raise ModelError(f"{path} is damaged: its arrays differ from its description")
    for name, array in arrays.items():
        if xxh3_128_hexdigest(array.data) != checksums[name]:
            raise ModelError(f"{path} is damaged: array {name!r} has a wrong checksum")
    try:
        estimator = from_state(description["estimator"], arrays)
        if name_of(estimator) not in MODELS:
            raise ModelError(f"it holds {type(estimator).__name__} instead of an estimator")
        check_is_fitted(estimator)
        has_originals = any(name.startswith("originals/") for name in arrays)
        originals = Originals.from_arrays(arrays) if has_originals else None
        opened = Opened(estimator, description, version, originals)
        form, _ = opened.form, opened.calibration
        features = getattr(estimator, "features_", None)
        if isinstance(features, PretrainedFeatures):
            if form != features.form_:
                raise ModelError("its form is not that of its network")
            beside = path.with_name(Path(features.network).name)
            is_here = features.content_ is not None or Path(features.network).is_file()
            if not is_here and beside.is_file():
                estimator.features_ = features.moved(beside)
    except Exception as error:  # unchecked attributes may raise anything
        said = " ".join(str(error).split())
        raise ModelError(f"{path} is damaged or was made by hand: {said:.300}") from error
    return opened


def _read_description(path: Path) -> tuple[Mapping[str, NDArray[Any]], dict[str, Any], str]:
    """Return a file's arrays, whose checksums are not yet compared, its description and version."""
    arrays, metadata = map_file(path)
    if metadata.get("format") != FORMAT:
        raise ModelError(f"{path} is a safetensors file but not a model of lookalike")
    version = metadata.get("version", "")
    _check_version(version, path)
    text = metadata.get("description", "")
    if xxh3_128_hexdigest(text.encode("utf-8", "surrogatepass")) != metadata.get("checksum"):
        raise ModelError(f"{path} is damaged: its description has a wrong checksum")
    try:
        description = json.loads(text, object_pairs_hook=once, parse_constant=no_number)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is damaged: its description is not JSON") from error
    _check_description(description, path)
    # The description, which has a checksum, repeats the version; the first files of 1.1 lack it.
    if description.get("version", version) != version:
        raise ModelError(f"{path} is damaged: its version differs from that of its description")
    return arrays, description, version


def _check_description(description: Any, path: Path) -> None:
    if type(description) is not dict or not description.keys() >= _KEYS:
        raise ModelError(f"{path} is damaged: its description lacks {', '.join(sorted(_KEYS))}")
    source, names = description["source"], description["class_names"]
    is_right = {
        "library": type(description["library"]) is str,
        "source": source is None or type(source) is str,
        "class_names": names is None or _are_names(names),
        "checksums": type(description["checksums"]) is dict,
    }
    for key, right in is_right.items():
        if not right:
            raise ModelError(f"{path} is damaged: {key} has a wrong type in its description")


def _are_names(value: Any) -> bool:
    """Return whether a value is a list of strings, or of lists of strings."""
    return type(value) is list and all(
        type(one) is str or (type(one) is list and all(type(name) is str for name in one))
        for one in value
    )


def _check_version(version: str, path: Path) -> None:
    if not re.fullmatch(r"[0-9]{1,9}\.[0-9]{1,9}", version):
        raise ModelError(f"{path} has the version {version[:20]!r}, which is not a valid version")
    major, minor = map(int, version.split("."))
    if major != VERSION[0] or minor > VERSION[1]:
        raise ModelError(
            f"{path} has version {version}, but lookalike {__version__} reads "
            f"{VERSION[0]}.0 to {VERSION[0]}.{VERSION[1]}; "
            + ("install a newer lookalike" if (major, minor) > VERSION else "train it again")
        )


def _names(classes: Any) -> list[Any] | None:
    """Return class names in their order; a list per output if there are several."""
    if classes is None:
        return None
    if isinstance(classes, list):
        return [_names(own) for own in classes]
    return [str(one) for one in np.asarray(classes).tolist()]


def why_no_bytes(estimator: Any) -> str | None:
    """Return why a fitted classifier of images cannot take bytes; None if it can."""
    if isinstance(estimator, LookalikeClassifier):
        levels: Any = estimator.levels_
        dtype, low, high = np.dtype(levels.dtype), levels.low, levels.high
        known = dtype == np.uint8
    else:
        rows = estimator.training_images()
        dtype, known = rows.dtype, are_bytes(rows)
        low, high = (0, 0) if known else (rows.min(), rows.max())
    if known:
        return None
    cure = "scale and round them to those, and fit again"
    if -1 <= low <= high <= 1:
        scaled = "255 * X" if low >= 0 else "127.5 * (X + 1)"
        cure = f"fit it to np.rint({scaled}).astype('uint8')"
    return (
        f"the classifier was fitted to images of {dtype} from {low:g} to {high:g}, but pixels of "
        f"files are whole numbers 0 to 255; {cure}"
    )


def is_of_vectors(estimator: Any) -> bool:
    """Return whether an estimator is a `LookalikeClassifier` of vectors, with features or not."""
    return isinstance(estimator, LookalikeClassifier) and len(estimator.image_shape_) == 1


def is_of_images(estimator: Any) -> bool:
    """Return whether an estimator is a classifier of images with one label each."""
    return (
        isinstance(estimator, KNeighborsClassifier | LookalikeClassifier)
        and not getattr(estimator, "outputs_2d_", False)
        and len(estimator.image_shape_ or ()) > 1
    )
