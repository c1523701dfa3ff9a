"""scikit-learn's own tests of its neighbour estimators, and of what uses them, run against ours.

A fresh copy of one of scikit-learn's test modules is executed in which some names of
`sklearn.neighbors` are ours. A test module takes its tests and the fixtures they need::

    from tests.sklearn_suite import neighbor_tests
    globals().update(neighbor_tests({"NearestNeighbors": NearestNeighbors}, LEFT_OUT))
"""

import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn import neighbors

# Which tests of all our estimators do not apply, and why.
_LEFT_OUT = {
    "test_unsupervised_inputs": (
        "fits on a fitted estimator, a BallTree or a KDTree: an input that scikit-learn's "
        "documentation does not name, and that holds its own structures"
    ),
}


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def global_dtype(request: pytest.FixtureRequest) -> Any:
    """Both dtypes; scikit-learn's own fixture leaves float32 out by default."""
    return request.param


@pytest.fixture
def global_random_seed() -> int:
    return 42


def neighbor_tests(
    ours: Mapping[str, type], left_out: Mapping[str, str]
) -> dict[str, Callable[..., None]]:
    """Return the tests in `sklearn.neighbors` of our estimators, as `suite_of` does."""
    return suite_of("sklearn.neighbors.tests.test_neighbors", ours, {**_LEFT_OUT, **left_out})


def suite_of(
    name: str, ours: Mapping[str, type], left_out: Mapping[str, str]
) -> dict[str, Callable[..., None]]:
    """Return the tests that use any of our estimators, less those left out, and their fixtures.

    Parameters
    ----------
    name : of one of scikit-learn's modules of tests
    ours : mapping of names in `sklearn.neighbors` to the classes that stand in for them
    left_out : mapping of names of tests to the reason why each does not apply

    Raises
    ------
    LookupError
        If a test left out is not there, or would not run anyway: the table is stale.
    """
    module = _tests_with(name, ours)
    tests = {
        name: value
        for name, value in vars(module).items()
        if name.startswith("test_") and _mentions(value, set(ours), module)
    }
    stale = left_out.keys() - tests.keys()
    if stale:
        raise LookupError(f"left out, but no test of {sorted(ours)}: {sorted(stale)}")
    kept: dict[str, Callable[..., None]] = {
        "global_dtype": global_dtype,
        "global_random_seed": global_random_seed,
    }
    return kept | {name: test for name, test in tests.items() if name not in left_out}


def _tests_with(name: str, ours: Mapping[str, type]) -> ModuleType:
    """Execute the test module with a copy of `sklearn.neighbors` that holds our classes."""
    stand_in = ModuleType("sklearn.neighbors")
    vars(stand_in).update(vars(neighbors), **ours)
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sklearn, "neighbors", stand_in)
        patch.setitem(sys.modules, "sklearn.neighbors", stand_in)
        # Markers of scikit-learn's own are unknown here, and --strict-markers would refuse them.
        patch.setattr(pytest.mark, "_config", None)
        spec.loader.exec_module(module)
    return module


def _mentions(test: Callable[..., None], names: set[str], module: ModuleType) -> bool:
    """Whether a test, or a helper in its module that it calls, names one of the classes."""
    function = inspect.unwrap(test)
    if any(name in inspect.getsource(function) for name in names):
        return True
    helpers = (getattr(module, name, None) for name in function.__code__.co_names)
    return any(
        _mentions(helper, names, module)
        for helper in helpers
        if inspect.isfunction(helper) and helper.__module__ == module.__name__
    )
