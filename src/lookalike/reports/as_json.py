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

from lookalike.reports import blocks

_FORMAT = 1
# The fields of each block that JSON holds, in this order; the others say how it is drawn.
_FIELDS: Mapping[type, Sequence[str]] = {
    blocks.Report: (
        *("title", "subtitle", "headline", "sections"),
        *("parameters", "versions", "timings", "numbers"),
    ),
    blocks.Headline: ("name", "value", "note"),
    blocks.Section: ("title", "intro", "blocks"),
    blocks.Text: ("text",),
    blocks.Heading: ("text",),
    blocks.Table: ("caption", "columns", "rows"),
    blocks.Chart: ("caption", "alt", "table"),
    blocks.Gallery: ("caption", "pictures"),
    blocks.Picture: ("alt", "caption", "state", "neighbors"),
}


def to_json(report: blocks.Report) -> str:
    """Return the JSON document, with a line break at its end.

    Examples
    --------
    >>> report = blocks.Report("Digits", numbers={"recall": [0.5, float("nan")]})
    >>> json.loads(to_json(report))["undefined"]
    {'/numbers/recall/1': 'nan'}
    """
    undefined: dict[str, str] = {}
    plain = {"format": _FORMAT, **_plain(report, "", undefined), "undefined": undefined}
    return json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value: Any, pointer: str, undefined: dict[str, str]) -> Any:
    """Return what JSON can hold, and note in ``undefined`` each number that it cannot."""
    if isinstance(value, blocks.Undefined):
        undefined[pointer] = value.reason
        return None
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    elif isinstance(value, blocks.Column):
        value = value.name
    elif type(value) in _FIELDS:
        value = _fields(value)
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


def _fields(part: Any) -> dict[str, Any]:
    """Return what is written of a part of a report; the blocks of a section tell their kind."""
    written = {name: getattr(part, name) for name in _FIELDS[type(part)]}
    if isinstance(part, blocks.Section):
        kinds = [{"kind": type(block).__name__.lower()} for block in part.blocks]
        written["blocks"] = [
            kind | _fields(own) for kind, own in zip(kinds, part.blocks, strict=True)
        ]
    return written


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
