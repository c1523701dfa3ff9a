"""What a step of the tour returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from lookalike.evaluation.metrics.intervals import Accuracy
from lookalike.reports.blocks import Chart, Gallery, Section

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, eq=False)
class Step(Generic[T_co]):
    """What a step found, and what there is to show of it.

    Attributes
    ----------
    value : object
        What later steps need of it.
    entry : dict
        Its entry in the JSON document.
    sections : sequence of Section, at least one
        Shown in the terminal and on the page. The first one gets the title of the step.
    pictures : mapping of str to Chart or Gallery
        The PNG files to write, by their names.
    """

    value: T_co
    entry: Mapping[str, Any]
    sections: Sequence[Section]
    pictures: Mapping[str, Chart | Gallery] = field(default_factory=dict)


def skipped(reason: str, **entry: Any) -> Step[None]:
    """Return what stands for a step that the data does not allow.

    Parameters
    ----------
    reason : str
        A clause without a full stop.
    **entry
        What the JSON document says of it besides.
    """
    section = Section("Skipped", intro=[f"Skipped: {reason}."])
    return Step(None, {**entry, "skipped": reason}, [section])


def chart_of(section: Section) -> Chart:
    """Return the first chart of a section."""
    return next(block for block in section.blocks if isinstance(block, Chart))


def accuracy_text(found: Accuracy, how: str = "") -> str:
    """Return an accuracy in words.

    Examples
    --------
    >>> accuracy_text(Accuracy(0.75, 0.2165, 3, 4), "by k = 1")
    'accuracy 0.7500 ± 0.2165 (standard error) by k = 1: 3 of 4 right'
    """
    return (
        f"accuracy {found.value:.4f} ± {found.standard_error:.4f} (standard error)"
        f"{how and ' '}{how}: {found.n_right:,} of {found.n:,} right"
    )
