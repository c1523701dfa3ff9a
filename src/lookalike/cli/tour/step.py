"""What a step of the tour is, and what the steps hand on to one another."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from lookalike.cli.data_options import DataName
    from lookalike.cli.screen import Bar, Screen
    from lookalike.estimators.classifier import KNeighborsClassifier
    from lookalike.estimators.explanation import Explanation
    from lookalike.evaluation.folds import Folds
    from lookalike.evaluation.metrics.evaluation import Evaluation
    from lookalike.evaluation.peers.cleaning import BookCleaning
    from lookalike.evaluation.tuning import Tuning
    from lookalike.images.augmentation import Augmentation
    from lookalike.images.dataset import Dataset
    from lookalike.reports.blocks import Section


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
        Set by the step "load".
    model : KNeighborsClassifier
        Set by "baseline", as the next three.
    explanation : Explanation
        Of all test images, by ``model``.
    fit_seconds, predict_seconds : float
        What ``model`` and ``explanation`` took.
    folds : Folds
        Of the training images; set by "tuning".
    tuning : Tuning
        The scores on these folds; set by "tuning".
    tuned_explanation : Explanation
        Of all test images, by the best of ``tuning``; set by "tuned".
    tuned_model : KNeighborsClassifier
        The best of ``tuning``, fitted; set by "tuned".
    evaluation : Evaluation
        Of ``tuned_explanation``; set by "judged", if it can be.
    augmentation : Augmentation or None
        Set by "shifts", to None if the images can not be shifted.
    no_augmentation : str
        Set by "shifts": why they can not be.
    no_cleaning : str or None
        Set by "clean": why images can not be cleaned, if so.
    book_cleaning : BookCleaning
        Set by "clean", unless they can not: noisy test images, cleaned as the book does.
    """

    data_name: DataName | None
    n_jobs: int | None
    watched: bool
    data: Dataset = field(init=False)
    model: KNeighborsClassifier = field(init=False)
    explanation: Explanation = field(init=False)
    fit_seconds: float = field(init=False)
    predict_seconds: float = field(init=False)
    folds: Folds = field(init=False)
    tuning: Tuning = field(init=False)
    tuned_explanation: Explanation = field(init=False)
    tuned_model: KNeighborsClassifier = field(init=False)
    evaluation: Evaluation | None = None
    augmentation: Augmentation | None = field(init=False)
    no_augmentation: str = field(init=False)
    no_cleaning: str | None = field(init=False)
    book_cleaning: BookCleaning = field(init=False)


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

    def sections(self) -> list[Section]:
        """Return what the report tells of it."""
        return []

    def save(self, folder: Path) -> list[str]:
        """Write pictures into ``folder``; return the names of the files."""
        return []
