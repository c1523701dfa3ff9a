"""Progress over several searches, for a callable and as a bar with the time left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[int, int], None]


class Meter:
    """Adds up the progress of successive searches.

    Parameters
    ----------
    total : int
        Number of queries of all searches.
    tell : callable
        Called as ``tell(done, total)``.
    """

    def __init__(self, total: int, tell: Progress) -> None:
        self.total = total
        self._tell = tell
        self._before = 0

    def __call__(self, done: int, n_queries: int) -> None:
        """Report the progress of the current search, which ends if done == n_queries."""
        self._tell(self._before + done, self.total)
        if done == n_queries:
            self._before += n_queries


@contextmanager
def metered(total: int, progress: Progress | None, *, show: bool) -> Iterator[Meter | None]:
    """Provide a meter that calls ``progress`` and may show a bar on stderr; None if neither."""
    if not show:
        yield None if progress is None else Meter(total, progress)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("searching neighbours", total=total)

        def tell(done: int, total: int) -> None:
            bar.update(task, completed=done)
            if progress is not None:
                progress(done, total)

        yield Meter(total, tell)
