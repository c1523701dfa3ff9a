"""Download the files of a named data set, from whichever mirror has them.

A file comes to its place by an atomic rename, after it was received whole, read and its hash
compared; until then it has a name of its own that nothing looks for. So whatever interrupts a
download, and however many run at once, a file that is in its place is right.
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
from lookalike.images.errors import DatasetError, DatasetNotFoundError
from lookalike.images.replace import filled_folder

if TYPE_CHECKING:
    from rich.progress import Progress

_CHUNK = 2**16


def download(
    name: str, entry: CatalogueEntry, folder: Path, *, timeout: float, progress: bool
) -> None:
    """Download those files of a data set that ``folder`` does not hold yet.

    Parameters
    ----------
    name : str
        Name of the data set, for messages.
    entry : CatalogueEntry
        Its files and mirrors.
    folder : Path
        Where the files come; made if need be.
    timeout : float
        Seconds to wait for any mirror to answer at all, and for an answering one to go on.
    progress : bool
        Show a progress bar on a terminal.

    Raises
    ------
    DatasetNotFoundError
        If no mirror answers in time or none delivers a right file; it gives each one's reason.
    DatasetError
        If the folder cannot be written to.
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
            f"{folder} cannot be written to: {error}; free space or set another cache folder"
        ) from error


def _answering_first(
    name: str, mirrors: tuple[str, ...], filename: str, timeout: float
) -> list[str]:
    """Ask all mirrors at once; put the first that answers first and leave out dead ones.

    Asking in threads bounds the wait: a socket's timeout does not cover the look-up of the
    host's name, which can hang for minutes. The threads are daemons, for nothing waits for
    one that hangs.
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

    # a folder of its own, since whether a file is checked as .gz is told by its name
    with filled_folder(folder) as scratch:
        part = scratch / file.name
        with part.open("wb") as stream:
            receiver = _Receiver(stream, file, bar)
            downloader = HTTPDownloader(
                progressbar=receiver,
                chunk_size=_CHUNK,
                timeout=timeout,
                headers={"Accept-Encoding": "identity"},  # the file itself, not unpacked
            )
            try:
                downloader(url, receiver, None)
            except DatasetError:
                raise
            except Exception as error:  # requests' and urllib3's many exceptions
                raise _TransferError(_reason(error)) from error
        file.read(part)


class _Receiver:
    """Both the file and the progress bar that pooch writes to; refuses an endless file."""

    def __init__(self, stream: IO[bytes], file: CatalogueFile, bar: Progress | None) -> None:
        self.total = 0  # pooch sets it to what the server announces
        self._stream = stream
        self._file = file
        self._bar = bar
        self._task = None if bar is None else bar.add_task(file.name, total=None)
        self._received = 0
        # no sound .gz is larger than what it holds by more than its headers
        self._limit = int(np.prod(file.shape)) + 2**16

    def write(self, chunk: bytes) -> None:
        self._received += len(chunk)
        if self._received > self._limit:
            raise DatasetError(
                f"the mirror sends more than the {self._limit:,} bytes {self._file.name} can have"
            )
        self._stream.write(chunk)
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, total=self.total or None, completed=self._received)

    def flush(self) -> None:
        """Leave flushing after every chunk to the file's buffer."""

    def update(self, n_bytes: int) -> None:
        """Ignore pooch's count, which is in whole chunks; `write` counts bytes."""

    def reset(self) -> None:
        """Keep the bar as it is."""

    def close(self) -> None:
        """Leave the bar to the `Progress` that owns it."""


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
    """Say in few words why a request failed: the innermost cause, which two libraries wrapped."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"


def _not_downloadable(name: str, filename: str, failures: dict[str, str]) -> DatasetNotFoundError:
    reasons = "".join(f"\n  {mirror}: {reason}" for mirror, reason in failures.items())
    return DatasetNotFoundError(
        f"{name} could not be downloaded ({filename}); check the network, or put its files in "
        f"$LOOKALIKE_DATA/{name}/. What each mirror said:{reasons}"
    )
