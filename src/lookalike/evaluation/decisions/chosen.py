"""Classifiers that were chosen on training images, and can show what these promise."""

from __future__ import annotations

from typing import Any, ClassVar

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from lookalike.results import Result


class Chosen(BaseEstimator, Result):  # type: ignore[misc]
    """Base of classifiers that remember what they were chosen on.

    A clone keeps the parameters and forgets the rest, so that it has nothing to show.
    """

    _described_by = "decisions"
    _chosen_by: ClassVar[str]

    def _html_repr(self) -> str:
        """Return the report for a notebook; of a clone scikit-learn's drawing."""
        if hasattr(self, "promise_"):
            return Result._repr_html_(self)
        drawing: str = super()._html_repr()
        return drawing

    def _describe(self) -> Any:
        self._check_chosen()
        return super()._describe()

    def _check_chosen(self) -> None:
        check_is_fitted(
            self,
            "promise_",
            msg="this %(name)s is a clone or was only fitted, so that it does not know what it was "
            f"chosen on; call {self._chosen_by}, or ask the one that it returned",
        )
