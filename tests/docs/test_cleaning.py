"""The page on cleaning: its code runs in the order it stands, and what it says of methods is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import lookalike
from lookalike.cli.app import app

PAGE = Path(__file__).parents[2] / "docs" / "cleaning.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.skipif(not hasattr(lookalike, "KNeighborsDenoiser"), reason="no KNeighborsDenoiser")
def test_code_runs_and_cleans(capsys: pytest.CaptureFixture[str]) -> None:
    variables: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks("python"):
        exec(compile(block, str(PAGE), "exec"), variables)
    decibels, similarity = map(float, capsys.readouterr().out.split())
    truth = variables["data"].test.images.astype(float)
    errors = {
        name: np.square(variables[name] - truth).mean() for name in ("noisy", "cleaned", "book_s")
    }
    assert errors["cleaned"] < errors["book_s"]
    assert errors["cleaned"] < errors["noisy"]
    assert decibels > 20
    assert 0.9 < similarity < 1
    assert (variables["error"] >= 0).all()


def test_commands_have_options_that_there_are() -> None:
    options = set(re.findall(r"--[a-z]+", blocks("")[0]))
    assert options
    text = CliRunner().invoke(app, ["clean", "--help"]).stdout
    assert options <= set(re.findall(r"--[a-z]+", text))
