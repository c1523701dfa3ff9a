"""Progress of long work: a callable, a sum over parts of the work, a bar with the time left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

Progress = Callable[[int, int], None]  # called from time to time as progress(done, total)


class StagedProgress(Protocol):
    """Receives what is done now, and how far it is."""

    def start(self, what: str) -> None:
        """Begin another part of the work."""

    def __call__(self, done: int, total: int) -> None:
        """Note how far this part is."""


class Meter:
    """Adds up the progress of successive parts of one piece of work, ``total`` units in all.

    If ``shown`` is given, ``progress`` gets that total instead, and what is done in proportion.
    """

    def __init__(self, total: int, progress: Progress | None, *, shown: int | None = None) -> None:
        self._total = total
        self._progress = progress
        self._shown = total if shown is None else shown
        self._before = 0

    def __call__(self, done: int, n_units: int) -> None:
        """Report the progress of the current part, which ends if done == n_units."""
        now = self._before + done
        if self._progress is not None:
            self._progress(now * self._shown // max(1, self._total), self._shown)
        if done == n_units:
            self._before = now

    def add(self, n_units: int) -> None:
        """Report a part that is done."""
        self(n_units, n_units)

    def end(self) -> None:
        """Report that all parts are done."""
        self.add(self._total - self._before)


@contextmanager
def metered(total: int, progress: Progress | None, *, show: bool) -> Iterator[Meter | None]:
    """Provide a meter that calls ``progress`` and may show a bar on stderr; None if neither."""
    if not show:
        yield None if progress is None else Meter(total, progress)
        return
    from rich.console import Console
    from rich.progress import Progress, TimeRemainingColumn

    *columns, _ = Progress.get_default_columns()
    columns.append(TimeRemainingColumn(elapsed_when_finished=True))
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("searching neighbours", total=total)

        def tell(done: int, total: int) -> None:
            bar.update(task, completed=done)
            if progress is not None:
                progress(done, total)

        yield Meter(total, tell)
