"""A report as one page of HTML that needs nothing else: no network, no script, no other file.

The content security policy forbids the browser all that the page does not bring along. All text
is escaped by the template engine; the one thing taken as it is are the drawings of charts.
"""

from __future__ import annotations

from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, Any

from lookalike.reports.blocks import Block, Chart, Column, Report, Table, Undefined
from lookalike.reports.charts import DARK, LIGHT, to_svg
from lookalike.reports.pictures import thumbnail

if TYPE_CHECKING:
    from jinja2 import Environment

_MOST_ROWS = 16  # of a table; beyond it scrolls in a box of its own


def to_html(report: Report) -> str:
    """Return the page, the same for the same report to the last byte."""
    facts = [
        ("Parameters", "parameter", report.parameters, ""),
        ("Time", "seconds", report.timings, ".2f"),
        ("Software and machine", "what", report.versions, ""),
    ]
    tables = [
        Table(
            [what, Column("value", spec)],
            [[name, _fact(value)] for name, value in values.items()],
            title,
        )
        for title, what, values, spec in facts
        if values
    ]
    page = _environment().get_template("report.html")
    return page.render(
        report=report,
        sections=[(section, _grouped(section.blocks)) for section in report.sections],
        facts=tables,
        columns=_columns(len(report.headline)),
        light=LIGHT,
        dark=DARK,
        most_rows=_MOST_ROWS,
    )


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["grid"] = _grid
    environment.filters["thumbnail"] = thumbnail
    environment.filters["drawing"] = to_svg
    environment.filters["kind"] = lambda block: type(block).__name__
    return environment


def _grouped(blocks: Any) -> list[tuple[bool, list[Block]]]:
    """Return blocks in runs, with whether each is a run of charts."""
    runs = groupby(blocks, lambda block: isinstance(block, Chart))
    return [(is_chart, list(run)) for is_chart, run in runs]


def _columns(n_cards: int) -> int:
    """Return how many cards stand in a line, such that the last line is as full as may be."""
    return max((5, 4, 3), key=lambda n: (n_cards - 1) % n) if n_cards > 5 else max(3, n_cards)


def _fact(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return value


def _grid(table: Table) -> dict[str, Any]:
    """Return what the template lays out: heads, rows of cells, and why numbers are missing."""
    cells = [cell for row in table.rows for cell in row]
    reasons = list(dict.fromkeys(cell.reason for cell in cells if isinstance(cell, Undefined)))
    rows = [
        [
            (text, reasons.index(cell.reason) + 1 if isinstance(cell, Undefined) else None)
            for cell, text in zip(row, texts, strict=True)
        ]
        for row, texts in zip(table.rows, table.texts(), strict=True)
    ]
    heads = list(zip(table.heads(), table.is_numeric(), strict=True))
    return {"heads": heads, "rows": rows, "reasons": reasons}
