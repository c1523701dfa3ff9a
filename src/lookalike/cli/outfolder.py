"""A folder of results that a failed run leaves as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

<<<<<<< HEAD
from lookalike.images.replace import filled_folder

=======
>>>>>>> cleanroom
if TYPE_CHECKING:
    from lookalike.cli.screen import Screen


@contextmanager
def filled_at_the_end(folder: Path | None, *, option: str = "--out") -> Iterator[Path | None]:
<<<<<<< HEAD
    """Give an empty folder to write files into, as `filled_folder` does.
=======
    """Give an empty folder to write files into; at the end they move to ``folder`` at once.

    The folder to write into is made beside ``folder``, on the same disk, so that moving is
    renaming; and it is made at the start, so that a place that cannot be written to is known
    before the work is done. If the work fails it goes away with all that is in it.
>>>>>>> cleanroom

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
<<<<<<< HEAD
    with filled_folder(folder, cure=f"name another folder by {option}") as scratch:
        yield scratch
=======
    place = next(path for path in (folder.resolve(), *folder.resolve().parents) if path.exists())
    try:
        scratch = tempfile.TemporaryDirectory(prefix=".lookalike-", dir=place)
    except OSError as error:
        raise OSError(
            f"{folder} cannot be written to: {error.strerror}; name another folder by {option}"
        ) from error
    with scratch as path:
        yield Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        for file in sorted(Path(path).iterdir()):
            os.replace(file, folder / file.name)
>>>>>>> cleanroom


def say_written(what: str, folder: Path | None, screen: Screen) -> None:
    """Print what was written into a folder, if there is one."""
    if folder is not None:
        from rich.text import Text

        screen.out.print()
        screen.out.print(Text(f"Wrote {what} into {folder}"), soft_wrap=True)
