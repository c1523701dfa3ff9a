"""The tour's steps on the matching classifier: what its parts are good for, and few labels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lookalike.cli.screen import Bar
from lookalike.cli.tour.step import Step, accuracy_entry, chart_of, skipped
from lookalike.cli.tour.tuning_steps import Classified
from lookalike.cli.train import why_chosen
from lookalike.estimators.classifier import KNeighborsClassifier
from lookalike.estimators.lookalike import LookalikeClassifier
from lookalike.estimators.matches import Matches
from lookalike.evaluation.comparison.paired import error_drop
from lookalike.evaluation.few_labels import FewLabels, measure_few_labels
from lookalike.evaluation.metrics.accuracy import Accuracy, accuracy
from lookalike.images.dataset import Dataset, Split
from lookalike.matching.choosing import CHUNK, Trial
from lookalike.matching.levels import check_images
from lookalike.matching.matcher import Recipe
from lookalike.matching.reading import Reader, Reading
from lookalike.reports.blocks import Column, Gallery, Section, Table, Text
from lookalike.reports.few_labels import few_labels_section
from lookalike.reports.matched_errors import matched_errors_section
from lookalike.search.threads import count_threads

_EFFORT: Literal["fast", "balanced", "best"] = "balanced"
_MOST_WRONG = 40  # in the JSON document
_N_NEAREST = 5

_DRAWS = {10: 3, 50: 1, 100: 1}  # by labels a class; with more of them, draws differ less
_MOST_LABELS = 1_000  # of all classes together, so that the step takes seconds, as the next
_MOST_TEST_IMAGES = 2_000
_SEED = 0


@dataclass(frozen=True)
class _Link:
    """One part more, and the errors with all parts up to it."""

    part: str
    trial: Trial | None
    test: Accuracy

    def entry(self) -> dict[str, Any]:
        return {
            "part": self.part,
            "held_out_error": None if self.trial is None else self.trial.error,
            "n_held_out": None if self.trial is None else self.trial.n_held_out,
            "error": 1 - self.test.value,
            "standard_error": self.test.standard_error,
            "n_wrong": self.test.n - self.test.n_right,
        }


def matched(bar: Bar, data: Dataset, plain: Classified, n_jobs: int | None) -> Step[None]:
    """Match images by what is chosen on the training images, and tell what each part is good for.

    Parameters
    ----------
    data : Dataset
    plain : Classified
        By the baseline.
    n_jobs : int or None
    """
    train, test = data.train, data.test
    try:
        check_images(train.images[:1])
    except ValueError as error:
        return skipped(str(error))
    classifier = LookalikeClassifier(_EFFORT, n_jobs=n_jobs)
    bar.start("trying what matches images best")
    start = perf_counter()
    classifier.fit(train.images, train.labels, progress=bar)
    fit_seconds = perf_counter() - start
    parts = _parts(classifier.recipe_, classifier.reading_)
    bar.start("matching the test images")
    start = perf_counter()
    answers = _read(classifier, test.images, list(parts.values()), bar)
    predict_seconds = perf_counter() - start
    before = plain.explanation.prediction
    first = f"pixels: the {plain.model.n_neighbors} nearest, weighted"
    chain = [_Link(first, None, accuracy(test.labels, before))]
    chain += [
        _Link(part, _trial_of(classifier, reading), accuracy(test.labels, answer))
        for (part, reading), answer in zip(parts.items(), answers, strict=True)
    ]
    right, drop = chain[-1].test, error_drop(test.labels, before, answers[-1])
    wrong = np.flatnonzero(answers[-1] != test.labels)
    n_nearest = min(_N_NEAREST, len(train))
    matches = classifier.explain(test.images[wrong], n_nearest) if len(wrong) else None
    why = why_chosen(classifier)
    entry = {
        "effort": classifier.effort,
        "recipe": classifier.recipe_._asdict(),
        "reading": classifier.reading_._asdict(),
        "why": why,
        "chain": [link.entry() for link in chain],
        **accuracy_entry(right),
        "n_mended": drop.n_mended,
        "n_made": drop.n_made,
        "wrong": [] if matches is None else _wrong_entries(data, wrong[:_MOST_WRONG], matches),
        "fit_seconds": round(fit_seconds, 4),
        "predict_seconds": round(predict_seconds, 4),
    }
    n_wrong = right.n - right.n_right
    said = [
        f"Of {right.n:,} test images {'1 is' if n_wrong == 1 else f'{n_wrong:,} are'} still wrong; "
        f"against the plain neighbours {drop.n_mended:,} errors are mended, {drop.n_made:,} made.",
        f"Why these: {why}",
    ]
    notes = [
        Text(
            "Held out: train images; by their errors all parts were chosen, together. The test "
            "errors of the parts are read off one search.",
            is_note=True,
        ),
        Text(
            f"chosen and learnt in {fit_seconds:.2f} s, test images matched in "
            f"{predict_seconds:.2f} s",
            is_note=True,
        ),
    ]
    section = Section("Matched", [_chain_table(chain), *notes], said)
    if matches is None:
        return Step(None, entry, [section])
    probabilities = np.full(len(test), np.nan)
    probabilities[wrong] = matches.probabilities.max(axis=1)
    errors = matched_errors_section(
        data, answers[-1], probabilities, lambda images: classifier.explain(images, n_nearest)
    )
    gallery = next(block for block in errors.blocks if isinstance(block, Gallery))
    section = replace(section, blocks=[*section.blocks, gallery])
    return Step(None, entry, [section], {"matches.png": gallery})


def _wrong_entries(
    data: Dataset, wrong: NDArray[np.int64], matches: Matches
) -> list[dict[str, Any]]:
    names = data.class_names
    return [
        {
            "test_row": row,
            "file": data.test.name(row),
            "true": names[data.test.labels[row]],
            "predicted": names[matches.prediction[i]],
            "probability": float(matches.probabilities[i].max()),
            "neighbors": matches.indices[i].tolist(),
            "neighbor_files": [data.train.name(own) for own in matches.indices[i].tolist()],
            "neighbor_labels": [names[label] for label in matches.labels[i]],
        }
        for i, row in enumerate(wrong.tolist())
    ]


def _chain_table(chain: list[_Link]) -> Table:
    rows = [
        [
            link.part,
            None if link.trial is None else link.trial.error,
            1 - link.test.value,
            link.test.standard_error,
            link.test.n - link.test.n_right,
        ]
        for link in chain
    ]
    heads = [Column(head, ".2%") for head in ("held out", "test error", "±")]
    caption = "Errors with each part and all above it; ±: standard error"
    return Table(["each with all above it", *heads, "wrong"], rows, caption)


def _parts(recipe: Recipe, reading: Reading) -> dict[str, Reading]:
    """Return readings that have more and more of what was chosen; the last one has all."""
    parts = {f"the nearest one by {recipe}": Reading(0.0, 1)}
    if (reading.scaling, reading.k) != (0.0, 1):
        scaled = ", by local density" if reading.scaling else ""
        parts[f"{reading.k} nearest of each class{scaled}"] = Reading(reading.scaling, reading.k)
    if reading.hyperplanes:
        parts["in doubt: distance to each class's plane"] = reading._replace(deformation="off")
    if reading.deformation != "off":
        parts["in doubt: pixels may move"] = reading
    return parts


def _read(
    classifier: LookalikeClassifier, images: NDArray[np.uint8], readings: list[Reading], bar: Bar
) -> list[NDArray[Any]]:
    """Return the answers by each reading, from one search; by the last one as `predict` does."""
    matcher = classifier._matcher
    answers: list[list[NDArray[Any]]] = [[] for _ in readings]
    for i in range(0, len(images), CHUNK):
        own = classifier._levels.to_bytes(images[i : i + CHUNK])
        reader = Reader(matcher, matcher.seek(matcher.project(own)))
        for reading, parts in zip(readings, answers, strict=True):
            codes = reader.read(reading).classes.argmin(axis=1)
            parts.append(classifier.classes_[codes])
        bar(min(i + CHUNK, len(images)), len(images))
    return [np.concatenate(parts) for parts in answers]


def _trial_of(classifier: LookalikeClassifier, reading: Reading) -> Trial | None:
    """Return how the chosen recipe did with a reading on held-out images."""
    found = [
        trial
        for trial in classifier.choices_
        if (trial.recipe, trial.reading) == (classifier.recipe_, reading)
    ]
    return found[-1] if found else None


def few_labels(bar: Bar, data: Dataset, n_jobs: int | None) -> Step[None]:
    """Fit ours and other classifiers on few labels a class, drawn anew several times."""
    train, test = data.train, data.test
    n_draws = affordable_draws(train.labels)
    reason = _why_skipped(train, n_draws)
    if reason is not None:
        return skipped(reason)
    rows = np.random.default_rng(_SEED).permutation(len(test))[:_MOST_TEST_IMAGES]
    bar.start("learning from few labels")
    found = measure_few_labels(
        _classifiers(float(train.images.max()), n_jobs),
        train,
        Split(test.images[rows], test.labels[rows]),
        n_draws,
        progress=bar,
    )
    entry = {**found.to_dict(), "verdict": found.verdict()}
    section = few_labels_section(found, how=_how_drawn(found, len(test)))
    return Step(None, entry, [section], {"few_labels.png": chart_of(section)})


def _how_drawn(found: FewLabels, n_test: int) -> str:
    """Say what was drawn and predicted."""
    first, *others = zip(found.n_draws, found.sizes, strict=True)
    draws = f"{first[0]} {'draw' if first[0] == 1 else 'draws'} of {first[1]:,}"
    draws += "".join(f", {n} of {size:,}" for n, size in others)
    of = "all" if found.n_test == n_test else f"{found.n_test:,} of the"
    several = max(found.n_draws) > 1
    spread = " The spread is the standard deviation of the draws." if several else ""
    return (
        f"{draws} training images a class, the same for all; errors of {of} {n_test:,} test "
        f"images.{spread} Ours chooses its settings on those few labels; fixed are those of k-NN "
        "(k = 3, weighted by distance), the SVM (C = 5) and the forest (100 trees)."
    )


def affordable_draws(labels: NDArray[Any]) -> dict[int, int]:
    """Return the draws of those numbers of labels that there are, and that take seconds."""
    _, counts = np.unique(labels, return_counts=True)
    most = min(int(counts.min()), _MOST_LABELS // len(counts))
    return {size: n for size, n in _DRAWS.items() if size <= most}


def _why_skipped(train: Split, n_draws: dict[int, int]) -> str | None:
    try:
        check_images(train.images[:1])
    except ValueError as error:
        return str(error)
    classes, counts = np.unique(train.labels, return_counts=True)
    if len(classes) < 2:
        return "the training images are of one class, so that there is nothing to tell apart"
    if n_draws:
        return None
    fewest = min(_DRAWS)
    if counts.min() < fewest:
        return f"a class has fewer than {fewest} training images to draw from"
    return f"{fewest} labels of each of {len(classes):,} classes are more than {_MOST_LABELS:,}"


def _classifiers(largest: float, n_jobs: int | None) -> dict[str, Any]:
    """Return ours and the others, all of images; the others get pixels from 0 to 1."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer
    from sklearn.svm import SVC

    rows = FunctionTransformer(_as_shares, kw_args={"largest": max(largest, 1.0)})
    n_threads = count_threads(n_jobs)
    forest = RandomForestClassifier(100, random_state=_SEED, n_jobs=n_threads)
    return {
        "lookalike (fast)": LookalikeClassifier("fast", n_jobs=n_jobs),
        "k-NN": KNeighborsClassifier(3, weights="distance", n_jobs=n_jobs),
        "RBF SVM": make_pipeline(rows, SVC(C=5)),
        "random forest": make_pipeline(rows, forest),
    }


def _as_shares(images: NDArray[Any], largest: float) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = images.reshape(len(images), -1) / largest
    return shares
