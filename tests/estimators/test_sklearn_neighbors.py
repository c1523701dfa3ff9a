"""scikit-learn's own tests of its classifier and regressor, run against ours."""

import pytest
from tests.sklearn_suite import neighbor_tests

from lookalike import KNeighborsClassifier, KNeighborsRegressor
from lookalike.estimators.base import KNeighborsPredictor

LEFT_OUT = {
    "test_neighbors_validate_parameters": (
        "wants 3-D input refused, which holds images here; its other errors are in "
        "test_bad_input.py"
    ),
    "test_neighbors_minkowski_semimetric_algo_warn": (
        "reads the private attribute _fit_method; the warning is in test_bad_input.py"
    ),
}

# Other metrics than the native ones are announced. The tests also run scikit-learn's own radius
# estimators, of which the regressor warns of a cast.
pytestmark = [
    pytest.mark.filterwarnings("ignore::lookalike.search.sklearn_fallback.SklearnFallbackWarning"),
    pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning"),
]

OURS = {
    "KNeighborsClassifier": KNeighborsClassifier,
    "KNeighborsRegressor": KNeighborsRegressor,
}
tests = neighbor_tests(OURS, LEFT_OUT)
# This one tells estimators that take n_neighbors from those that take a radius by their base.
tests["test_neigh_predictions_algorithm_agnosticity"].__globals__["KNeighborsMixin"] = (
    KNeighborsPredictor
)
globals().update(tests)
