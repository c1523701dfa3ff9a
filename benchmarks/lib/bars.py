"""What our search is asked to reach beside the peers, and whether it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lib.harness import Reading, table, total_seconds

FIT_AND_QUERY = ("fit", "query")
QUERY = ("query",)


@dataclass(frozen=True)
class Bar:
    """Ours at least `factor` times faster than the fastest of some peers.

    Attributes
    ----------
    against : str
        How the names of the peers begin.
    stages : tuple of str
    factor : float
    """

    against: str
    stages: tuple[str, ...]
    factor: float


NEVER_SLOWER = [Bar("FAISS", FIT_AND_QUERY, 1), Bar("FAISS", QUERY, 1)]
BARS = {
    "mnist": [
        Bar("scikit-learn ", FIT_AND_QUERY, 25),
        Bar("FAISS", FIT_AND_QUERY, 12),
        Bar("scikit-learn ", QUERY, 40),
        Bar("FAISS", QUERY, 20),
    ],
    "fashion-like": NEVER_SLOWER,
    "gaussian": NEVER_SLOWER,
    "isotropic": NEVER_SLOWER,
    "digits": [],
}
FORCED_BARS = {("mnist", "avx2"): [Bar("scikit-learn ", FIT_AND_QUERY, 6)]}
MOST_MEMORY = 1.0
"""Peak memory beyond the training array, as a multiple of it."""


def choose_bars(data: str, forced_path: str | None, full_size: bool) -> list[Bar]:
    """The bars that were set for this run; at other sizes and on other forced paths none was."""
    if not full_size:
        return []
    if forced_path is not None:
        return FORCED_BARS.get((data, forced_path), [])
    return BARS[data]


def ratio_rows(
    readings: Mapping[str, Sequence[Reading]], ours: str, bars: Sequence[Bar]
) -> list[dict[str, object]]:
    """Ours against the fastest scikit-learn and against FAISS, beside the bars."""
    rows: list[dict[str, object]] = []
    for against in ("scikit-learn ", "FAISS"):
        for stages in (FIT_AND_QUERY, QUERY):
            medians = {
                name: total_seconds(taken, *stages).median
                for name, taken in readings.items()
                if name.startswith(against)
            }
            if not medians:
                continue
            fastest = min(medians, key=medians.__getitem__)
            ratio = medians[fastest] / total_seconds(readings[ours], *stages).median
            factor = next(
                (bar.factor for bar in bars if (bar.against, bar.stages) == (against, stages)), None
            )
            rows.append(ratio_row(" + ".join(stages), fastest, ratio, factor))
    return rows


def memory_row(multiple: float, full_size: bool) -> dict[str, object]:
    """Our peak memory beside its bar."""
    bar = MOST_MEMORY if full_size else None
    return ratio_row("peak memory", "training array", multiple, bar, at_most=True)


def ratio_row(
    stages: str, against: str, ratio: float, bar: float | None, *, at_most: bool = False
) -> dict[str, object]:
    """A ratio beside its bar: times faster than another, or a multiple of it to stay under."""
    return {
        "against": against,
        "stages": stages,
        "ratio": ratio,
        "bar": bar,
        "at_most": at_most,
        "reached": None if bar is None else ratio < bar if at_most else ratio >= bar,
    }


def value_row(
    what: str, value: float, unit: str, bar: float | None, *, at_most: bool = False
) -> dict[str, object]:
    """A measured value beside its bar, to reach or, if `at_most`, to stay under."""
    reached = None if bar is None else value < bar if at_most else value >= bar
    return {
        "what": what,
        "value": value,
        "unit": unit,
        "bar": bar,
        "at_most": at_most,
        "reached": reached,
    }


def ratio_table(rows: Sequence[Mapping[str, object]]) -> str:
    """The ratios as a Markdown table."""
    lines = []
    for row in rows:
        how = "as a multiple of" if row["at_most"] else "times faster than"
        what = f"{row['stages']}, {how} {row['against']}"
        lines.append((what, f"{row['ratio']:.3g}×", *_bar_and_verdict(row, "×")))
    return table(["ours", "measured", "bar", ""], lines)


def value_table(rows: Sequence[Mapping[str, object]]) -> str:
    """The values as a Markdown table."""
    lines = [
        (row["what"], f"{row['value']:.4g}{row['unit']}", *_bar_and_verdict(row, str(row["unit"])))
        for row in rows
    ]
    return table(["ours", "measured", "bar", ""], lines)


def _bar_and_verdict(row: Mapping[str, object], unit: str) -> tuple[str, str]:
    bar = row["bar"]
    if bar is None:
        return "–", "–"
    limit = f"{'under' if row['at_most'] else 'at least'} {bar:g}{unit}"
    return limit, "reached" if row["reached"] else "MISSED"
