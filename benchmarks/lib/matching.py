"""What `matching.py` measures, each in a process of its own: classifiers, folds, and fixed choices.

No function here hands test images to what learns or chooses: each fits first, on training images
alone, and only then loads or cuts out what is predicted, once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lib.harness import Reading, reading
from lib.images import StoredImages
from lib.kinds import Kind

Array = NDArray[Any]

EFFORTS = ("fast", "balanced", "best")
OURS = {effort: f"lookalike {effort}" for effort in EFFORTS}
OUR_KNN, SKLEARN_KNN = "lookalike k-NN, k=4, weighted", "scikit-learn k-NN, k=4, weighted"
NEAREST, TUNED_KNN = "lookalike k-NN, k=1", "plain k-NN, tuned"
SVM, SCALED_SVM = "SVM, C=5, gamma=0.05", "SVM, C=5, gamma=scale"
FOREST, SMALLER_FOREST = "random forest, 500 trees", "random forest, 300 trees"
BOOSTING = "histogram boosting"

N_FOLDS = 5
"""Folds of the cross-validation of each kind of images."""

MOST_SECONDS = 120
"""Boosting is left out where it would take longer than this for all folds of a kind."""

TRIAL_ITERATIONS, ITERATIONS = 2, 100
"""Boosting is timed for so many iterations, to tell how long it takes for all of them."""

N_COMPONENTS, N_NEIGHBORS = 256, 400
"""Where the choices are fixed, they are those of effort "best"."""


@dataclass(frozen=True)
class Answer:
    """How many images came out wrong, and what our classifier chose; nothing for others."""

    n_wrong: int
    n: int
    choice: str = ""

    @property
    def error(self) -> float:
        """In percent."""
        return 100 * self.n_wrong / self.n

    @property
    def standard_error(self) -> float:
        """The standard error of the error in percent, as that of a binomial count."""
        share = self.n_wrong / self.n
        return 100 * float(np.sqrt(share * (1 - share) / self.n))


class Skipped(NamedTuple):
    """What was left out, and how long it would have taken, as far as can be told."""

    seconds: float


# --- Classifiers ---------------------------------------------------------------------------------


class Method(NamedTuple):
    """A classifier, made for a number of threads, and the form it takes images in.

    The latter is prepared of images and the largest value of the training images.
    """

    make: Callable[[int], Any]
    prepare: Callable[[Array, float], Array]


def _as_they_are(images: Array, largest: float) -> Array:
    return images


def _as_rows(images: Array, largest: float) -> Array:
    return images.reshape(len(images), -1)


def _as_floats(images: Array, largest: float) -> Array:
    return _as_rows(images, largest).astype(np.float32)


def _as_shares(images: Array, largest: float) -> Array:
    """From 0 to 1 in the training images."""
    shares: Array = _as_rows(images, largest) / largest
    return shares


def _make_ours(effort: Any) -> Callable[[int], Any]:
    def make(n_threads: int) -> Any:
        from lookalike import LookalikeClassifier

        return LookalikeClassifier(effort, random_state=0, n_jobs=n_threads)

    return make


def _make_neighbors(k: int, weights: Any) -> Callable[[int], Any]:
    def make(n_threads: int) -> Any:
        from lookalike import KNeighborsClassifier

        return KNeighborsClassifier(k, weights=weights, n_jobs=n_threads)

    return make


def _make_sklearn_neighbors(n_threads: int) -> Any:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(4, weights="distance", n_jobs=n_threads)


def _make_tuned(n_threads: int) -> Any:
    from lookalike import KNeighborsClassifier, KNeighborsSearchCV

    grid = {"n_neighbors": [1, 3, 5, 10], "weights": ["uniform", "distance"]}
    return KNeighborsSearchCV(KNeighborsClassifier(), grid, cv=5, n_jobs=n_threads)


def _make_svm(gamma: float | str) -> Callable[[int], Any]:
    def make(n_threads: int) -> Any:
        from sklearn.svm import SVC

        return SVC(C=5, gamma=gamma)

    return make


def _make_forest(n_trees: int) -> Callable[[int], Any]:
    def make(n_threads: int) -> Any:
        from sklearn.ensemble import RandomForestClassifier

        return RandomForestClassifier(n_trees, random_state=0, n_jobs=n_threads)

    return make


def _make_boosting(n_threads: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier  # threads: OMP_NUM_THREADS

    return HistGradientBoostingClassifier(max_iter=ITERATIONS, random_state=0)


METHODS = {
    **{name: Method(_make_ours(effort), _as_they_are) for effort, name in OURS.items()},
    OUR_KNN: Method(_make_neighbors(4, "distance"), _as_rows),
    NEAREST: Method(_make_neighbors(1, "uniform"), _as_rows),
    TUNED_KNN: Method(_make_tuned, _as_rows),
    SKLEARN_KNN: Method(_make_sklearn_neighbors, _as_floats),
    SVM: Method(_make_svm(0.05), _as_shares),
    SCALED_SVM: Method(_make_svm("scale"), _as_shares),
    FOREST: Method(_make_forest(500), _as_rows),
    SMALLER_FOREST: Method(_make_forest(300), _as_rows),
    BOOSTING: Method(_make_boosting, _as_rows),
}


def _describe_choice(classifier: Any) -> str:
    """What our classifier chose, and its errors on held-out training images."""
    if not hasattr(classifier, "choices_"):
        return ""
    chosen = (classifier.representation_, classifier.scoring_rule_)
    text = f"{chosen[0]}; {chosen[1]}"
    for trial in reversed(classifier.choices_):  # those that decide come last
        if (trial.representation, trial.rule) == chosen:
            return f"{text}; {trial.n_wrong} of {trial.n_held_out:,} held out wrong"
    return f"{text}; untried"


def _count_wrong(answers: Array, labels: Array) -> int:
    return int((answers != labels).sum())


# --- One measurement, in its own process ---------------------------------------------------------


def measure(data: StoredImages, name: str, n_threads: int) -> Reading:
    """Fit on all training images; then, when all is chosen, load the test images and predict."""
    method = METHODS[name]
    rows, labels = data.training()
    largest = float(rows.max())
    images = method.prepare(data.as_images(rows), largest)
    classifier = method.make(n_threads)
    with reading() as taken:
        with taken.stage("fit"):
            classifier.fit(images, labels)
        choice = _describe_choice(classifier)
        test_rows, test_labels = data.test()  # not looked at before
        test_images = method.prepare(data.as_images(test_rows), largest)
        with taken.stage("predict"):
            answers = classifier.predict(test_images)
    taken.answer = Answer(_count_wrong(answers, test_labels), len(test_labels), choice)
    return taken


def measure_block(
    data: StoredImages, name: str, block: int, n_blocks: int, n_threads: int
) -> Reading:
    """Hold out a block of the training images, fit on the others and predict the block."""
    rows, labels = data.training()
    held_out = np.array_split(np.arange(len(rows)), n_blocks)[block]
    images, own_labels = (np.delete(part, held_out, axis=0) for part in (rows, labels))
    classifier = METHODS[name].make(n_threads)
    with reading() as taken:
        with taken.stage("fit"):
            classifier.fit(data.as_images(images), own_labels)
        with taken.stage("predict"):
            answers = classifier.predict(data.as_images(rows[held_out]))
    n_wrong = _count_wrong(answers, labels[held_out])
    taken.answer = Answer(n_wrong, len(held_out), _describe_choice(classifier))
    return taken


def measure_few(
    data: StoredImages, name: str, sizes: Sequence[int], n_draws: int, n_threads: int
) -> Reading:
    """Fit on few training images of each class, drawn anew each time; answer a list a size."""
    from lookalike.evaluation.few_labels import draw_of_each_class

    method = METHODS[name]
    rows, labels = data.training()
    answers: list[list[Answer]] = []
    with reading() as taken, taken.stage("all draws"):
        for size in sizes:
            answers.append([])
            for seed in range(n_draws):
                drawn = draw_of_each_class(labels, size, seed)
                largest = float(rows[drawn].max())
                images = method.prepare(data.as_images(rows[drawn]), largest)
                classifier = method.make(n_threads).fit(images, labels[drawn])
                test_rows, test_labels = data.test()
                test = method.prepare(data.as_images(test_rows), largest)
                n_wrong = _count_wrong(classifier.predict(test), test_labels)
                answers[-1].append(Answer(n_wrong, len(test_labels)))
    taken.answer = answers
    return taken


# --- Kinds of images -----------------------------------------------------------------------------


def split_kind(kind: Kind) -> Iterator[tuple[Array, Array]]:
    """Give the rows to learn from and to predict of each fold, groups kept together."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    splitter = StratifiedKFold if kind.groups is None else StratifiedGroupKFold
    folds = splitter(N_FOLDS, shuffle=True, random_state=0)
    yield from folds.split(np.zeros(len(kind.labels)), kind.labels, kind.groups)


