"""Comparing what users see with the files that pin it.

UPDATE_GOLDEN=1 pytest tests/golden

writes them anew after a change that is meant; ``git diff tests/golden`` then shows what changed.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

FILES = Path(__file__).parent / "files"
MOST_LINES = 40
"""Lines of a difference that are shown."""


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Return a function that compares a text with a file, or writes the file if that is asked."""

    def check(name: str, text: str) -> None:
        path = FILES / name
        if os.environ.get("UPDATE_GOLDEN"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            return
        kept = path.read_text(encoding="utf-8") if path.exists() else ""
        if text == kept:
            return
        lines = list(
            difflib.unified_diff(
                kept.splitlines(), text.splitlines(), f"golden/{name}", "now", lineterm="", n=1
            )
        )
        more = len(lines) - MOST_LINES
        shown = [*lines[:MOST_LINES], *([f"… and {more} more lines"] if more > 0 else [])]
        cure = "If this is meant: UPDATE_GOLDEN=1 pytest tests/golden"
        pytest.fail("\n".join([*shown, cure]), pytrace=False)

    return check
