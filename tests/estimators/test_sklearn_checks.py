"""scikit-learn's own checks of estimators."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from lookalike import KNeighborsClassifier, KNeighborsRegressor

NOT_REPETITION = (
    "a sample weight multiplies the one vote of an image; repeating the image would also take "
    "further places among the k nearest, and leaving it out would free one"
)
EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": NOT_REPETITION,
    "check_sample_weight_equivalence_on_sparse_data": NOT_REPETITION,
}


# The checks fit sparse rows too, which is announced.
@pytest.mark.filterwarnings("ignore::lookalike.search.sklearn_fallback.SklearnFallbackWarning")
@parametrize_with_checks(
    [KNeighborsClassifier(), KNeighborsRegressor()],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES,
)
def test_check_estimator(estimator, check):
    check(estimator)