def measure_kind(kind: Kind, name: str, n_threads: int) -> Reading:
    """Fit and predict each fold; answer one `Answer` a fold, or `Skipped`."""
    method = METHODS[name]
    answers: list[Answer] = []
    seconds = dict.fromkeys(("fit", "predict"), 0.0)
    with reading() as taken:
        for train, held_out in split_kind(kind):
            largest = float(kind.images[train].max())
            images = method.prepare(kind.images[train], largest)
            if name == BOOSTING and not answers:
                expected = _expect_seconds(images, kind.labels[train])
                if expected > MOST_SECONDS:
                    taken.answer = Skipped(expected)
                    return taken
            classifier = method.make(n_threads)
            start = perf_counter()
            classifier.fit(images, kind.labels[train])
            seconds["fit"] += perf_counter() - start
            choice = _describe_choice(classifier)
            held_out_images = method.prepare(kind.images[held_out], largest)
            start = perf_counter()
            predicted = classifier.predict(held_out_images)
            seconds["predict"] += perf_counter() - start
            n_wrong = _count_wrong(predicted, kind.labels[held_out])
            answers.append(Answer(n_wrong, len(held_out), choice))
    taken.seconds |= seconds
    taken.answer = answers
    return taken


def _expect_seconds(images: Array, labels: Array) -> float:
    """How long boosting takes on all folds, from a few of its iterations."""
    few = _make_boosting(1).set_params(max_iter=TRIAL_ITERATIONS)
    start = perf_counter()
    few.fit(images, labels)
    return (perf_counter() - start) * ITERATIONS / TRIAL_ITERATIONS * N_FOLDS


