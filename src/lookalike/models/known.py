"""The classes that a model file may name; no other class is ever created from a file.

Reading a file imports and calls nothing but these classes. Their names are part of the file format:
a class that moves or is renamed keeps its name here.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

_ROOMS = {
    "search": "nearest.NearestNeighbors rows.IndexedRows augmented.AugmentedRows "
    "handover.HandedOver",
    "images": "augmentation.Sum augmentation.Product augmentation.Shifts augmentation.Flips "
    "warps.Rotations warps.Scalings warps.AffineWarps warps.ElasticWarps variants.Shift "
    "variants.Flip variants.Composed geometry.Rotation geometry.Scaling geometry.AffineWarp "
    "geometry.ElasticWarp noise.NoiseSequence noise.UniformNoise noise.GaussianNoise "
    "noise.SaltAndPepper",
    "cleaning": "levels.Levels cascade.Cascade cascade.Plan noise_table.NoiseTable "
    "neighbours.WholeNeighbours matches.MatchTables regression.AnchoredRegression "
    "pair_table.PairTable levels.Ends similar.SimilarPatches",
    "matching": "axes.PrincipalAxes calibration.Calibration choosing.Choice choosing.Trial "
    "deformation.DeformationModel gradients.OrientedGradients levels.Levels matcher.Matcher "
    "matcher.Recipe reading.Reading strokes.NormalizeStroke whitening.WithinClassWhitening",
    "estimators": "classifier.KNeighborsClassifier denoiser.KNeighborsDenoiser "
    "lookalike.LookalikeClassifier regressor.KNeighborsRegressor search_cv.KNeighborsSearchCV "
    "weights.Softmax",
}
_PLACES = {
    f"{room}.{place.split('.')[1]}": (
        f"lookalike.{room}.{place.split('.')[0]}",
        place.split(".")[1],
    )
    for room, places in _ROOMS.items()
    for place in places.split()
}
_SPLITTERS = (
    "KFold StratifiedKFold GroupKFold StratifiedGroupKFold LeaveOneOut PredefinedSplit "
    "ShuffleSplit StratifiedShuffleSplit RepeatedKFold RepeatedStratifiedKFold"
)
_PLACES |= {f"sklearn.{name}": ("sklearn.model_selection", name) for name in _SPLITTERS.split()}

MODELS = {
    *(
        "search.NearestNeighbors",
        "estimators.KNeighborsClassifier",
        "estimators.KNeighborsDenoiser",
    ),
    *("estimators.KNeighborsRegressor", "estimators.KNeighborsSearchCV"),
    *("estimators.LookalikeClassifier", "matching.NormalizeStroke", "matching.OrientedGradients"),
    "matching.WithinClassWhitening",
}
"""Classes of which a file may hold an instance as a whole."""


@cache
def known_class(name: str) -> Any:
    """Return the class of a name; `KeyError` if the name is not listed."""
    module, class_name = _PLACES[name]
    return getattr(import_module(module), class_name)


def name_of(value: Any) -> str | None:
    """Return the name, in files, of the class of a value; None if it is not listed.

    Examples
    --------
    >>> from lookalike import Shifts
    >>> name_of(Shifts(1)), name_of(print)
    ('images.Shifts', None)
    """
    return name_of_class(type(value))


def name_of_class(own: type) -> str | None:
    """Return the name of a class in files; None if it is not listed."""
    return _names().get((own.__module__, own.__qualname__))


@cache
def _names() -> dict[tuple[str, str], str]:
    names = {place: name for name, place in _PLACES.items()}
    # The __module__ of scikit-learn's classes is a private module.
    for name in _SPLITTERS.split():
        own = known_class(f"sklearn.{name}")
        names[own.__module__, own.__qualname__] = f"sklearn.{name}"
    return names
