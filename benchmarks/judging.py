"""Cross-validated probabilities off one table, metrics with intervals, thresholds and rejection.

    python benchmarks/judging.py           MNIST, against scikit-learn's fold by fold

README.md beside this file says how to read what it prints. Exits with 1 if a prediction differs
from that of scikit-learn's function around our classifier, or a metric from scikit-learn's.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from lib.checks import Checks
from lib.harness import Contender, Reading, alternate, figures, peak, reading, table, total_seconds
from lib.images import NAMES, StoredImages
from lib.program import new_parser, parse, report_on_images

CV, N_NEIGHBORS, WEIGHTS = 5, 4, "distance"
POSITIVE, PRECISION, ACCURACY = 5, 0.99, 0.999
OURS, FOLDS, PEER = "one table", "ours, fold by fold", "scikit-learn"
EVALUATE, DETECT, REJECT = "evaluate", "choose_threshold", "choose_rejection"


def main() -> int:
    packages = ["scikit-learn", "numpy"]
    return report_on_images("Judging", packages, parse_arguments(), run_all)


def parse_arguments() -> argparse.Namespace:
    parser = new_parser(
        __doc__, data=NAMES, rounds="ours (5); scikit-learn's own classifier once", slow_rounds=True
    )
    return parse(parser, 5)


def run_all(args: argparse.Namespace, data: StoredImages, progress: Progress) -> dict[str, Any]:
    """Measure, print, return the figures."""
    given = (data, args.threads)
    works: dict[str, tuple[Callable[..., Reading], int]] = {
        OURS: (predict_off_one_table, args.repeat),
        FOLDS: (predict_fold_by_fold, args.repeat),
        PEER: (predict_by_sklearn, 1),
        EVALUATE: (evaluate_ours, args.repeat),
        DETECT: (detect, args.repeat),
        REJECT: (reject, args.repeat),
    }
    contenders = [Contender(name, work, given, times) for name, (work, times) in works.items()]
    readings = alternate(contenders, n_threads=args.threads, progress=progress, what=args.data)
    checks = _compare(readings)
    print(f"\n### {data}, k={N_NEIGHBORS}, {WEIGHTS}, {args.threads} threads\n")
    print(f"Probabilities of all training images, {CV} folds:\n")
    print(_times(readings, (OURS, FOLDS, PEER)))
    print("\nOthers, the whole call:\n")
    print(_times(readings, (EVALUATE, DETECT, REJECT)))
    print()
    for name in (EVALUATE, DETECT, REJECT):
        print(f"- {readings[name][0].answer['told']}")
    print(f"\nCompared:\n\n{checks}")
    return {
        "data": str(data),
        "readings": figures(readings),
        "answers": {name: readings[name][0].answer for name in (EVALUATE, DETECT, REJECT)},
        "checks": checks.figures(),
        "wrong": checks.wrong,
    }


# --- What is measured ----------------------------------------------------------------------------


def predict_off_one_table(data: StoredImages, n_threads: int) -> Reading:
    from lookalike import cross_val_predict

    return _predict(data, cross_val_predict, _ours(n_threads))


def predict_fold_by_fold(data: StoredImages, n_threads: int) -> Reading:
    from sklearn.model_selection import cross_val_predict

    return _predict(data, cross_val_predict, _ours(n_threads))


def predict_by_sklearn(data: StoredImages, n_threads: int) -> Reading:
    from sklearn.model_selection import cross_val_predict
    from sklearn.neighbors import KNeighborsClassifier

    peer = KNeighborsClassifier(N_NEIGHBORS, weights=WEIGHTS, algorithm="brute", n_jobs=n_threads)
    return _predict(data, cross_val_predict, peer, dtype=np.float64)


def evaluate_ours(data: StoredImages, n_threads: int) -> Reading:
    """Evaluate on the test images; the answer's numbers are compared with scikit-learn's."""
    from sklearn import metrics

    from lookalike import evaluate

    rows, labels = data.training()
    test, test_labels = data.test()
    model = _ours(n_threads).fit(rows, labels)
    model.predict(test[:1])
    with reading() as taken, taken.stage("judge"):
        evaluation: Any = evaluate(model, test, test_labels)
    predicted, probabilities = model.predict(test), model.predict_proba(test)
    theirs = {
        "accuracy": metrics.accuracy_score(test_labels, predicted),
        "balanced_accuracy": metrics.balanced_accuracy_score(test_labels, predicted),
        "macro_f1": metrics.f1_score(test_labels, predicted, average="macro"),
        "mcc": metrics.matthews_corrcoef(test_labels, predicted),
        "log_loss": metrics.log_loss(test_labels, probabilities),
    }
    ours = evaluation.scalars()
    low, high = evaluation.intervals["accuracy"].tolist()
    taken.answer = {
        "told": f"evaluate: accuracy {ours['accuracy']:.4f} ({low:.4f} to {high:.4f}), "
        f"{len(evaluation.intervals)} metrics with intervals of {evaluation.n_resamples:,} samples",
        "ours": {name: ours[name] for name in theirs},
        "sklearn": {name: float(value) for name, value in theirs.items()},
    }
    return taken


def detect(data: StoredImages, n_threads: int) -> Reading:
    """Choose a threshold on training images, try it on test images."""
    from lookalike import KNeighborsClassifier, choose_threshold

    rows, labels = data.training()
    model = KNeighborsClassifier(10, weights=WEIGHTS, n_jobs=n_threads)
    model.fit(rows[:100], labels[:100])
    with reading() as taken, taken.stage("judge"):
        chosen = choose_threshold(
            model, rows, labels, positive=POSITIVE, precision=PRECISION, cv=CV
        )
    promise, tested = chosen.promise_, chosen.evaluate(*data.test())
    taken.answer = {
        "told": f"choose_threshold, class {POSITIVE}, k=10, precision of at least {PRECISION:.0%}: "
        f"{promise.precision:.2%} and recall {promise.recall:.2%} on training images; on test "
        f"images {tested.precision:.2%} and {tested.recall:.2%}",
        "train": promise.to_dict(),
        "test": tested.to_dict(),
    }
    return taken


def reject(data: StoredImages, n_threads: int) -> Reading:
    """Choose what to leave out on training images, one threshold and one for each class."""
    from lookalike import choose_rejection

    rows, labels = data.training()
    model = _ours(n_threads)
    model.fit(rows[:100], labels[:100])
    with reading() as taken, taken.stage("judge"):
        one = choose_rejection(model, rows, labels, accuracy=ACCURACY)
    each = choose_rejection(model, rows, labels, accuracy=ACCURACY, per_class=True)
    told = []
    for what, chosen in (("one threshold", one), ("one for each class", each)):
        tested = chosen.evaluate(*data.test())
        told.append(
            f"{what}: {chosen.promise_.coverage:.1%} of training images answered, "
            f"{tested.coverage:.1%} of test images, {tested.accuracy:.2%} of these rightly"
        )
    taken.answer = {"told": f"choose_rejection, {ACCURACY:.1%} right: {'; '.join(told)}"}
    return taken


def _ours(n_threads: int) -> Any:
    from lookalike import KNeighborsClassifier

    return KNeighborsClassifier(N_NEIGHBORS, weights=WEIGHTS, n_jobs=n_threads)


def _predict(
    data: StoredImages, function: Callable[..., Any], estimator: Any, dtype: Any = None
) -> Reading:
    rows, labels = data.training()
    rows = rows.reshape(len(rows), -1)
    if dtype is not None:
        rows = rows.astype(dtype)
    estimator.fit(rows[:100], labels[:100]).predict(rows[:1])  # loads libraries, starts threads
    with reading() as taken, taken.stage("judge"):
        taken.answer = function(estimator, rows, labels, cv=CV, method="predict_proba")
    return taken


# --- What came out -------------------------------------------------------------------------------


def _compare(readings: dict[str, list[Reading]]) -> Checks:
    checks = Checks()
    ours, folds, peer = (readings[name][0].answer for name in (OURS, FOLDS, PEER))
    unlike = _unlike(ours, folds, 0.0)
    checks.add("probabilities, scikit-learn's function around our classifier", len(ours), unlike)
    # At equal distances the peer's choice depends on its path; such rows are told as ties.
    unlike = _unlike(ours, peer, 1e-6)
    checks.add("probabilities, scikit-learn's classifier", len(ours), 0, unlike)
    answer = readings[EVALUATE][0].answer
    wrong = sum(
        abs(answer["ours"][name] - value) > 1e-12 for name, value in answer["sklearn"].items()
    )
    checks.add("metrics, scikit-learn's", len(answer["sklearn"]), wrong)
    return checks


def _unlike(ours: NDArray[np.float64], theirs: NDArray[np.float64], tolerance: float) -> int:
    return int(np.any(np.abs(ours - theirs) > tolerance, axis=1).sum())


def _times(readings: dict[str, list[Reading]], names: tuple[str, ...]) -> str:
    ours = total_seconds(readings[names[0]], "judge").median
    lines = []
    for name in names:
        spread = total_seconds(readings[name], "judge")
        times = f"{spread.median / ours:.1f}" if name != names[0] and OURS in names else ""
        lines.append((name, spread, times, peak(readings[name])))
    return table(["", "s", "times ours" if OURS in names else "", "MiB"], lines)


if __name__ == "__main__":
    sys.exit(main())
