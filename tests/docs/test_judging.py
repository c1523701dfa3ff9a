"""The page on judging: its code runs in the order it stands, and its commands exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from lookalike.cli.app import app

PAGE = Path(__file__).parents[2] / "docs" / "judging.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.slow("runs all of the page's code")
def test_code_runs_and_finds_what_the_page_says() -> None:
    made: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks("python"):
        exec(compile(block, str(PAGE), "exec"), made)
    labels = made["test"].labels
    assert made["low"] < made["evaluation"].macro["f1"] < made["high"]
    assert made["multilabel"].output_names == ("large", "odd")
    assert made["unseen"].shape == (len(made["train"]), 10)
    assert made["promised"].precision >= 0.99
    assert made["tested"].n == len(labels)
    answered = made["answers"] >= 0
    assert answered.mean() == made["coverage"].coverage
    assert made["coverage"].accuracy > 0.99
    assert made["comparison"].beats[0].tolist() == [False, True, True]
    assert np.all(made["explanation"].prediction[made["worst"].rows] == made["worst"].predicted)
    assert np.all(made["train"].labels[made["eights"]] == 8)
    assert np.all(labels[made["hard"]] == 8)
    assert len(made["suspicious"]) == 20


def test_commands_have_options_that_there_are() -> None:
    lines = [line.split("#")[0].split() for line in blocks("")[0].splitlines()]
    assert [line[1] for line in lines] == ["evaluate", "evaluate", "compare", "audit", "tour"]
    for line in lines:
        shown = CliRunner().invoke(app, [line[1], "--help"]).stdout
        assert {word for word in line if word.startswith("--")} <= set(
            re.findall(r"--[a-z-]+", shown)
        )
