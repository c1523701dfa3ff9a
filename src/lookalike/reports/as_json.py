"""The JSON twin of a report: every number of the page, with all its digits.

JSON knows neither NaN nor infinity. Each becomes null, and ``undefined`` at the document's root
says where (as a JSON pointer, RFC 6901) and why, so that no such null is left without its reason.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lookalike.reports.blocks import (
    Block,
    Chart,
    Column,
    Gallery,
    Heading,
    Picture,
    Report,
    Table,
    Text,
    Undefined,
)

_FORMAT = 1


def to_json(report: Report) -> str:
    """Return the JSON document, with a line break at its end.

    Raises
    ------
    TypeError
        If ``report.numbers`` holds what has no like in JSON.

    Examples
    --------
    >>> json.loads(to_json(Report("Digits", numbers={"recall": [0.5, float("nan")]})))["undefined"]
    {'/numbers/recall/1': 'nan'}
    """
    document = {
        "format": _FORMAT,
        "title": report.title,
        "subtitle": report.subtitle,
        "headline": [
            {"name": card.name, "value": card.value, "note": card.note} for card in report.headline
        ],
        "sections": [
            {
                "title": section.title,
                "intro": list(section.intro),
                "blocks": [_block(block) for block in section.blocks],
            }
            for section in report.sections
        ],
        "parameters": dict(report.parameters),
        "versions": dict(report.versions),
        "timings": dict(report.timings),
        "numbers": report.numbers,
    }
    undefined: dict[str, str] = {}
    plain = _plain(document, "", undefined)
    plain["undefined"] = undefined
    return json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _block(block: Block) -> dict[str, Any]:
    match block:
        case Text():
            return {"kind": "text", "text": block.text}
        case Heading():
            return {"kind": "heading", "text": block.text}
        case Table():
            return {"kind": "table", **_table(block)}
        case Chart():
            words = {"kind": "chart", "caption": block.caption, "alt": block.alt}
            return words | {"table": _table(block.table)}
        case Gallery():
            pictures = [_picture(picture) for picture in block.pictures]
            return {"kind": "gallery", "caption": block.caption, "pictures": pictures}


def _table(table: Table) -> dict[str, Any]:
    return {
        "caption": table.caption,
        "columns": [
            column.name if isinstance(column, Column) else column for column in table.columns
        ],
        "rows": table.rows,
    }


def _picture(picture: Picture) -> dict[str, Any]:
    return {
        "alt": picture.alt,
        "caption": list(picture.caption),
        "state": picture.state,
        "neighbors": [_picture(neighbor) for neighbor in picture.neighbors],
    }


def _plain(value: Any, pointer: str, undefined: dict[str, str]) -> Any:
    """Return what JSON can hold, and note in ``undefined`` each number that it cannot."""
    if isinstance(value, Undefined):
        undefined[pointer] = value.reason
        return None
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        undefined[pointer] = str(value)
        return None
    if isinstance(value, Mapping):
        return {
            str(key): _plain(item, f"{pointer}/{_escape(str(key))}", undefined)
            for key, item in value.items()
        }
    if isinstance(value, Sequence):
        return [_plain(item, f"{pointer}/{i}", undefined) for i, item in enumerate(value)]
    raise TypeError(
        f"{pointer} is a {type(value).__name__}, which JSON cannot hold; give mappings, sequences, "
        "arrays, numbers, text or None"
    )


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
