"""The tour's steps on the matching classifier: what its parts are good for, and few labels."""

from __future__ import annotations

from time import perf_counter
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lookalike.cli.screen import Bar
from lookalike.cli.tour.step import Step, chart_of, skipped
from lookalike.cli.tour.tuning_steps import Classified
from lookalike.estimators.lookalike import LookalikeClassifier
from lookalike.evaluation.comparison.models import few_label_classifiers
from lookalike.evaluation.comparison.paired import error_drop
from lookalike.evaluation.errors.mistakes import mistake_to_dict, surest_mistakes, winning_shares
from lookalike.evaluation.few_labels import FewLabels, measure_few_labels
from lookalike.evaluation.metrics.intervals import accuracy
from lookalike.evaluation.training import AblationPart, measure_parts, why_chosen
from lookalike.images.dataset import Dataset, Split
from lookalike.matching.byte_levels import check_images
from lookalike.reports.blocks import Block, Section, Text
from lookalike.reports.explanation import explained_gallery
from lookalike.reports.training import few_labels_section, parts_table

_EFFORT: Literal["fast", "balanced", "best"] = "balanced"
_MOST_WRONG = 40  # in the JSON document
_N_NEAREST = 5

_DRAWS = {10: 3, 50: 1, 100: 1}  # by labels a class; with more of them, draws differ less
_MOST_LABELS = 1_000  # of all classes together, so that the step takes seconds, as the next
_MOST_TEST_IMAGES = 2_000
_SEED = 0


def matched(bar: Bar, data: Dataset, plain: Classified, n_jobs: int | None) -> Step[None]:
    """Match images by what is chosen on the training images, and tell what each part is good for.

    Parameters
    ----------
    bar : Bar
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
    fitted = perf_counter()
    bar.start("matching the test images")
    parts = measure_parts(classifier, test.images, test.labels, progress=bar)
    fit_seconds, predict_seconds = fitted - start, perf_counter() - fitted
    before = plain.explanation.prediction
    named = f"pixels: the {plain.model.n_neighbors} nearest, weighted"
    parts = [AblationPart(named, None, before, accuracy(test.labels, before)), *parts]
    right, drop = parts[-1].accuracy, error_drop(test.labels, before, parts[-1].prediction)
    wrong = np.flatnonzero(parts[-1].prediction != test.labels)
    why = why_chosen(classifier)
    entry = {
        "effort": classifier.effort,
        "representation": classifier.representation_._asdict(),
        "scoring_rule": classifier.scoring_rule_._asdict(),
        "why": why,
        "chain": [part.to_dict() for part in parts],
        **right.to_dict(),
        "n_mended": drop.n_mended,
        "n_made": drop.n_made,
        "wrong": [],
        "fit_seconds": round(fit_seconds, 4),
        "predict_seconds": round(predict_seconds, 4),
    }
    n_wrong = len(wrong)
    said = [
        f"Of {right.n:,} test images {'1 is' if n_wrong == 1 else f'{n_wrong:,} are'} still wrong; "
        f"against the plain neighbours {drop.n_mended:,} errors are mended, {drop.n_made:,} made.",
        f"Why these: {why}",
    ]
    notes = (
        "Held out: train images; by their errors all parts were chosen, together. The test errors "
        "of the parts are read off one search.",
        f"chosen and learnt in {fit_seconds:.2f} s, test images matched in {predict_seconds:.2f} s",
    )
    blocks: list[Block] = [parts_table(parts)]
    blocks += [Text(note, is_note=True) for note in notes]
    pictures = {}
    if n_wrong:
        matches = classifier.explain(test.images[wrong], min(_N_NEAREST, len(train)))
        shares = winning_shares(matches)
        entry["wrong"] = [
            mistake_to_dict(data, matches, i, row, probability=float(shares[i]))
            for i, row in enumerate(wrong[:_MOST_WRONG].tolist())
        ]
        shown = surest_mistakes(matches, test.labels[wrong])[:_MOST_WRONG]
        caption = f"{len(shown)} of {n_wrong:,} wrong answers, the surest of each confusion first."
        gallery = explained_gallery(
            matches, test.labels[wrong], shown, caption, data, numbers=wrong
        )
        blocks.append(gallery)
        pictures = {"matches.png": gallery}
    return Step(None, entry, [Section("Matched", blocks, said)], pictures)


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
        few_label_classifiers(float(train.images.max()), n_jobs=n_jobs, seed=_SEED),
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
