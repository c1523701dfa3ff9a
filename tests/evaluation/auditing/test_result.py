"""What an audit says of itself, and writes down."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from lookalike.evaluation.auditing.audit import audit
from lookalike.evaluation.auditing.result import Audit, write_tables


@pytest.fixture(scope="module")
def found() -> Audit:
    bunch = load_digits()
    images, labels = bunch.images[:300].copy(), np.array([f'"{t}", or so' for t in bunch.target])
    images[7] = images[3]
    labels[20] = labels[21]
    test = bunch.images[300:340].copy()
    test[5] = images[9]
    return audit(images, labels[:300], test=(test, labels[300:340]))


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_tables_hold_what_was_found(found: Audit, tmp_path: Path) -> None:
    files = found.to_csv(tmp_path / "new" / "folder")
    assert found.leaks is not None
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == sorted(
        path.name for path in files
    )
    tables = {path.stem: read(path) for path in files}
    issues = [
        (int(line["row"]), line["given"], line["suggested"], float(line["self_confidence"]))
        for line in tables["label_issues"]
    ]
    assert issues == [
        (issue.row, issue.given, issue.suggested, issue.self_confidence)
        for issue in found.label_issues
    ]
    copies = [(line["kind"], int(line["row"])) for line in tables["duplicates"]]
    assert copies == [
        (group.kind, row) for group in found.duplicates for row in group.rows.tolist()
    ]
    assert ("exact", 3) in copies
    assert ("exact", 7) in copies
    leaks = [(line["kind"], int(line["test_row"])) for line in tables["leaks"]]
    assert leaks == [(leak.kind, leak.test_row) for leak in found.leaks]
    assert leaks[0] == ("exact", 5)
    assert [int(line["row"]) for line in tables["outliers"]] == found.outliers.tolist()
    values = tables["values"]
    assert [float(line["value"]) for line in values] == found.values.tolist()
    assert [line["label"] for line in values] == found.labels.tolist()
    by_rank = sorted(values, key=lambda line: int(line["rank"]))
    assert [int(line["row"]) for line in by_rank] == found.ranking.tolist()


def test_without_test_images_there_is_no_table_of_leaks(found: Audit, tmp_path: Path) -> None:
    alone = replace(found, leaks=None, n_test=None)
    assert "leaks.csv" not in [path.name for path in alone.to_csv(tmp_path)]
    assert "not looked for, no test images given" in repr(alone)
    assert alone.to_dict()["leaks"] is None


def test_a_table_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    def failing() -> Any:
        yield {"x": 1}
        raise RuntimeError("no more")

    (tmp_path / "a.csv").write_text("before")
    with pytest.raises(RuntimeError, match="no more"):
        write_tables(tmp_path, {"a": ("x", failing())})
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
    assert (tmp_path / "a.csv").read_text() == "before"


def test_dict_is_json(found: Audit) -> None:
    entry = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert entry["ranking"] == found.ranking.tolist()
    assert entry["values"] == found.values.tolist()
    assert entry["n_duplicates"]["exact"] == 1
    assert entry["label_issues"][0]["given"] == found.label_issues[0].given
    assert entry["leaks"][0]["test_row"] == 5
    undefined = replace(found, outlier_cutoff=math.nan).to_dict()
    assert undefined["outlier_cutoff"] is None
    short = found.to_dict(n_rows=1)
    assert "ranking" not in short
    assert short["n_label_issues"] == len(found.label_issues)
    assert len(short["label_issues"]) == len(short["leaks"]) == 1
    with pytest.raises(ValueError, match="n_rows=-1 is negative"):
        found.to_dict(n_rows=-1)


def test_repr_counts(found: Audit) -> None:
    text = repr(found)
    assert text.startswith("Audit of 300 images, 10 classes, k = 10, in ")
    assert (
        f"label issues  {len(found.label_issues)}; an estimated {found.label_noise:.2%} of" in text
    )
    assert "1 exact group of 2 images, 1 conflicting" in text
    assert "1 exact, 0 near, of 40 test images; 1 conflicting" in text
    assert "negative; exact" in text
    assert "off by at most 0.01" in repr(replace(found, values_error_bound=0.01))
    assert "duplicates    none" in repr(replace(found, duplicates=[]))
    assert max(map(len, text.splitlines())) <= 100
