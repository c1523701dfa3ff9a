"""Location of data sets: ``$LOOKALIKE_DATA``, the user's cache folder, or the network."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from lookalike.images.catalogue import CATALOGUE, CatalogueEntry, CatalogueFile
from lookalike.images.checks import RawDataset, RawPart
from lookalike.images.exceptions import DatasetNotFoundError
from lookalike.images.fetch import download

TIMEOUT = 10.0
"""Seconds to wait for an answer from the network."""


class FoundDataset(NamedTuple):
    """A data set that can be loaded by its name.

    Attributes
    ----------
    name : str
        Name for ``load_dataset``.
    where : Path or None
        Folder of the data set; None if it is bundled or not yet downloaded.
    source : str
        Origin: "bundled with scikit-learn", "on this machine" or "download".
    """

    name: str
    where: Path | None
    source: str


def cache_folder() -> Path:
    """Return the folder for downloaded data sets."""
    from platformdirs import user_cache_path

    return user_cache_path("lookalike", appauthor=False) / "data"


def data_folders() -> list[Path]:
    """Return the folders that are searched for data sets by name, in order."""
    own = os.environ.get("LOOKALIKE_DATA")
    return [*([Path(own).expanduser()] if own else []), cache_folder()]


def find_datasets() -> list[FoundDataset]:
    """List the data sets that can be loaded by name, whether they are on this machine or not.

    Returns
    -------
    list of FoundDataset
        The bundled digits, the data sets that can be downloaded, then the other folders in
        ``$LOOKALIKE_DATA`` and in the cache folder. No file is read.

    Examples
    --------
    >>> from lookalike.images.store import find_datasets
    >>> [dataset.name for dataset in find_datasets()][:4]
    ['digits', 'mnist', 'fashion-mnist', 'kmnist']
    """
    found = [FoundDataset("digits", None, "bundled with scikit-learn")]
    for name in CATALOGUE:
        where = find_folder(name)
        found.append(FoundDataset(name, where, "on this machine" if where else "download"))
    known = {dataset.name for dataset in found}
    for parent in data_folders():
        for folder in sorted(parent.iterdir()) if parent.is_dir() else []:
            if folder.is_dir() and folder.name not in known and not folder.name.startswith("."):
                found.append(FoundDataset(folder.name, folder, "on this machine"))
                known.add(folder.name)
    return found


def find_folder(name: str) -> Path | None:
    """Return the first folder of this name with a complete data set, or None."""
    for parent in data_folders():
        folder = parent / name
        entry = CATALOGUE.get(name)
        if folder.is_dir() and (entry is None or _is_complete(folder, entry)):
            return folder
    return None


def fetch_dataset(name: str, *, timeout: float = TIMEOUT, progress: bool = True) -> Path:
    """Download a named data set if it is not on this machine.

    Parameters
    ----------
    name : str
        "mnist", "fashion-mnist" or "kmnist".
    timeout : float
        Seconds to wait for any mirror to answer, and for pauses of an answering one. Without a
        network the call takes this long.
    progress : bool
        Show a progress bar on a terminal.

    Returns
    -------
    Path
        Folder of the files.

    Raises
    ------
    DatasetNotFoundError
        If the name is unknown, or if no mirror delivers the data set.
    DatasetError
        If the cache folder is not writable.

    Examples
    --------
    >>> from lookalike.images.store import fetch_dataset
    >>> try:
    ...     fetch_dataset("mnits")
    ... except ValueError as error:
    ...     print(error)
    no data set 'mnits' to fetch; try mnist, fashion-mnist, kmnist
    """
    folder = find_folder(name)
    if folder is not None:
        return folder
    if name not in CATALOGUE:
        raise DatasetNotFoundError(f"no data set {name!r} to fetch; try {', '.join(CATALOGUE)}")
    folder = cache_folder() / name
    download(name, CATALOGUE[name], folder, timeout=timeout, progress=progress)
    return folder


def read_named(name: str, folder: Path) -> RawDataset:
    """Read a data set of the catalogue from its folder, and check shapes and hashes.

    Raises
    ------
    DatasetError
        If a file is damaged or is not the expected one.
    """
    entry = CATALOGUE[name]
    arrays = {key: file.read(_lying_in(folder, file)) for key, file in entry.files.items()}
    train, test = (
        RawPart(arrays[part, "images"], arrays[part, "labels"], str(folder))
        for part in ("train", "test")
    )
    return RawDataset(train, test, entry.class_names, str(folder))


def _is_complete(folder: Path, entry: CatalogueEntry) -> bool:
    return all(_lying_in(folder, file).exists() for file in entry.files.values())


def _lying_in(folder: Path, file: CatalogueFile) -> Path:
    """Return the path of a file in this folder, uncompressed if it exists."""
    uncompressed = folder / file.uncompressed_name
    return uncompressed if uncompressed.exists() else folder / file.name
