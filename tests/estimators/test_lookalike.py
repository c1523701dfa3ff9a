"""The classifier that matches images."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.metrics import log_loss

from lookalike import KNeighborsClassifier, LookalikeClassifier, _core
from lookalike.matching import model_selection
from lookalike.matching.matcher import Matcher
from lookalike.matching.model_selection import deciding
from lookalike.matching.search_spaces import SEARCH_SPACES


@pytest.fixture(scope="module")
def digits():
    data = load_digits()
    return data.images[:900], data.target[:900], data.images[900:], data.target[900:]


@pytest.fixture(scope="module")
def fitted(digits):
    return LookalikeClassifier("balanced").fit(*digits[:2])


def test_it_beats_plain_neighbors(digits, fitted):
    X, y, Xt, yt = digits
    plain = KNeighborsClassifier(3).fit(X, y).score(Xt, yt)
    assert fitted.score(Xt, yt) > plain


def test_probabilities_agree_with_predictions(digits, fitted):
    shares = fitted.predict_proba(digits[2])
    assert_allclose(shares.sum(axis=1), 1)
    assert_array_equal(fitted.classes_[shares.argmax(axis=1)], fitted.predict(digits[2]))
    assert log_loss(digits[3], shares) < 0.2


@pytest.mark.parametrize(
    "effort",
    [
        "fast",
        *(
            pytest.param(effort, marks=pytest.mark.slow("tries many representations, on each path"))
            for effort in ("balanced", "best")
        ),
    ],
)
def test_every_thread_count_and_path_gives_the_same(digits, effort, monkeypatch):
    X, y, Xt, _ = digits
    X, y = X[:200], y[:200]
    expected = LookalikeClassifier(effort, n_jobs=1).fit(X, y)
    for path in _core.available_cpu_paths():
        monkeypatch.setenv("LOOKALIKE_CPU", path)
        other = LookalikeClassifier(effort, n_jobs=2).fit(X, y)
        assert (other.representation_, other.scoring_rule_) == (
            expected.representation_,
            expected.scoring_rule_,
        )
        assert [t[:5] for t in other.choices_] == [t[:5] for t in expected.choices_]
        assert_array_equal(other.predict_proba(Xt[:50]), expected.predict_proba(Xt[:50]))


def test_all_that_was_tried_is_told(fitted):
    representations = {trial.representation for trial in fitted.choices_ if trial.stage < 3}
    assert representations == set(SEARCH_SPACES["balanced"].representations)
    grown = {trial.representation.growth for trial in fitted.choices_ if trial.stage == 3}
    assert grown == {"turned", "mirrored"}
    chosen = [
        trial
        for trial in deciding(fitted.choices_)
        if (trial.representation, trial.rule) == (fitted.representation_, fitted.scoring_rule_)
    ]
    assert len(chosen) == 1
    assert chosen[0].n_held_out == 900
    assert chosen[0].error < 0.05


def test_copies_are_tried_where_there_are_few_images_only(monkeypatch, digits):
    X, y, _, _ = digits
    monkeypatch.setitem(SEARCH_SPACES, "fast", SEARCH_SPACES["fast"]._replace(most_with_copies=999))
    grown = [trial for trial in LookalikeClassifier("fast").fit(X, y).choices_ if trial.stage == 3]
    assert not grown
    few = LookalikeClassifier("fast").fit(X[:300], y[:300])
    assert {trial.representation.growth for trial in few.choices_} == {"none", "mirrored"}
    assert few.representation_.growth == "none"  # that mirrored ones may do no harm is not enough


def grown_classifier(digits, monkeypatch, growth):
    """Have one that learnt copies, whatever would be chosen."""
    winner = model_selection.pick

    def pick(trials, usual, preferred="none"):
        same = [trial for trial in trials if trial.representation.growth == growth]
        return winner(same or trials, usual)

    monkeypatch.setattr(model_selection, "pick", pick)
    return LookalikeClassifier("balanced").fit(digits[0][:400], digits[1][:400])


@pytest.mark.slow("fits with the effort balanced")
def test_copies_are_named_and_are_no_neighbors_of_their_siblings(digits, monkeypatch):
    _, y, Xt, yt = digits
    turned = grown_classifier(digits, monkeypatch, "turned")
    assert turned.representation_.growth == "turned"
    assert turned.score(Xt, yt) > 0.95
    matches = turned.explain(Xt[:60], 5)
    assert matches.indices.max() < 400
    assert_array_equal(matches.labels, y[matches.indices])
    assert matches.variant_names[0] == "original"
    assert len(matches.variant_names) == 5
    assert set(np.unique(matches.variants)) == {0, 1, 2, 3, 4}
    matcher = turned._matcher
    assert_array_equal(matcher.parents_[matches.rows], matches.indices)
    # Siblings are much nearer than others are: had they counted, radii would be far smaller.
    distances, rows = matcher.search_.kneighbors(None, 3)
    siblings = matcher.parents_[rows] == matcher.parents_[:, np.newaxis]
    assert siblings.mean() > 0.5
    others = np.sqrt(matcher._partners(3).distances).mean(axis=1)
    assert (np.sqrt(distances).mean(axis=1) < others).mean() > 0.9
    assert_allclose(matcher.radii_, np.maximum(others / others.mean(), 0.1))


@pytest.mark.slow("fits with the effort balanced")
@pytest.mark.parametrize("growth", ["none", "turned"])
def test_quickly_added_images_count_at_once_and_leave_no_trace(digits, monkeypatch, growth):
    X, y, Xt, _ = digits
    classifier = grown_classifier(digits, monkeypatch, growth)
    before = classifier.predict_proba(Xt[:50])
    strange = np.random.default_rng(0).integers(0, 17, (2, 8, 8)).astype(float)
    classifier.partial_fit(strange, [11, 12], relearn=False)
    assert classifier.classes_.tolist() == [*range(10), 11, 12]
    assert classifier.predict(strange).tolist() == [11, 12]
    assert classifier.explain(strange, 1).indices[:, 0].tolist() == [400, 401]
    assert classifier._matcher.n_parents == 402
    classifier.partial_fit(X[400:403], y[400:403], relearn=False)
    classifier.remove([400, 401], relearn=False)
    assert_array_equal(classifier.explain(X[400:403], 1).indices[:, 0], [400, 401, 402])
    classifier.remove([402, 400, 401], relearn=False)
    assert classifier.classes_.tolist() == list(range(10))
    assert_array_equal(classifier.predict_proba(Xt[:50]), before)


@pytest.mark.slow("learns with the effort best")
def test_labels_of_held_out_images_do_not_leak():
    """Nothing can be learnt from noise: held-out errors must tell so."""
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 256, (300, 10, 10)).astype(np.uint8), np.repeat([0, 1], 150)
    rng.shuffle(y)
    choices = LookalikeClassifier("best").fit(X, y).choices_
    assert np.mean([trial.error for trial in choices]) > 0.42


def test_explanations_name_what_the_answer_rests_on(digits, fitted):
    _, y, Xt, _ = digits
    matches = fitted.explain(Xt[:40], 4)
    assert matches.indices.shape == (40, 4)
    assert_array_equal(matches.labels, y[matches.indices])
    assert_array_equal(matches.prediction, fitted.predict(Xt[:40]))
    assert_array_equal(matches.probabilities, fitted.predict_proba(Xt[:40]))
    assert (np.diff(matches.distances, axis=1) >= 0).all()
    sure = ~matches.doubtful
    assert_array_equal(matches.labels[sure, 0], matches.prediction[sure])
    field = matches.displacements(0)
    assert field.shape == (4, 2, 8, 8)
    assert np.abs(field).max() <= 2
    text = repr(matches)
    assert text.startswith("40 predictions by 4 neighbors each")
    doubt = ", in doubt" if matches.doubtful[0] else ""
    assert f"({matches.probabilities[0].max():.1%}{doubt})" in text
    with pytest.raises(ValueError, match="n_neighbors=0"):
        fitted.explain(Xt[:1], 0)
    with pytest.raises(ValueError, match="n_neighbors=301 but"):
        fitted.explain(Xt[:1], 301)


@pytest.mark.slow("fits five times")
def test_images_that_are_added_and_removed_leave_no_trace(digits):
    X, y, Xt, _ = digits
    whole = LookalikeClassifier("fast").fit(X[:300], y[:300])
    before = whole.predict_proba(Xt[:50])
    changed = clone(whole).fit(X[:300], y[:300])
    changed.partial_fit(X[300:350], y[300:350])
    assert changed.n_samples_fit_ == 350
    assert (changed.predict_proba(Xt[:50]) != before).any()
    changed.remove(np.arange(300, 350))
    assert_array_equal(changed.predict_proba(Xt[:50]), before)
    with pytest.raises(ValueError, match="of shape"):
        changed.partial_fit(np.zeros((1, 9, 9)), [0])
    assert_array_equal(changed.predict_proba(Xt[:50]), before)
    late = LookalikeClassifier("fast").partial_fit(X[:300], y[:300])
    assert_array_equal(late.predict_proba(Xt[:50]), before)


@pytest.mark.slow("fits with the effort balanced")
def test_nothing_is_left_for_the_first_image_in_doubt_to_wait_for(digits, monkeypatch):
    classifier = grown_classifier(digits, monkeypatch, "none")
    assert classifier.scoring_rule_.deformation != "off"
    classifier.partial_fit(digits[0][400:410], digits[1][400:410]).remove([3])

    def late(*_):
        raise AssertionError("radii are measured while somebody waits")

    monkeypatch.setattr(Matcher, "_partners", late)
    assert classifier.explain(digits[2]).doubtful.any()


def test_threads_are_those_of_now_not_of_fit(digits):
    classifier = LookalikeClassifier("fast", n_jobs=1).fit(digits[0][:100], digits[1][:100])
    classifier.set_params(n_jobs=3).predict(digits[2][:5])
    matcher = classifier._matcher
    assert matcher.n_threads == matcher.axes_.n_threads == matcher.search_.n_jobs == 3


def test_a_new_class_may_come_later(digits):
    X, y, Xt, yt = digits
    few = y < 9
    classifier = LookalikeClassifier("fast").fit(X[few], y[few])
    classifier.partial_fit(X[~few], y[~few])
    assert classifier.classes_.tolist() == list(range(10))
    assert classifier.score(Xt, yt) > 0.9


def test_pickles_predict_the_same(digits, fitted):
    copy = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(copy.predict(digits[2]), fitted.predict(digits[2]))


@pytest.mark.slow("fits to all digits")
def test_progress_ends_at_its_total_and_can_interrupt(digits, fitted):
    told = []
    LookalikeClassifier("fast").fit(
        *digits[:2], progress=lambda done, total: told.append((done, total))
    )
    assert told[-1][0] == told[-1][1]
    assert told == sorted(told)

    def stop(done, total):
        raise KeyboardInterrupt

    unfitted = LookalikeClassifier("fast")
    with pytest.raises(KeyboardInterrupt):
        unfitted.fit(*digits[:2], progress=stop)
    with pytest.raises(NotFittedError):
        unfitted.predict(digits[2])
    before = fitted.predict(digits[2])
    with pytest.raises(KeyboardInterrupt):
        fitted.fit(digits[0][:100], digits[1][:100], progress=stop)
    assert_array_equal(fitted.predict(digits[2]), before)


# --- Odd training sets ---------------------------------------------------------------------------


def blobs(n, shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape)).astype(np.uint8)


@pytest.mark.parametrize("effort", ["fast", "balanced", "best"])
@pytest.mark.parametrize(
    ("X", "y"),
    [
        (blobs(6, (8, 8)), [1] * 6),
        (blobs(1, (8, 8)), ["only"]),
        (blobs(5, (8, 12)), [0, 1, 2, 3, 4]),
        (blobs(12, (9, 8, 3)), [0, 1] * 6),
        (np.zeros((20, 8, 8)), [0, 1] * 10),
        (np.repeat(blobs(2, (8, 8)), 15, axis=0), [0] * 15 + [1] * 15),
        (blobs(30, (16, 16)) > 128, ["a", "b", "c"] * 10),
    ],
    ids=["one class", "one image", "one each", "colour", "blank", "duplicates", "booleans"],
)
def test_odd_training_sets_have_answers(effort, X, y):
    classifier = LookalikeClassifier(effort).fit(X, y)
    answers = classifier.predict(X)
    assert set(answers.tolist()) <= set(y)
    shares = classifier.predict_proba(X)
    assert np.isfinite(shares).all()
    if len(set(map(bytes, np.asarray(X)))) == len(X):
        assert_array_equal(answers, y)  # each is its own nearest image


@pytest.mark.parametrize(
    ("X", "y", "told"),
    [
        (np.zeros((3, 8, 8)), [0, 1], "3 images but labels of shape"),
        (np.zeros((3, 8, 8)), [0, 1, np.nan], "NaN"),
        (np.zeros((3, 8, 8)), np.array([0, None, "a"], object), "missing"),
        (np.full((2, 8, 8), np.inf), [0, 1], "infinity"),
        (np.zeros(3), [0, 1, 1], "Reshape your data"),
        (np.zeros((3, 8, 8)), [0.25, 1.5, 0.75], "continuous"),
        (np.zeros((3, 8, 8)), [[0, 1], [0, 1], [1, 1]], r"labels of shape \(3, 2\)"),
    ],
)
def test_what_can_not_be_learnt_is_refused(X, y, told):
    with pytest.raises(ValueError, match=told):
        LookalikeClassifier().fit(X, y)


def test_a_column_of_labels_is_taken_as_scikit_learn_does(digits):
    X, y, Xt, _ = digits
    flat = LookalikeClassifier("fast").fit(X[:200], y[:200])
    with pytest.warns(DataConversionWarning, match="column-vector"):
        column = LookalikeClassifier("fast").fit(X[:200], y[:200, np.newaxis])
    assert_array_equal(column.predict_proba(Xt[:20]), flat.predict_proba(Xt[:20]))


def test_unknown_efforts_and_other_sizes_are_refused(digits, fitted):
    with pytest.raises(ValueError, match="fast, balanced, best"):
        LookalikeClassifier("heroic").fit(*digits[:2])
    with pytest.raises(ValueError, match="of training had"):
        fitted.predict(np.zeros((1, 9, 8)))
    with pytest.raises(NotFittedError):
        LookalikeClassifier().predict(digits[2])
