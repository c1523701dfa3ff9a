"""The JSON twin: all numbers, and a reason for each that is missing."""

import json
from typing import Any

import numpy as np
import pytest
from tests.reports.samples import NASTY, full_report

from lookalike.reports.as_json import to_json
from lookalike.reports.blocks import Column, Report, Section, Table, Undefined


def strict(text: str) -> Any:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


def resolve(document: Any, pointer: str) -> Any:
    """What a JSON pointer leads to (RFC 6901)."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        document = document[int(key) if isinstance(document, list) else key]
    return document


def test_numbers_have_all_their_digits() -> None:
    third = 1 / 3
    table = Table(["a", Column("b", ".0%")], [["x", third]], "Thirds")
    document = strict(to_json(Report("t", sections=[Section("s", [table])])))
    shown = document["sections"][0]["blocks"][0]
    assert shown == {
        "kind": "table",
        "caption": "Thirds",
        "columns": ["a", "b"],
        "rows": [["x", third]],
    }


def test_arrays_and_numpy_scalars_become_plain() -> None:
    numbers = {
        "counts": np.array([[1, 2], [3, 4]]),
        "rate": np.float32(0.5),
        "n": np.int64(7),
        "flag": np.bool_(True),
        "names": ("a", "b"),
        "nothing": None,
        3: "key",
    }
    document = strict(to_json(Report("t", numbers=numbers)))  # type: ignore[arg-type]
    assert document["numbers"] == {
        "counts": [[1, 2], [3, 4]],
        "rate": 0.5,
        "n": 7,
        "flag": True,
        "names": ["a", "b"],
        "nothing": None,
        "3": "key",
    }
    assert document["undefined"] == {}


def test_each_missing_number_has_its_reason() -> None:
    table = Table(["a", "b"], [["x", Undefined("no image of the class")]], "Recall")
    numbers = {"a/b": {"~": [1.0, float("nan")]}, "low": float("-inf")}
    report = Report("t", sections=[Section("s", [table])], numbers=numbers)
    document = strict(to_json(report))
    assert document["undefined"] == {
        "/sections/0/blocks/0/rows/0/1": "no image of the class",
        "/numbers/a~1b/~0/1": "nan",
        "/numbers/low": "-inf",
    }
    for pointer in document["undefined"]:
        assert resolve(document, pointer) is None


def test_everything_on_the_page_is_in_it() -> None:
    document = strict(to_json(full_report(NASTY)))
    kinds = [block["kind"] for section in document["sections"] for block in section["blocks"]]
    assert kinds == [
        *("text", "chart", "chart", "chart", "heading", "table"),
        *("gallery", "gallery", "table"),
    ]
    chart = document["sections"][0]["blocks"][1]
    assert len(chart["table"]["rows"]) == 3
    case = document["sections"][1]["blocks"][0]["pictures"][0]
    assert case["state"] == "wrong"
    assert [neighbor["state"] for neighbor in case["neighbors"]] == [None, "right"]
    assert document["parameters"]["augmentation"] is None
    assert document["title"] == NASTY


def test_what_json_cannot_hold_is_named() -> None:
    with pytest.raises(TypeError, match="/numbers/model/0 is a object, which JSON cannot hold"):
        to_json(Report("t", numbers={"model": [object()]}))
