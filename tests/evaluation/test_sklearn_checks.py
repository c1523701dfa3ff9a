"""scikit-learn's own checks of the estimators that judging brings."""

from __future__ import annotations

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from lookalike import KNeighborsClassifier
from lookalike.evaluation.comparison.models import OnOneThread, TrainedOnSubset
from lookalike.evaluation.decisions.selective import RejectingClassifier
from lookalike.evaluation.decisions.threshold import ThresholdClassifier


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
@parametrize_with_checks(
    [
        RejectingClassifier(KNeighborsClassifier(3)),
        RejectingClassifier(LogisticRegression()),
        ThresholdClassifier(LogisticRegression()),
        TrainedOnSubset(LogisticRegression()),
        OnOneThread(LogisticRegression()),
    ]
)
def test_check_estimator(estimator, check):  # type: ignore[no-untyped-def]
    check(estimator)
