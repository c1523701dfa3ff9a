"""Small images, and whether an estimator comes back from its file as it was."""

import copy
import pickle

import numpy as np
from scipy import sparse

from lookalike import Softmax, load_dataset
from lookalike.models.file import load_model, save_model

DIGITS = load_dataset("digits")
X, Y = DIGITS.train.images[:120], DIGITS.train.labels[:120]
MORE, MORE_Y = DIGITS.train.images[120:140], DIGITS.train.labels[120:140]
QUERIES = DIGITS.test.images[:30]
NAMES = np.array(DIGITS.class_names)
GRID = {"n_neighbors": range(1, 6), "weights": ["uniform", "distance", Softmax(2)]}


def flat(images):
    return images.reshape(len(images), -1)


def same(first, second):
    """Whether two answers are equal in every bit, and of one type."""
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    if sparse.issparse(first):
        return same(first.toarray(), second.toarray())
    first, second = np.asarray(first), np.asarray(second)
    if first.dtype != second.dtype or first.shape != second.shape:
        return False
    if first.dtype == object:
        return first.tolist() == second.tolist()
    return first.tobytes() == second.tobytes()


def answers(estimator, queries):
    asked = ("kneighbors", "predict", "predict_proba", "transform")
    return [getattr(estimator, name)(queries) for name in asked if hasattr(estimator, name)]


def again(estimator, path, queries):
    """The estimator of a file, once it is known to answer alike, as copies of both do."""
    expected = answers(estimator, queries)
    assert expected
    save_model(estimator, path)
    loaded = load_model(path)
    assert same(answers(loaded, queries), expected)
    assert repr(loaded) == repr(estimator)
    for one in (estimator, loaded):
        assert same(answers(copy.deepcopy(one), queries), expected)
        assert same(answers(pickle.loads(pickle.dumps(one)), queries), expected)
    first = path.read_bytes()
    for one in (estimator, loaded):  # a file is the same whenever it is written
        save_model(one, path)
        assert path.read_bytes() == first
    return loaded
