"""Nearest-neighbour image classification: exact, fast, explained by the images behind it.

Public names load on first use, so that ``import lookalike`` and ``lookalike --help`` cost nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lookalike.estimators.classifier import KNeighborsClassifier
    from lookalike.estimators.regressor import KNeighborsRegressor
    from lookalike.estimators.search_cv import KNeighborsSearchCV
    from lookalike.estimators.weights import Softmax
    from lookalike.images.dataset import Dataset, load_dataset
    from lookalike.search.nearest import NearestNeighbors

__version__ = "0.1.0"

_HOMES = {
    "Dataset": "lookalike.images.dataset",
    "KNeighborsClassifier": "lookalike.estimators.classifier",
    "KNeighborsRegressor": "lookalike.estimators.regressor",
    "KNeighborsSearchCV": "lookalike.estimators.search_cv",
    "NearestNeighbors": "lookalike.search.nearest",
    "Softmax": "lookalike.estimators.weights",
    "load_dataset": "lookalike.images.dataset",
}

__all__ = [
    "Dataset",
    "KNeighborsClassifier",
    "KNeighborsRegressor",
    "KNeighborsSearchCV",
    "NearestNeighbors",
    "Softmax",
    "__version__",
    "load_dataset",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
