"""Read scikit-learn's own data sets: a Bunch, a data set on OpenML, the bundled digits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.images.checks import RawDataset, RawPart
from lookalike.images.exceptions import DatasetError, DatasetNotFoundError
from lookalike.images.pixels import stack_images


def read_digits() -> RawDataset:
    """Read the 1,797 digits of 8 × 8 pixels, values 0 to 16, that scikit-learn brings along."""
    from sklearn.datasets import load_digits

    return read_bunch(load_digits(), source="scikit-learn's bundled digits")


def read_bunch(bunch: Mapping[str, Any], *, source: str = "Bunch") -> RawDataset:
    """Read a scikit-learn Bunch, such as ``fetch_olivetti_faces()`` or ``fetch_openml(...)``.

    Parameters
    ----------
    bunch : Bunch
        ``images`` or ``data``, and ``target``; ``target_names``, if there are as many as
        integer targets need, name the classes.
    source : str
        What to call it.

    Raises
    ------
    DatasetError
        If it has no images or no target.
    """
    images = bunch.get("images", bunch.get("data"))
    target = bunch.get("target")
    if images is None or target is None:
        raise DatasetError(
            f"{source} has only {sorted(bunch)}; a Bunch needs data (or images) and target"
        )
    try:
        part = RawPart(np.asarray(stack_images(images)), np.asarray(target), source)
    except ValueError as error:  # ragged lists
        raise DatasetError(f"{source}: {error}; give images of one shape") from error
    return RawDataset(part, None, _class_names(bunch, part.labels), source)


def _class_names(bunch: Mapping[str, Any], labels: NDArray[Any]) -> tuple[str, ...] | None:
    names = bunch.get("target_names")
    if names is None or labels.dtype.kind not in "iu" or labels.size == 0:
        return None
    if len(names) <= labels.max():  # OpenML's are the names of target columns, not of classes
        return None
    return tuple(str(name) for name in names)


def read_openml(name: str) -> RawDataset:
    """Read a data set of https://www.openml.org, downloaded once into scikit-learn's data home.

    Parameters
    ----------
    name : str
        The name of a data set, such as ``"mnist_784"`` (its active version), or its number,
        such as ``"554"``, which says the version too.

    Raises
    ------
    DatasetNotFoundError
        If OpenML has no such data set or cannot be reached.
    DatasetError
        If the data set cannot be read.
    """
    from sklearn.datasets import fetch_openml

    which: dict[str, Any] = {"data_id": int(name)} if name.isdecimal() else {"name": name}
    try:
        bunch = fetch_openml(**which, as_frame=False, n_retries=1)
    except ImportError as error:
        raise DatasetError(
            f"reading {name!r} from OpenML needs pandas: {error}; pip install pandas"
        ) from error
    except (OSError, ValueError) as error:
        raise DatasetNotFoundError(
            f"{name!r} cannot be had from OpenML: {error}; check the name and the network"
        ) from error
    return read_bunch(bunch, source=f"OpenML {name}")
