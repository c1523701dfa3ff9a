"""What is the same in every run: of a JSON document, and of a page."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

WIDTH = 100
MOST = {"rows": 8, "pictures": 3}
"""Rows of a table and pictures of a gallery that are kept; numbers are kept whole."""
VOLATILE = re.compile(
    r"seconds|times_faster|memory_mib|memory, MiB|(fit|predict), s$|^cpu_path|threads$"
    r"|^(bytes|versions|timings|lookalike|python|platform|libraries)$"
)
"""Keys, and columns of tables, whose values depend on the machine, the day or the release."""
MEASURED = {
    r"\d[\d.,]* (s|ms|min|h)\b": "# s",
    r"\d[\d.,]* threads?\b": "# threads",
    r"\d[\d.,]* ([KMG]iB|images a second|times as (?:long|fast))\b": r"# \1",
    r"(CPU path|scikit-learn) [a-z0-9.]*\d[a-z0-9.]*": r"\1 #",
    r"[\w-]+ is the fastest with": "# is the fastest with",
}
"""What a sentence says of the machine and the release, and what stands for it."""


def without_measures(text: str) -> str:
    """Return a text without what depends on the machine or the release."""
    for pattern, instead in MEASURED.items():
        text = re.sub(pattern, instead, text)
    return text


def plain(value: Any, key: str = "") -> Any:
    """Return a JSON document with its volatile values replaced and its floats rounded."""
    if isinstance(value, dict):
        if isinstance(value.get("rows"), list) and isinstance(value.get("columns"), list):
            names = value["columns"]
            rows = [
                [plain(cell, f"{key} {name}") for name, cell in zip(names, row, strict=False)]
                for row in value["rows"]
            ]
            value = {**value, "rows": rows}
        if VOLATILE.search(str(value.get("name"))):
            value = {**value, "value": "#"}
        hidden = "*" if VOLATILE.search(key) else ""
        return {name: plain(own, hidden + name) for name, own in value.items()}
    if value is not None and (key.startswith("*") or VOLATILE.search(key)):
        return "#"
    if isinstance(value, list):
        most = MOST.get(key, len(value))
        more = [f"… and {len(value) - most} more"] if len(value) > most else []
        return [*(plain(own, key) for own in value[:most]), *more]
    if isinstance(value, float):
        # A matching classifier's depend, in the fifth digit, on the CPU's way to add.
        return float(f"{value:.{2 if key == 'probability' else 6}g}")
    return without_measures(value) if isinstance(value, str) else value


def pretty(value: Any, indent: int = 0) -> str:
    """Return JSON with whatever fits into a line in one line."""
    line = json.dumps(value, ensure_ascii=False)
    if len(line) + indent <= WIDTH or not isinstance(value, dict | list) or not value:
        return line
    inner = " " * (indent + 1)
    if isinstance(value, dict):
        named = [f"{json.dumps(key)}: " for key in value]
        own = [
            name + pretty(one, indent + 1) for name, one in zip(named, value.values(), strict=True)
        ]
    else:
        own = [pretty(one, indent + 1) for one in value]
    left, right = "{}" if isinstance(value, dict) else "[]"
    return f"{left}\n{inner}" + f",\n{inner}".join(own) + f"\n{' ' * indent}{right}"


TAGS = {f"h{level}": "#" * level for level in range(1, 7)}
TAGS |= {"figcaption": "figure:", "caption": "table:", "th": "|"}


class Outline(HTMLParser):
    """The headings, column names and captions of a page, in their order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in TAGS and ("scope", "row") not in attrs:
            self._inside = tag
            self.lines.append(TAGS[tag])

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside and data.strip():
            self.lines[-1] += f" {' '.join(data.split())}"

    def text(self) -> str:
        return without_measures("\n".join(self.lines).replace("\n|", " |")) + "\n"
