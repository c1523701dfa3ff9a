"""A model as one file: arrays in safetensors, all else in a JSON description inside it.

Nothing in a file is ever executed. Checksums of the description and of every array are compared
when a file is opened, so a model that opens is the one that was saved.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from xxhash import xxh3_128_hexdigest

import lookalike
from lookalike.images.form import Form
from lookalike.images.notices import warn_caller
from lookalike.images.originals import Originals
from lookalike.images.replace import replace_file
from lookalike.models.errors import ModelError
from lookalike.models.known import MODELS, name_of
from lookalike.models.pixels import is_of_images, why_no_bytes
from lookalike.models.safetensors_map import map_file, no_number, once, write_file
from lookalike.models.state import from_state, to_state

if TYPE_CHECKING:
    from os import PathLike

FORMAT = "lookalike-model"
VERSION = (1, 1)
"""Of the format. Files of the same first number, and a second one that is not higher, are read."""


class Opened(NamedTuple):
    """What a file holds.

    Attributes
    ----------
    estimator : estimator
    description : dict
        "library": the version that wrote it; "class_names", "source" and "form" as they were given.
    version : str
        Of the format.
    originals : Originals or None
        Since version 1.1: what is told and shown of the training images.
    """

    estimator: Any
    description: dict[str, Any]
    version: str
    originals: Originals | None

    @property
    def form(self) -> Form | None:
        """How pictures are brought to the form of the model's images, if it was given."""
        form = self.description["form"]
        return None if form is None else Form.from_dict(form)


