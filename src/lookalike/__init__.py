"""Nearest-neighbour image classification: exact, fast, explained by the images behind it.

Public names load on first use, so that ``import lookalike`` and ``lookalike --help`` cost nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lookalike.denoising.noise_estimation import estimate_noise
    from lookalike.estimators.classifier import KNeighborsClassifier
    from lookalike.estimators.cross_val import cross_val_predict
    from lookalike.estimators.denoiser import KNeighborsDenoiser
    from lookalike.estimators.lookalike import LookalikeClassifier
    from lookalike.estimators.regressor import KNeighborsRegressor
    from lookalike.estimators.search_cv import KNeighborsSearchCV
    from lookalike.estimators.weights import Softmax
    from lookalike.evaluation.auditing.audit import audit
    from lookalike.evaluation.comparison.compare import compare
    from lookalike.evaluation.decisions.selective import choose_rejection
    from lookalike.evaluation.decisions.threshold import choose_threshold
    from lookalike.evaluation.metrics.evaluate import evaluate, evaluate_predictions
    from lookalike.evaluation.probe import probe
    from lookalike.features.pretrained import PretrainedFeatures
    from lookalike.images.augmentation import Flips, Shifts
    from lookalike.images.dataset import Dataset, load_dataset
    from lookalike.images.expand import expand
    from lookalike.images.noise import GaussianNoise, SaltAndPepper, UniformNoise, add_noise
    from lookalike.images.shift import shift
    from lookalike.images.warps import AffineWarps, ElasticWarps, Rotations, Scalings
    from lookalike.models.file import load_model, save_model
    from lookalike.models.index_file import build_index, open_index, save_index
    from lookalike.search.nearest import NearestNeighbors

__version__ = "0.1.0"

_HOMES = {
    "AffineWarps": "lookalike.images.warps",
    "Dataset": "lookalike.images.dataset",
    "ElasticWarps": "lookalike.images.warps",
    "Flips": "lookalike.images.augmentation",
    "GaussianNoise": "lookalike.images.noise",
    "KNeighborsClassifier": "lookalike.estimators.classifier",
    "KNeighborsDenoiser": "lookalike.estimators.denoiser",
    "KNeighborsRegressor": "lookalike.estimators.regressor",
    "KNeighborsSearchCV": "lookalike.estimators.search_cv",
    "LookalikeClassifier": "lookalike.estimators.lookalike",
    "NearestNeighbors": "lookalike.search.nearest",
    "PretrainedFeatures": "lookalike.features.pretrained",
    "Rotations": "lookalike.images.warps",
    "SaltAndPepper": "lookalike.images.noise",
    "Scalings": "lookalike.images.warps",
    "Shifts": "lookalike.images.augmentation",
    "Softmax": "lookalike.estimators.weights",
    "UniformNoise": "lookalike.images.noise",
    "add_noise": "lookalike.images.noise",
    "audit": "lookalike.evaluation.auditing.audit",
    "build_index": "lookalike.models.index_file",
    "choose_rejection": "lookalike.evaluation.decisions.selective",
    "choose_threshold": "lookalike.evaluation.decisions.threshold",
    "compare": "lookalike.evaluation.comparison.compare",
    "cross_val_predict": "lookalike.estimators.cross_val",
    "estimate_noise": "lookalike.denoising.noise_estimation",
    "evaluate": "lookalike.evaluation.metrics.evaluate",
    "evaluate_predictions": "lookalike.evaluation.metrics.evaluate",
    "expand": "lookalike.images.expand",
    "load_dataset": "lookalike.images.dataset",
    "load_model": "lookalike.models.file",
    "open_index": "lookalike.models.index_file",
    "probe": "lookalike.evaluation.probe",
    "save_index": "lookalike.models.index_file",
    "save_model": "lookalike.models.file",
    "shift": "lookalike.images.shift",
}

__all__ = [
    "AffineWarps",
    "Dataset",
    "ElasticWarps",
    "Flips",
    "GaussianNoise",
    "KNeighborsClassifier",
    "KNeighborsDenoiser",
    "KNeighborsRegressor",
    "KNeighborsSearchCV",
    "LookalikeClassifier",
    "NearestNeighbors",
    "PretrainedFeatures",
    "Rotations",
    "SaltAndPepper",
    "Scalings",
    "Shifts",
    "Softmax",
    "UniformNoise",
    "__version__",
    "add_noise",
    "audit",
    "build_index",
    "choose_rejection",
    "choose_threshold",
    "compare",
    "cross_val_predict",
    "estimate_noise",
    "evaluate",
    "evaluate_predictions",
    "expand",
    "load_dataset",
    "load_model",
    "open_index",
    "probe",
    "save_index",
    "save_model",
    "shift",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