# --- Fixed choices -------------------------------------------------------------------------------

Choice = tuple[Any, Any]
"""A representation and a scoring rule."""
Pair = tuple[Array, Array]
"""Images and labels."""


def fixed_choices(effort: str) -> list[Choice]:
    """Every representation of an effort with a rich scoring rule, and with a plain one."""
    from lookalike.matching.scoring import ScoringRule
    from lookalike.matching.search_spaces import SEARCH_SPACES

    rules = (ScoringRule(0.3, 6, 1.0), ScoringRule(0.0, 1))
    return list(product(SEARCH_SPACES[effort].representations, rules))


def ablation_choices() -> dict[str, Choice]:
    """What each part is called, and the choice that has it and all parts before it."""
    from lookalike.matching.matcher import Representation
    from lookalike.matching.scoring import ScoringRule

    pixels, whitened = Representation(False, "pixels", 0.0), Representation(True, "gradients", 0.6)
    rich = whitened._replace(features="rich")
    plain, planes = ScoringRule(0.0, 3), ScoringRule(0.3, 6, 1.0)
    return {
        "pixels, k = 3 a class, unscaled": (pixels, plain),
        "gradients instead of pixels": (pixels._replace(features="gradients"), plain),
        "+ strokes normalized": (whitened._replace(whitening=0.0), plain),
        "+ whitening 0.6": (whitened, plain),
        "+ scaling 0.3": (whitened, ScoringRule(0.3, 3)),
        "+ k = 6, hyperplanes 1": (whitened, planes),
        "+ rich features": (rich, planes),
        "+ deformation forward": (rich, planes._replace(deformation="forward")),
        "+ deformation both": (rich, planes._replace(deformation="both")),
    }


def measure_ablation(data: StoredImages, n_held_out: int, n_threads: int) -> Reading:
    """Learn from all training images but the last ones; answer how many of those are wrong."""
    rows, labels = data.training()
    images, n = data.as_images(rows), len(rows) - n_held_out
    choices = list(ablation_choices().values())
    with reading() as taken, taken.stage("all choices"):
        train, held_out = (images[:n], labels[:n]), (images[n:], labels[n:])
        taken.answer = _count_fixed(choices, train, held_out, n_threads)
    return taken


def measure_fixed(kind: Kind, effort: str, n_threads: int) -> Reading:
    """Answer how many images of all folds together each fixed choice has wrong."""
    choices = fixed_choices(effort)
    wrong = np.zeros(len(choices), np.int64)
    with reading() as taken, taken.stage("all choices"):
        for rows in split_kind(kind):
            train, held_out = ((kind.images[own], kind.labels[own]) for own in rows)
            wrong += _count_fixed(choices, train, held_out, n_threads)
    taken.answer = wrong.tolist()
    return taken


def _count_fixed(
    choices: Sequence[Choice], train: Pair, held_out: Pair, n_threads: int
) -> list[int]:
    """Count wrong images of each choice; representations share axes, rules a table."""
    from lookalike.matching.byte_levels import ByteLevels
    from lookalike.matching.matcher import Matcher
    from lookalike.matching.model_selection import CHUNK
    from lookalike.matching.scoring import Scorer

    levels = ByteLevels(train[0])
    own, asked = levels.to_bytes(train[0]), levels.to_bytes(held_out[0])
    classes, found = np.unique(train[1], return_inverse=True)
    codes = found.astype(np.int32)
    wrong = dict.fromkeys(choices, 0)
    for axes in dict.fromkeys(representation[:2] for representation, _ in choices):
        representations = list(
            dict.fromkeys(
                representation for representation, _ in choices if representation[:2] == axes
            )
        )
        sizes = {"n_components": N_COMPONENTS, "n_neighbors": N_NEIGHBORS}
        base = Matcher(representations[0], **sizes, n_threads=n_threads)
        learnt = base.learn_axes(own)
        images, coordinates = base.project(asked)
        for representation in representations:
            matcher = base.whitened(*learnt, codes, len(classes), representation.whitening)
            readings = [one for other, one in choices if other == representation]
            for start in range(0, len(asked), CHUNK):
                part = slice(start, start + CHUNK)
                scorer = Scorer(matcher, matcher.seek(images[part], coordinates[part]))
                for one in readings:
                    predicted = classes[scorer.read(one).classes.argmin(axis=1)]
                    wrong[representation, one] += _count_wrong(predicted, held_out[1][part])
    return [wrong[choice] for choice in choices]
