"""Where a command's results, progress and notices go."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

INDENT = 3
"""Columns by which the result of a step is indented."""


class Screen:
    """Results on stdout, progress on stderr; the latter only where somebody watches.

    Parameters
    ----------
    as_json : bool
        Results are one JSON document; what is meant for eyes is not shown.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.out = Console(highlight=False, quiet=as_json)
        self._err = Console(stderr=True)

    @property
    def is_watched(self) -> bool:
        """Whether progress is seen."""
        return self._err.is_terminal

    def result(self, document: dict[str, Any]) -> None:
        """Print the JSON document, if it is wanted."""
        if self.as_json:
            print(json.dumps(document, indent=2))

    def say(self, content: RenderableType = "", style: str = "") -> None:
        """Print text (with rich's markup if a str) or a table, indented as part of a step."""
        if content == "":
            self.out.print()
            return
        if isinstance(content, str):
            content = Text.from_markup(content)
        self.out.print(Padding(content, (0, 0, 0, INDENT), expand=False), style=style)

    @contextmanager
    def bar(self, *, time_left: bool = False) -> Iterator[Bar]:
        """Give a progress bar that appears when first used and goes away at the end.

        Beside it stands the time that has gone, or that is left.
        """
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn() if time_left else TimeElapsedColumn(),
        )
        progress = Progress(
            *columns, console=self._err, transient=True, disable=not self._err.is_terminal
        )
        try:
            yield Bar(progress)
        finally:
            progress.stop()


class Bar:
    """The progress of one step, which may do several things one after the other."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", start=False, total=None)

    def start(self, what: str) -> None:
        """Say what is done now; how far it is, is not known yet."""
        self._progress.start()
        self._progress.reset(self._task, description=what, total=None, completed=0)

    def __call__(self, done: int, total: int) -> None:
        """Show how far it is."""
        self._progress.update(self._task, completed=done, total=total)
