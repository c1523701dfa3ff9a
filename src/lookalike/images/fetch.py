"""Download of the files of a named data set, from the first mirror that delivers them.

A file is received under a temporary name, read and checked against its hash, and only then renamed
atomically. Even if downloads are interrupted or run in parallel, a file under its final name is
therefore correct.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from lookalike.images.catalogue import CatalogueEntry, CatalogueFile
from lookalike.images.exceptions import DatasetError, DatasetNotFoundError
from lookalike.images.files import filled_folder

if TYPE_CHECKING:
    from rich.progress import Progress

_CHUNK = 2**16


def download(
    name: str, entry: CatalogueEntry, folder: Path, *, timeout: float, progress: bool
) -> None:
    """Download those files of a data set that ``folder`` does not contain yet.

    Parameters
    ----------
    name : str
        Name of the data set, for messages.
    entry : CatalogueEntry
        Files and mirrors of the data set.
    folder : Path
        Destination, created if necessary.
    timeout : float
        Seconds to wait for any mirror to answer, and for pauses of an answering one.
    progress : bool
        Show a progress bar on a terminal.

    Raises
    ------
    DatasetNotFoundError
        If no mirror delivers a correct file in time; the message gives each mirror's reason.
    DatasetError
        If the folder is not writable.
    """
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
        except (DatasetError, _TransferError) as error:
            failures[mirror] = str(error)
    raise _not_downloadable(name, file.name, failures)


class _TransferError(Exception):
    """A mirror did not deliver."""


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
                raise _TransferError(_reason(error)) from error
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

    def flush(self) -> None:
        """Do nothing: the file buffers its chunks."""

    def update(self, n_bytes: int) -> None:
        """Ignore pooch's count, which is in whole chunks; `write` counts bytes."""

    def reset(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing: the bar belongs to `Progress`."""


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
