"""A folder of results that a failed run leaves as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.images.files import filled_folder

if TYPE_CHECKING:
    from lookalike.cli.screen import Screen


@contextmanager
def filled_at_the_end(folder: Path | None, *, option: str = "--out") -> Iterator[Path | None]:
    """Give an empty folder to write files into, as `filled_folder` does.

    Parameters
    ----------
    folder : Path or None
        None, if nothing is to be written, is given as it is.
    option : str, default="--out"
        That names the folder, for errors.

    Raises
    ------
    OSError
        If the folder cannot be made or written to.
    """
    if folder is None:
        yield None
        return
    with filled_folder(folder, cure=f"name another folder by {option}") as scratch:
        yield scratch


def say_written(what: str, folder: Path | None, screen: Screen) -> None:
    """Print what was written into a folder, if there is one."""
    if folder is not None:
        from rich.text import Text

        screen.out.print()
        screen.out.print(Text(f"Wrote {what} into {folder}"), soft_wrap=True)
