"""The classes that a model file may name; no other class is ever created from a file.

Reading a file imports and calls nothing but these classes. Their names are part of the file format.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

_TABLE = """\
search.NearestNeighbors          search.nearest.NearestNeighbors
search.IndexedRows               search.index.IndexedRows
search.AugmentedRows             search.augmented.AugmentedRows
search.ShardedRows               search.sharded.ShardedRows
search.HandedOver                search.sklearn_fallback.SklearnFallback
images.Sum                       images.augmentation.Sum
images.Product                   images.augmentation.Product
images.Shifts                    images.augmentation.Shifts
images.Flips                     images.augmentation.Flips
images.Rotations                 images.warps.Rotations
images.Scalings                  images.warps.Scalings
images.AffineWarps               images.warps.AffineWarps
images.ElasticWarps              images.warps.ElasticWarps
images.Shift                     images.variants.Shift
images.Flip                      images.variants.Flip
images.Composed                  images.variants.Composed
images.Rotation                  images.variants.Rotation
images.Scaling                   images.variants.Scaling
images.AffineWarp                images.variants.AffineWarp
images.ElasticWarp               images.variants.ElasticWarp
images.NoiseSequence             images.noise.NoiseSequence
images.UniformNoise              images.noise.UniformNoise
images.GaussianNoise             images.noise.GaussianNoise
images.SaltAndPepper             images.noise.SaltAndPepper
cleaning.Levels                  denoising.image_stacks.IntensityScale
cleaning.Cascade                 denoising.cascade.Cascade
cleaning.Plan                    denoising.cascade.Plan
cleaning.NoiseTable              denoising.noise_table.NoiseTable
cleaning.WholeNeighbours         denoising.nearest_images.NearestImages
cleaning.MatchTables             denoising.nearest_images.MatchTables
cleaning.AnchoredRegression      denoising.regression.AnchoredRegression
cleaning.PairTable               denoising.cascade.PairTable
cleaning.Ends                    denoising.cascade.Saturation
cleaning.SimilarPatches          denoising.nonlocal_means.NonLocalMeans
matching.PrincipalAxes           matching.axes.PrincipalAxes
matching.Calibration             matching.scoring.Calibration
matching.Choice                  matching.model_selection.Choice
matching.Trial                   matching.model_selection.Trial
matching.DeformationModel        matching.deformation.DeformationModel
matching.OrientedGradients       matching.features.OrientedGradients
matching.Levels                  matching.byte_levels.ByteLevels
matching.Matcher                 matching.matcher.Matcher
matching.Recipe                  matching.matcher.Representation
matching.Reading                 matching.scoring.ScoringRule
matching.NormalizeStroke         matching.stroke_normalization.NormalizeStroke
matching.NormalizeVectors        matching.vectors.NormalizeVectors
matching.VectorRows              matching.vectors.VectorRows
matching.WithinClassWhitening    matching.axes.WithinClassWhitening
features.PretrainedFeatures      features.pretrained.PretrainedFeatures
features.Preparation             features.network.Preparation
features.AbsentFeatures          features.transformers.AbsentFeatures
estimators.KNeighborsClassifier  estimators.classifier.KNeighborsClassifier
estimators.KNeighborsDenoiser    estimators.denoiser.KNeighborsDenoiser
estimators.LookalikeClassifier   estimators.lookalike.LookalikeClassifier
estimators.KNeighborsRegressor   estimators.regressor.KNeighborsRegressor
estimators.KNeighborsSearchCV    estimators.search_cv.KNeighborsSearchCV
estimators.Softmax               estimators.weights.Softmax
"""
"""The name of each class in files, and where the class is today. Names never change: a class that
is moved or renamed keeps the first and gets another second."""

_PLACES = {
    name: (f"lookalike.{module}", own)
    for name, place in (line.split() for line in _TABLE.splitlines())
    for module, _, own in [place.rpartition(".")]
}
_SPLITTERS = (
    "KFold StratifiedKFold GroupKFold StratifiedGroupKFold LeaveOneOut PredefinedSplit "
    "ShuffleSplit StratifiedShuffleSplit RepeatedKFold RepeatedStratifiedKFold"
)
_PLACES |= {f"sklearn.{name}": ("sklearn.model_selection", name) for name in _SPLITTERS.split()}

ATTRIBUTES = {
    "matching.Matcher": {"representation": "recipe", "normalizer_": "strokes_"},
    "cleaning.Cascade": {"neighbors": "neighbours"},
    "cleaning.Plan": {"neighbors": "neighbours"},
}
"""Attributes that files call by another name than the class does today."""

MODELS = {
    "search.NearestNeighbors",
    "estimators.KNeighborsClassifier",
    "estimators.KNeighborsDenoiser",
    "estimators.KNeighborsRegressor",
    "estimators.KNeighborsSearchCV",
    "estimators.LookalikeClassifier",
    "matching.NormalizeStroke",
    "matching.NormalizeVectors",
    "matching.OrientedGradients",
    "matching.WithinClassWhitening",
}
"""Classes of which a file may hold an instance as a whole."""


@cache
def known_class(name: str) -> Any:
    """Return the class of a name; `KeyError` if the name is not listed."""
    module, class_name = _PLACES[name]
    return getattr(import_module(module), class_name)


def name_of(value: Any) -> str | None:
    """Return the name, in files, of the class of a value; None if it is not listed."""
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
