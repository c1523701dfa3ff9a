"""The file: mapped and not copied, what it tells of itself, and what it can not hold."""

import copy
import pickle
import subprocess

import joblib
import numpy as np
import pytest
from safetensors.numpy import load_file
from scipy import stats
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tests.models.round_trips import GRID, MORE, MORE_Y, NAMES, QUERIES, X, Y, again, answers, same
from tests.processes import python

from lookalike import (
    KNeighborsClassifier,
    KNeighborsDenoiser,
    KNeighborsRegressor,
    KNeighborsSearchCV,
    LookalikeClassifier,
    NearestNeighbors,
    Shifts,
)
from lookalike.images.preprocessing import learn_form
from lookalike.matching.axes import WithinClassWhitening
from lookalike.matching.features import OrientedGradients
from lookalike.matching.stroke_normalization import NormalizeStroke
from lookalike.models.file import load_model, open_file, save_model
from lookalike.models.safetensors_map import ModelError
from lookalike.models.state import to_state

pytestmark = pytest.mark.filterwarnings(
    "ignore::lookalike.search.sklearn_fallback.SklearnFallbackWarning"
)

# --- what is mapped ------------------------------------------------------------------------


def mapped_and_writable(value, seen=None):
    """All arrays that an object holds which own their memory, or can be written to."""
    seen = set() if seen is None else seen
    if id(value) in seen:
        return []
    seen.add(id(value))
    if isinstance(value, np.ndarray):
        return [value] if value.flags.writeable or value.flags.owndata else []
    if isinstance(value, dict):
        parts = value.values()
    elif isinstance(value, list | tuple):
        parts = value
    else:
        parts = getattr(value, "__dict__", {}).values()
    return [found for part in parts for found in mapped_and_writable(part, seen)]


@pytest.mark.parametrize("estimator", [KNeighborsClassifier(3), LookalikeClassifier("fast")])
def test_arrays_are_mapped_and_not_copied(path, estimator):
    estimator = clone(estimator).fit(X, NAMES[Y])
    save_model(estimator, path)
    assert mapped_and_writable(estimator)
    loaded = load_model(path)
    assert mapped_and_writable(loaded) == []
    loaded.predict(QUERIES)


def test_deepcopies_and_pickles_can_be_written_to(path):
    save_model(KNeighborsClassifier(3).fit(X, Y), path)
    loaded = load_model(path)
    for other in (copy.deepcopy(loaded), pickle.loads(pickle.dumps(loaded))):
        assert other._y.flags.writeable


def test_no_array_stands_twice_in_a_file(path):
    save_model(KNeighborsClassifier(3).fit(X, Y), path)
    whole = [array.tobytes() for array in load_file(path).values() if array.nbytes > 4096]
    assert len(set(whole)) == len(whole)


def test_safetensors_reads_the_same_arrays(path):
    classifier = LookalikeClassifier("fast").fit(X, NAMES[Y])
    save_model(classifier, path)
    _, ours = to_state(classifier)
    theirs = load_file(path)
    assert theirs.keys() == ours.keys()
    for name, array in ours.items():
        assert same(theirs[name], array)


GO_ON = """
import sys
import numpy as np
from lookalike import load_dataset
from lookalike.models.file import load_model, save_model
digits = load_dataset("digits")
model = load_model(sys.argv[1])
before = model.predict(digits.test.images[:30])
explained = model.explain(digits.test.images[:3])
model.partial_fit(digits.train.images[120:140], digits.train.labels[120:140]).remove([0, 5])
save_model(model, sys.argv[1])
np.save(sys.argv[2], [before, model.predict(digits.test.images[:30])])
"""


@pytest.mark.slow("starts a process for each estimator")
@pytest.mark.parametrize(
    "estimator", [KNeighborsClassifier(3, augmentation=Shifts(1)), LookalikeClassifier("fast")]
)
def test_another_process_goes_on(tmp_path, path, estimator):
    estimator = clone(estimator).fit(X, Y)
    save_model(estimator, path)
    answer = tmp_path / "answer.npy"
    subprocess.run([*python(), "-c", GO_ON, path, answer], check=True)
    before = estimator.predict(QUERIES)
    after = estimator.partial_fit(MORE, MORE_Y).remove([0, 5]).predict(QUERIES)
    assert same(np.load(answer), np.array([before, after]))
    assert same(answers(load_model(path), QUERIES), answers(estimator, QUERIES))


