"""scikit-learn's own checks of estimators, without exception."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from lookalike import NearestNeighbors


# The checks fit sparse rows too, which is announced.
@pytest.mark.filterwarnings("ignore::lookalike.search.sklearn_fallback.SklearnFallbackWarning")
@parametrize_with_checks([NearestNeighbors()])
def test_check_estimator(estimator, check):
    check(estimator)
