"""Data sets by name: in ``$LOOKALIKE_DATA``, in the user's cache folder, or on the network.

A file is received under a temporary name from the first mirror that delivers it, read and checked
against its hash, and only then renamed atomically. Even if downloads are interrupted or run in
parallel, a file under its final name is therefore correct.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

import numpy as np

from lookalike.images.catalogue import CATALOGUE, CatalogueEntry, CatalogueFile
from lookalike.images.checks import RawDataset, RawPart
from lookalike.images.exceptions import DatasetError, DatasetNotFoundError, warn_caller
from lookalike.images.files import filled_folder

if TYPE_CHECKING:
    from rich.progress import Progress

TIMEOUT = 10.0  # seconds to wait for an answer from the network
_CHUNK = 2**16


class FoundDataset(NamedTuple):
    """A data set that can be loaded by its name.

    ``where`` is its folder, or None if it is bundled or not yet downloaded; ``source`` is "bundled
    with scikit-learn", "on this machine" or "download".
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

    These are the bundled digits, those that can be downloaded, and then the other folders in
    ``$LOOKALIKE_DATA`` and in the cache folder. No file is read.
    """
    found = {"digits": FoundDataset("digits", None, "bundled with scikit-learn")}
    for name in CATALOGUE:
        where = find_folder(name)
        found[name] = FoundDataset(name, where, "on this machine" if where else "download")
    for parent in data_folders():
        for folder in sorted(parent.iterdir()) if parent.is_dir() else []:
            if folder.is_dir() and not folder.name.startswith("."):
                found.setdefault(folder.name, FoundDataset(folder.name, folder, "on this machine"))
    return list(found.values())


def find_folder(name: str) -> Path | None:
    """Return the first folder of this name with a complete data set, or None."""
    files = CATALOGUE[name].files.values() if name in CATALOGUE else ()
    for folder in (parent / name for parent in data_folders()):
        if folder.is_dir() and all(file.path_in(folder).exists() for file in files):
            return folder
    return None


def read_catalogued(name: str, *, may_fetch: bool, timeout: float, progress: bool) -> RawDataset:
    """Read a data set of the catalogue, downloaded if it may be; check shapes and hashes."""
    folder = find_folder(name)
    if folder is None and not may_fetch:
        raise DatasetNotFoundError(
            f"{name} lies in none of {', '.join(str(path / name) for path in data_folders())}; "
            "put its files there or allow download=True"
        )
    warn_if_shadowed(name, folder)
    folder = folder or fetch_dataset(name, timeout=timeout, progress=progress)
    entry = CATALOGUE[name]
    arrays = {key: file.read(file.path_in(folder)) for key, file in entry.files.items()}
    train, test = (
        RawPart(arrays[part, "images"], arrays[part, "labels"], str(folder))
        for part in ("train", "test")
    )
    return RawDataset(train, test, entry.class_names, str(folder))


def resolve(name_or_path: str | os.PathLike[str]) -> Path:
    """Return the path of a data set that is not in the catalogue, given by its path or its name."""
    path, name = Path(name_or_path).expanduser(), os.fspath(name_or_path)
    folder = find_folder(name) if Path(name).name == name else None
    if path.exists():
        if folder is not None and not isinstance(name_or_path, Path) and not path.samefile(folder):
            warn_caller(f"{name!r} is the folder here, and not the data set in {folder}")
        return path
    if folder is not None:
        return folder
    names = [dataset.name for dataset in find_datasets()]
    close = get_close_matches(name, names, n=1)
    meant = f"did you mean {close[0]!r}?" if close else f"names are {', '.join(names)}."
    raise DatasetNotFoundError(
        f"{name!r} is neither a data set's name nor an existing path; {meant} "
        "Data sets on OpenML are called 'openml:<name>'"
    )


def warn_if_shadowed(name: str, folder: Path | None) -> None:
    """Warn if the data set that is taken has the name of a folder here."""
    here = Path(name)
    if here.is_dir() and (folder is None or not here.samefile(folder)):
        warn_caller(
            f"{name!r} is taken for the data set of that name, and not for the folder here; write "
            f"{'./' + name!r} for the folder"
        )


def fetch_dataset(name: str, *, timeout: float = TIMEOUT, progress: bool = True) -> Path:
    """Return the folder of a named data set, downloaded if it is not on this machine.

    Without a network the call takes ``timeout`` seconds: it waits so long for any mirror to answer,
    and for pauses of one that answers. DatasetNotFoundError says if the name is unknown or no
    mirror delivers the data set, DatasetError if the cache folder is not writable.
    """
    folder = find_folder(name)
    if folder is not None:
        return folder
    if name not in CATALOGUE:
        raise DatasetNotFoundError(f"no data set {name!r} to fetch; try {', '.join(CATALOGUE)}")
    folder = cache_folder() / name
    download(name, CATALOGUE[name], folder, timeout=timeout, progress=progress)
    return folder


def download(
    name: str, entry: CatalogueEntry, folder: Path, *, timeout: float, progress: bool
) -> None:
    """Download those files of a data set that ``folder`` does not contain yet."""
    missing = [file for file in entry.files.values() if not (folder / file.name).exists()]
    if not missing:
        return
    mirrors = _answering_first(name, entry.mirrors, missing[0].name, timeout)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _progress_bar(progress) as bar:
            for file in missing:
                _download_file(name, file, mirrors, folder, timeout, bar)
    except OSError as error:
        raise DatasetError(
            f"{folder} is not writable: {error}; free space or set another cache folder"
        ) from error


def _answering_first(
    name: str, mirrors: tuple[str, ...], filename: str, timeout: float
) -> list[str]:
    """Ask all mirrors at once; return the first that answers, then the others, without dead ones.

    Threads limit the wait: a socket's timeout does not cover the look-up of the host's name, which
    can hang for minutes. They are daemons, so that nothing waits for a hanging one.
    """
    from pooch import HTTPDownloader

    answers: queue.Queue[tuple[str, str | None]] = queue.Queue()

    def ask(mirror: str) -> None:
        downloader = HTTPDownloader(timeout=timeout)
        try:
            available = downloader(mirror + filename, None, None, check_only=True)
            answers.put((mirror, None if available else "does not have the file"))
        except Exception as error:
            answers.put((mirror, _reason(error)))

    for mirror in mirrors:
        threading.Thread(target=ask, args=(mirror,), daemon=True).start()
    deadline = time.monotonic() + timeout
    failures = dict.fromkeys(mirrors, f"no answer within {timeout:g} s")
    alive = list(mirrors)
    while alive:
        try:
            mirror, failure = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        if failure is None:
            return [mirror, *(other for other in alive if other != mirror)]
        failures[mirror] = failure
        alive.remove(mirror)
    raise _not_downloadable(name, filename, failures)


def _download_file(
    name: str,
    file: CatalogueFile,
    mirrors: list[str],
    folder: Path,
    timeout: float,
    bar: Progress | None,
) -> None:
    failures = {}
    for mirror in mirrors:
        try:
            _download_from(mirror + file.name, file, folder, timeout, bar)
            return
        except DatasetError as error:
            failures[mirror] = str(error)
    raise _not_downloadable(name, file.name, failures)


def _download_from(
    url: str, file: CatalogueFile, folder: Path, timeout: float, bar: Progress | None
) -> None:
    from pooch import HTTPDownloader

    # in a folder of its own, because read() recognises .gz files by their names
    with filled_folder(folder) as scratch:
        part = scratch / file.name
        with part.open("wb") as stream:
            receiver = _Receiver(stream, file, bar)
            downloader = HTTPDownloader(
                progressbar=receiver,
                chunk_size=_CHUNK,
                timeout=timeout,
                headers={"Accept-Encoding": "identity"},  # do not unpack the file
            )
            try:
                downloader(url, receiver, None)
            except DatasetError:
                raise
            except Exception as error:  # requests and urllib3 have many exceptions
                raise DatasetError(_reason(error)) from error
        file.read(part)


class _Receiver:
    """The file and the progress bar for pooch; it refuses an endless file."""

    def __init__(self, stream: IO[bytes], file: CatalogueFile, bar: Progress | None) -> None:
        self.total = 0  # pooch sets it to the announced size
        self._stream = stream
        self._file = file
        self._bar = bar
        self._task = None if bar is None else bar.add_task(file.name, total=None)
        self._received = 0
        # a .gz file exceeds its content by its headers at most
        self._limit = int(np.prod(file.shape)) + 2**16

    def write(self, chunk: bytes) -> None:
        self._received += len(chunk)
        if self._received > self._limit:
            raise DatasetError(
                f"the mirror sends more than the {self._limit:,} bytes of {self._file.name}"
            )
        self._stream.write(chunk)
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, total=self.total or None, completed=self._received)

    def flush(self, *_: object) -> None:
        """Do nothing: `write` counts the bytes, and the bar and the file belong to others."""

    update = reset = close = flush


@contextmanager
def _progress_bar(progress: bool) -> Iterator[Progress | None]:
    if not progress:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        yield bar


def _reason(error: BaseException) -> str:
    """Return why a request failed: the innermost cause, which two libraries have wrapped."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"


def _not_downloadable(name: str, filename: str, failures: dict[str, str]) -> DatasetNotFoundError:
    reasons = "".join(f"\n  {mirror}: {reason}" for mirror, reason in failures.items())
    return DatasetNotFoundError(
        f"{name} could not be downloaded ({filename}); check the network, or put its files in "
        f"$LOOKALIKE_DATA/{name}/. Errors of the mirrors:{reasons}"
    )