def test_a_model_outlives_its_file(path):
    classifier = KNeighborsClassifier(3).fit(X, Y)
    save_model(classifier, path)
    loaded = load_model(path)
    save_model(KNeighborsClassifier(1).fit(X[:5], Y[:5]), path)
    path.unlink()
    assert same(answers(loaded, QUERIES), answers(classifier, QUERIES))


@pytest.mark.parametrize("mmap_mode", [None, "r", "c"])
@pytest.mark.parametrize("estimator", [KNeighborsClassifier(3), LookalikeClassifier("fast")])
def test_joblib(tmp_path, path, estimator, mmap_mode):
    estimator = clone(estimator).fit(X, Y)
    save_model(estimator, path)
    for one in (estimator, load_model(path)):
        joblib.dump(one, tmp_path / "a.joblib")
        loaded = joblib.load(tmp_path / "a.joblib", mmap_mode=mmap_mode)
        assert same(answers(loaded, QUERIES), answers(estimator, QUERIES))
        again(loaded, path, QUERIES)
        loaded.partial_fit(MORE, MORE_Y).remove(0)


# --- what is kept beside it ----------------------------------------------------------------


def test_source_and_form(path):
    form = learn_form(X)
    save_model(KNeighborsClassifier(3).fit(X, Y), path, source="digits of scikit-learn", form=form)
    opened = open_file(path)
    assert opened.form == form
    assert opened.description["source"] == "digits of scikit-learn"
    save_model(KNeighborsClassifier(3).fit(X, Y), str(path))
    assert open_file(path).form is open_file(path).description["source"] is None


# --- what can not be kept ------------------------------------------------------------------


def chebyshev(a, b):
    return np.abs(a - b).max()


REFUSED = {
    "metric": KNeighborsClassifier(3, metric=chebyshev),
    "weights": KNeighborsClassifier(3, weights=np.exp),
    "random_state": LookalikeClassifier("fast", random_state=np.random.RandomState(0)),
    "estimator": KNeighborsSearchCV(
        make_pipeline(StandardScaler(), KNeighborsClassifier()),
        {"kneighborsclassifier__n_neighbors": [1, 2]},
        cv=3,
    ),
    "scoring": KNeighborsSearchCV(
        KNeighborsClassifier(), GRID, cv=3, scoring=lambda model, X, y: 1.0
    ),
    "cv": KNeighborsSearchCV(KNeighborsClassifier(), GRID, cv=iter([([0, 1, 2, 3, 4, 5], [6])])),
    "param_grid": KNeighborsSearchCV(
        KNeighborsClassifier(), {"n_neighbors": stats.randint(1, 4)}, n_iter=2, random_state=0, cv=3
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_not_be_kept_is_named(path, name):
    images = X if name == "random_state" else X.reshape(len(X), -1)
    estimator = clone(REFUSED[name], safe=False).fit(images, Y)
    with pytest.raises(ModelError, match=rf"^{name}\b.* a model file cannot store; ") as error:
        save_model(estimator, path)
    assert "\n" not in str(error.value)
    assert not list(path.parent.iterdir())


def test_labels_that_can_not_be_kept(path):
    half = np.array(["ok", "\ud800"])[Y % 2]
    with pytest.raises(ModelError, match=r"'\\ud800'.*UTF-8"):
        save_model(KNeighborsClassifier(3).fit(X, half), path)
    assert not list(path.parent.iterdir())


class Own(KNeighborsClassifier):
    pass


@pytest.mark.parametrize("other", [Own(), StandardScaler(), "text", None, {}, Shifts(1)])
def test_what_is_no_estimator_of_ours(path, other):
    with pytest.raises(ModelError, match="is not an estimator of this package; "):
        save_model(other, path)


@pytest.mark.parametrize(
    "estimator",
    [
        KNeighborsClassifier(),
        KNeighborsRegressor(),
        KNeighborsDenoiser(),
        KNeighborsSearchCV(KNeighborsClassifier(), GRID),
        LookalikeClassifier(),
        NearestNeighbors(),
        NormalizeStroke(),
        OrientedGradients(),
        WithinClassWhitening(),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_what_is_not_fitted(path, estimator):
    with pytest.raises(NotFittedError):
        save_model(estimator, path)
    assert not path.exists()
