"""What a step of the tour is, and what the steps hand on to one another."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from lookalike.cli.screen import Bar, Screen
    from lookalike.estimators.classifier import KNeighborsClassifier
    from lookalike.estimators.explanation import Explanation
    from lookalike.images.dataset import Dataset


@dataclass
class Tour:
    """The way so far: what was asked for, and what earlier steps found.

    Attributes
    ----------
    data_name : str or None
        The data set asked for, by name or path.
    n_jobs : int or None
    watched : bool
        Whether progress is seen.
    data : Dataset
        Set by the step "load"; the attributes below by "baseline".
    model : KNeighborsClassifier
    explanation : Explanation
        Of all test images, by ``model``.
    fit_seconds, predict_seconds : float
        What ``model`` and ``explanation`` took.
    """

    data_name: str | None
    n_jobs: int | None
    watched: bool
    data: Dataset = field(init=False)
    model: KNeighborsClassifier = field(init=False)
    explanation: Explanation = field(init=False)
    fit_seconds: float = field(init=False)
    predict_seconds: float = field(init=False)


class Step(ABC):
    """One step; `run` comes first, the others tell of it.

    Attributes
    ----------
    name : str
        Its key in the report.
    title : str
    """

    name: ClassVar[str]
    title: ClassVar[str]

    @abstractmethod
    def run(self, tour: Tour, bar: Bar) -> None:
        """Do the work; leave on ``tour`` what later steps need."""

    @abstractmethod
    def report(self) -> dict[str, Any]:
        """Return the result for JSON."""

    @abstractmethod
    def show(self, screen: Screen) -> None:
        """Print the result."""

    def save(self, folder: Path) -> list[str]:
        """Write pictures into ``folder``; return the names of the files."""
        return []
