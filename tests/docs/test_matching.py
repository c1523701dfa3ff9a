"""The page on matching: its code runs, and its command exists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lookalike.cli.app import app
from lookalike.matching.matcher import COPIES
from lookalike.matching.search_spaces import SEARCH_SPACES

PAGE = Path(__file__).parents[2] / "docs" / "matching.md"
TEXT = PAGE.read_text(encoding="utf-8")


@pytest.mark.slow("fits as the page does, and chooses among many representations")
def test_code_runs_and_finds_what_the_page_says() -> None:
    made: dict[str, Any] = {"__name__": "__main__"}
    for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL):
        exec(compile(block, str(PAGE), "exec"), made)
    test = made["data"].test
    assert made["classifier"].score(test.images, test.labels) > 0.98
    assert made["best"].error < 0.02


def test_the_table_of_efforts_is_that_of_the_search_spaces() -> None:
    for effort, space in SEARCH_SPACES.items():
        cells = re.findall(rf'^\| "{effort}" \|(.*)\|$', TEXT, re.MULTILINE)[0].split("|")
        deformed = space.deformations
        names = {"forward": "forward", "both": "both ways"}
        assert [cell.strip() for cell in cells] == [
            str(len(space.representations)),
            ", ".join(names[how] for how in deformed) or "–",
            str(space.n_neighbors),
            str(space.n_components),
            str(space.longest_side),
        ]


def test_the_limits_of_growing_are_those_of_the_search_spaces() -> None:
    said = " ".join(TEXT.split())
    for effort, space in SEARCH_SPACES.items():
        assert re.search(rf'{space.most_with_copies:,} for "{effort}"', said)
    degrees = {abs(turn) for turn in COPIES["turned"].degrees}
    assert f"turned by {' and '.join(map(str, sorted(degrees)))} degrees either way" in said


def test_the_command_has_the_option_there_is() -> None:
    shown = CliRunner().invoke(app, ["train", "--help"]).stdout
    assert "--best" in shown