def save_model(
    estimator: Any,
    path: str | PathLike[str],
    *,
    source: str | None = None,
    form: Form | None = None,
    originals: Originals | None = None,
) -> None:
    """Keep a fitted estimator of this package in one file.

    The file is written beside its place and put there when it is whole and flushed: whatever
    happens, the old file or the new one is there.

    Parameters
    ----------
    estimator : estimator
        Fitted; any of the package's.
    path : path-like
        Such as ``"digits.lookalike"``.
    source : str, optional
        Where the training images come from, for those who ask.
    form : Form, optional
        How pictures are brought to the form of the training images: ``data.form`` of a data set.
    originals : Originals, optional
        File names and thumbnails of the training images: ``data.train.originals``.

    Raises
    ------
    ModelError
        If the estimator is none of this package's, or holds what a file can not, such as a
        function for a metric.
    NotFittedError
        If it is not fitted.
    OSError
        If the file can not be written.

    Warns
    -----
    UserWarning
        If a classifier of images was not fitted to whole numbers 0 to 255, as pictures have them.

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
            f"{type(estimator).__name__} is no estimator of this package; keep it with joblib"
        )
    check_is_fitted(estimator)
    classifier = getattr(estimator, "best_estimator_", estimator)
    if is_of_images(classifier) and (why := why_no_bytes(classifier)):
        warn_caller(f"{path} can be loaded, but lookalike predict and serve refuse it: {why}")
    state, arrays = to_state(estimator)
    if originals is not None:
        if len(originals) != (n := int(classifier.n_samples_fit_)):
            raise ModelError(
                f"names of {len(originals):,} files for {n:,} training images; give one for each, "
                "or none"
            )
        arrays |= originals.to_arrays()
    classes = getattr(estimator, "classes_", None)
    description = json.dumps(
        {
            "library": lookalike.__version__,
            "class_names": _names(classes),
            "source": source,
            "form": None if form is None else form.to_dict(),
            "estimator": state,
            "checksums": {name: xxh3_128_hexdigest(array.data) for name, array in arrays.items()},
        },
        allow_nan=False,
        ensure_ascii=False,
        separators=(",", ":"),
    )
    metadata = {
        "format": FORMAT,
        "version": ".".join(map(str, VERSION)),
        "description": description,
        "checksum": xxh3_128_hexdigest(description.encode("utf-8", "surrogatepass")),
    }

    replace_file(Path(path), lambda beside: write_file(beside, arrays, metadata))


def load_model(path: str | PathLike[str]) -> Any:
    """Return the estimator of a file; its arrays are mapped, not read.

    Several processes share the memory of one file. It must not be overwritten in place meanwhile;
    `save_model` never does.

    Raises
    ------
    ModelError
        If the file is no model, damaged, or of a version that is not understood.
    OSError
        If it can not be read.
    """
    return open_file(Path(path)).estimator


def open_file(path: Path) -> Opened:
    """Return all that a file holds; errors as `load_model`."""
    arrays, description, version = read_description(path)
    checksums = description["checksums"]
    if checksums.keys() != arrays.keys():
        raise ModelError(f"{path} is damaged: its arrays are not those that it describes")
    for name, array in arrays.items():
        if xxh3_128_hexdigest(array.data) != checksums[name]:
            raise ModelError(f"{path} is damaged: array {name!r} is not as it was saved")
    try:
        estimator = from_state(description["estimator"], arrays)
        if name_of(estimator) not in MODELS:
            raise ModelError(f"it holds no estimator but {type(estimator).__name__}")
        check_is_fitted(estimator)
        originals = None
        if any(name.startswith("originals/") for name in arrays):
            originals = Originals.from_arrays(arrays)
        opened = Opened(estimator, description, version, originals)
        _ = opened.form
    except Exception as error:  # whatever attributes lead to that nobody checked
        said = " ".join(str(error).split())
        raise ModelError(f"{path} is damaged or was made by hand: {said:.300}") from error
    return opened


def read_description(path: Path) -> tuple[Mapping[str, NDArray[Any]], dict[str, Any], str]:
    """Return a file's arrays, not yet compared with their checksums, its description and version.

    Raises
    ------
    ModelError, OSError
        As `load_model`.
    """
    arrays, metadata = map_file(path)
    if metadata.get("format") != FORMAT:
        raise ModelError(f"{path} is a safetensors file but no model of lookalike")
    version = metadata.get("version", "")
    _check_version(version, path)
    text = metadata.get("description", "")
    if xxh3_128_hexdigest(text.encode("utf-8", "surrogatepass")) != metadata.get("checksum"):
        raise ModelError(f"{path} is damaged: its description is not as it was saved")
    try:
        description = json.loads(text, object_pairs_hook=once, parse_constant=no_number)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is damaged: its description is no JSON") from error
    _check_description(description, path)
    return arrays, description, version


def _check_description(description: Any, path: Path) -> None:
    keys = {"library", "class_names", "source", "form", "estimator", "checksums"}
    if type(description) is not dict or not keys <= description.keys():
        raise ModelError(f"{path} is damaged: its description lacks {', '.join(sorted(keys))}")
    source, names = description["source"], description["class_names"]
    is_right = {
        "library": type(description["library"]) is str,
        "source": source is None or type(source) is str,
        "class_names": names is None or _are_names(names),
        "checksums": type(description["checksums"]) is dict,
    }
    for key, right in is_right.items():
        if not right:
            raise ModelError(f"{path} is damaged: in its description, {key} is of another type")


def _are_names(value: Any) -> bool:
    """Whether it is a list of strings, or of such lists."""
    return type(value) is list and all(
        type(one) is str or (type(one) is list and all(type(name) is str for name in one))
        for one in value
    )


def _check_version(version: str, path: Path) -> None:
    if not re.fullmatch(r"[0-9]{1,9}\.[0-9]{1,9}", version):
        raise ModelError(f"{path} is of version {version[:20]!r}, which is none")
    major, minor = map(int, version.split("."))
    if major != VERSION[0] or minor > VERSION[1]:
        raise ModelError(
            f"{path} is of version {version}, and lookalike {lookalike.__version__} reads "
            f"{VERSION[0]}.0 to {VERSION[0]}.{VERSION[1]}; "
            + ("install a newer lookalike" if (major, minor) > VERSION else "train it again")
        )


def _names(classes: Any) -> list[Any] | None:
    """Return classes as text, in their order; of several outputs, a list each; None without."""
    if classes is None:
        return None
    if isinstance(classes, list):
        return [_names(own) for own in classes]
    return [str(one) for one in np.asarray(classes).tolist()]
