"""The page on millions of rows: its code runs in the order it stands, and its ways agree."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike import NearestNeighbors

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"


def test_code_runs_and_agrees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    variables: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(block, str(PAGE), "exec"), variables)
    pictures, classifier = variables["pictures"], variables["classifier"]
    wanted = NearestNeighbors().fit(pictures).neighbors(pictures[:100], 20)
    np.testing.assert_array_equal(variables["indices"], wanted.indices[:5, :3])
    np.testing.assert_array_equal(variables["table"].indices, wanted.indices)
    for k, found in variables["predicted"].items():
        again = classifier.set_params(n_neighbors=k).predict(pictures[:100])
        np.testing.assert_array_equal(found, again)
