"""The section on few labels: how the error falls with their number."""

from __future__ import annotations

from lookalike.evaluation.few_labels import FewLabels
from lookalike.evaluation.reporting.charts import chart, drawing
from lookalike.evaluation.reporting.report import Cell, Column, Section, Table


def few_labels_section(found: FewLabels, *, how: str, title: str = "With few labels") -> Section:
    """Tell how the error depends on the number of labels a class.

    Parameters
    ----------
    found : FewLabels
    how : str
        What was drawn and predicted, in a sentence.
    title : str
    """
    columns: list[Column | str] = ["classifier"]
    for size, n in zip(found.sizes, found.n_draws, strict=True):
        columns.append(Column(f"{size:,}", ".2%"))
        if n > 1:
            columns.append(Column(f"± at {size:,}", ".2%"))
    rows: list[list[Cell]] = []
    for name in found.ranking(0):
        row: list[Cell] = [name]
        for n, mean, spread in zip(
            found.n_draws, found.means(name), found.spreads(name), strict=True
        ):
            row += [float(mean), float(spread)] if n > 1 else [float(mean)]
        rows.append(row)
    table = Table(
        columns,
        rows,
        "Error rates by labels a class; ±: standard deviation of draws",
    )
    with drawing(6.4, 4.2) as axes:
        found.plot(ax=axes)
        drawn = chart(
            axes,
            alt=f"Error rate against labels a class, of {len(found.errors)} classifiers. "
            f"{found.verdict()}",
            caption="Error rate against labels a class; bars: one standard deviation of the draws, "
            "where there are several.",
            table=table,
        )
    return Section(title, [drawn], [how, found.verdict()])
