"""Files that are read again while the server runs: when they change, and on SIGHUP."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from lookalike.images.files import file_signature
from lookalike.web.logs import LOG

_SECONDS = 1.0  # between two looks at a file


class Followed(NamedTuple):
    """A file, and a function that reads it.

    The function gets whether the file shall be read although it has not changed since, and returns
    what is to be logged, None if nothing was done. It is called in a thread of its own.
    """

    path: Path
    read: Callable[[bool], str | None]


@asynccontextmanager
async def following(files: list[Followed]) -> AsyncIterator[None]:
    """Have files read again until the block ends."""
    asked = [asyncio.Event() for _ in files]
    tasks = [asyncio.create_task(_follow(*each)) for each in zip(files, asked, strict=True)]
    if hasattr(signal, "SIGHUP") and threading.current_thread() is threading.main_thread():
        watched = stands_on_a_terminal()

        def hang_up() -> None:
            if watched and not stands_on_a_terminal():
                signal.raise_signal(signal.SIGTERM)
            for event in asked:
                event.set()

        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hang_up)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()


def stands_on_a_terminal() -> bool:
    """Return whether there is a terminal; SIGHUP also comes when that is closed."""
    try:
        return os.isatty(sys.stdin.fileno())
    except (AttributeError, OSError, ValueError):  # there is no standard input
        return False


async def _follow(file: Followed, asked: asyncio.Event) -> None:
    known = before = None
    while True:
        try:
            async with asyncio.timeout(_SECONDS):
                await asked.wait()
        except TimeoutError:
            pass
        anyway = asked.is_set()
        asked.clear()
        now = await asyncio.to_thread(file_signature, file.path)
        # A file that has just changed may still be written.
        if anyway or (now is not None and now != known and now == before):
            known = now
            await _read(file, anyway)
        before = now


async def _read(file: Followed, anyway: bool) -> None:
    try:
        told = await asyncio.to_thread(file.read, anyway)
    except Exception as error:
        expected = isinstance(error, (OSError, ValueError, RuntimeError))
        LOG.error(
            "%s was not read again, what was read before stays: %s",
            file.path,
            error,
            exc_info=not expected,
        )
    else:
        if told is not None:
            LOG.info("%s was read again: %s", file.path, told)
