"""What turns the pictures of a classifier into vectors: a network, or the user's own code."""

from __future__ import annotations

from os import PathLike
from typing import Any, NoReturn, Self

from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.preprocessing import FunctionTransformer

from lookalike.features.pretrained import PretrainedFeatures


class AbsentFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """What stands in a model file for a transformer or function of the user's own.

    Parameters
    ----------
    described : str
        What the model was trained with.
    """

    def __init__(self, described: str) -> None:
        self.described = described

    def fit(self, X: Any = None, y: Any = None) -> Self:
        """Do nothing."""
        return self

    def transform(self, X: Any) -> NoReturn:
        """Say what is missing.

        Raises
        ------
        ValueError
            Always.
        """
        raise ValueError(
            f"the model was trained with features={self.described}, which is not in its file; "
            "give it again: load_model(path, features=...)"
        )


def make_transformer(features: Any, n_jobs: int | None, X: Any, y: Any) -> Any:
    """Return what turns pictures into vectors, fitted to pictures and their classes, or None.

    Parameters
    ----------
    features : None, str, path, transformer or callable
        The name or the path of a network, something with a method ``transform``, or a function.
    n_jobs : int or None
        Threads of a network that is opened here.
    X, y
        Pictures and their classes.

    Raises
    ------
    TypeError
        If it is none of these.
    """
    if features is None:
        return None
    if isinstance(features, str | PathLike):
        return PretrainedFeatures(features, n_jobs=n_jobs).fit(X)
    if hasattr(features, "transform"):
        return clone(features).fit(X, y)
    return _called(features)


def given_again(own: Any, features: Any) -> Any:
    """Return what a user gives in place of the features of a model from a file.

    Parameters
    ----------
    own : PretrainedFeatures, AbsentFeatures or None
        What the file says.
    features : str, path, PretrainedFeatures, fitted transformer or callable
        The path of the same network; or what turns pictures into vectors as in training.

    Raises
    ------
    ValueError
        If the model was trained without features, or with a network and this is none.
    TypeError
        If it is none of these.
    """
    if own is None:
        raise ValueError("features= is given, but the model was trained without; leave it out")
    if not isinstance(own, PretrainedFeatures):
        return features if hasattr(features, "transform") else _called(features)
    network = features.network if isinstance(features, PretrainedFeatures) else features
    if not isinstance(network, str | PathLike):
        raise ValueError(
            f"features={features!r:.80}, but the model was trained with the network {own.network}; "
            "give the path of its file"
        )
    return own.moved(network)


def _called(features: Any) -> FunctionTransformer:
    if callable(features):
        return FunctionTransformer(features)
    raise TypeError(
        f"features={features!r:.80}; give the name or the path of a network, an object with a "
        "method transform, or a function"
    )
