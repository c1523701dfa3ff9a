"""Answers of a model about images, as ``lookalike predict`` prints them."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray

from lookalike.models.answer import candidates


class Answer(NamedTuple):
    """What an image is.

    Attributes
    ----------
    image : str
    label : str
        The likeliest class.
    probability : float
        Of that.
    sure : bool
        Whether that reaches the threshold.
    candidates : list of str
        The label alone if it is sure, else the likeliest classes.
    probabilities : dict
        Of classes, the likeliest first.
    reason : str or None
        Why it is not sure whatever the probability, if so.
    """

    image: str
    label: str
    probability: float
    sure: bool
    candidates: list[str]
    probabilities: dict[str, float]
    reason: str | None = None

    def entry(self) -> dict[str, Any]:
        """Return it for JSON."""
        return self._asdict()

    def words(self) -> str:
        """Return the label, or among which classes it is not sure."""
        if self.sure:
            return self.label
        why = "" if self.reason is None else f" ({self.reason})"
        return f"not sure: {either(self.candidates)}{why}"


def answer(
    image: str,
    names: Sequence[str],
    probabilities: NDArray[np.float64],
    *,
    reject: float,
    top: int | None,
    doubt: str | None = None,
) -> Answer:
    """Return the answer that probabilities give.

    Parameters
    ----------
    image : str
        Its name.
    names : sequence of str
        Of the classes.
    probabilities : ndarray of shape (n_classes,)
    reject : float
        The probability from which the likeliest class is sure.
    top : int, optional
        Of how many classes probabilities are kept; all if it is not given.
    doubt : str, optional
        Why the answer is not sure, whatever its probability.

    Examples
    --------
    >>> one = answer("a.png", "479", np.array([0.5, 0.1, 0.4]), reject=0.9, top=1)
    >>> one.words(), one.candidates, one.probabilities
    ('not sure: 4, 9 or 7', ['4', '9', '7'], {'4': 0.5})
    """
    order = np.argsort(-probabilities, kind="stable")
    best = float(probabilities[order[0]])
    likely = [names[i] for i in candidates(probabilities, reject if doubt is None else np.inf)]
    sure = best >= reject and doubt is None
    kept = {names[i]: round(float(probabilities[i]), 6) for i in order[:top]}
    return Answer(image, names[order[0]], round(best, 6), sure, likely, kept, doubt)


def either(names: Sequence[str]) -> str:
    """Return names as a choice.

    Examples
    --------
    >>> either(["4"]), either(["4", "9"]), either(["4", "7", "9"])
    ('4', '4 or 9', '4, 7 or 9')
    """
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def csv_header(top: int | None) -> str:
    """Return the first line of CSV."""
    columns = ["image", "label", "probability", "sure", "candidates", "reason"]
    for place in range(1, (top or 0) + 1):
        columns += [f"class_{place}", f"probability_{place}"]
    return _csv([columns])


def csv_lines(answers: Sequence[Answer], top: int | None) -> str:
    """Return a line of CSV an answer; the label is empty where it is not sure."""
    rows: list[list[str | float]] = []
    for one in answers:
        row: list[str | float] = [
            one.image,
            one.label if one.sure else "",
            one.probability,
            "yes" if one.sure else "no",
            "" if one.sure else "|".join(one.candidates),
            one.reason or "",
        ]
        if top is not None:
            for name, probability in one.probabilities.items():
                row += [name, probability]
        rows.append(row)
    return _csv(rows)


def json_lines(answers: Sequence[Answer], more: Sequence[dict[str, Any]]) -> str:
    """Return a JSON document in a line an answer, with what else is known of each, if it is."""
    return "".join(
        json.dumps({**one.entry(), **(more[i] if more else {})}) + "\n"
        for i, one in enumerate(answers)
    )


def table(answers: Sequence[Answer], *, top: int | None, colour: bool) -> str:
    """Return answers below each other, for eyes; of many, too, as nothing is cut or wrapped."""
    titles = ["image", "answer", "probability"]
    # a line break in a name is shown as �, so that a line stays an answer
    rows = [
        [re.sub(r"[\x00-\x1f\x7f]", "�", one.image), one.words(), f"{one.probability:.1%}"]
        for one in answers
    ]
    if top is not None:
        titles.append("likeliest")
        for row, one in zip(rows, answers, strict=True):
            row.append(", ".join(f"{name} {p:.1%}" for name, p in one.probabilities.items()))
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        laid = [
            cell.rjust(width) if i == 2 else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "   ".join(laid).rstrip()

    lines = [typer.style(line(titles), bold=True) if colour else line(titles)]
    for row, one in zip(rows, answers, strict=True):
        doubtful = colour and not one.sure
        lines.append(typer.style(line(row), fg="yellow") if doubtful else line(row))
    return "".join(f"{own}\n" for own in lines)


def _csv(rows: Sequence[Sequence[str | float]]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue()
