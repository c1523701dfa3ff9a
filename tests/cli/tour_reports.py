"""What the report of a tour must say, whatever the data: for the tests of the tour."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest


def hasten(patch: pytest.MonkeyPatch) -> None:
    """Clean by few images, compare few classifiers and try few representations, in this process."""
    steps = "lookalike.cli.tour."
    patch.setattr(f"{steps}classifying._DRAWS", {10: 1})
    patch.setattr(f"{steps}classifying._EFFORT", "fast")
    patch.setattr(f"{steps}judging._MOST_LEARNED", 100)
    patch.setattr(f"{steps}judging._MOST_IMAGES", 200)
    patch.setattr(f"{steps}judging._NAMES", ("knn", "logistic", "dummy"))


def check_report(report: dict[str, Any], steps: list[str]) -> None:
    assert list(report["steps"]) == steps
    load, baseline, confusion, mistakes = (report["steps"][name] for name in steps[:4])
    matrix = np.array(confusion["matrix"])
    n_classes = len(load["class_names"])
    assert matrix.shape == (n_classes, n_classes)
    assert matrix.sum(axis=1).tolist() == load["test_counts"]
    assert sum(load["train_counts"]) == load["n_train"]
    assert matrix.trace() == baseline["n_right"]
    assert matrix.sum() == baseline["n_test"] == load["n_test"]
    assert baseline["accuracy"] == baseline["n_right"] / baseline["n_test"]
    assert mistakes["n_wrong"] == sum(confusion["n_wrong"]) == matrix.sum() - matrix.trace()
    for mistake in mistakes["surest"]:
        assert mistake["true"] != mistake["predicted"]
        votes = zip(mistake["neighbor_labels"], mistake["shares"], strict=True)
        won = sum(share for label, share in votes if label == mistake["predicted"])
        assert won == pytest.approx(mistake["share"])
    check_tuning(report["steps"]["tuning"], load)
    check_tuned(report["steps"])
    check_matched(report["steps"])
    check_judged(report["steps"])
    check_clean(report["steps"]["clean"], load)
    in_steps = sum(step["seconds"] for step in report["steps"].values())
    told = report["start_seconds"] + in_steps + report["pictures_seconds"]
    assert report["seconds"] / 2 < told < report["seconds"] + 0.01


def check_tuning(tuning: dict[str, Any], load: dict[str, Any]) -> None:
    candidates = tuning["candidates"]
    assert len(candidates) == tuning["n_candidates"]
    assert tuning["best"]["accuracy"] == max(c["accuracy"] for c in candidates)
    least = tuning["best"]["accuracy"] - tuning["best"]["standard_error"]
    assert tuning["one_standard_error"]["n_neighbors"] == max(
        c["n_neighbors"] for c in candidates if c["accuracy"] >= least
    )
    fewest = min(count for count in load["train_counts"] if count)
    assert tuning["cv"] == (min(5, fewest) if fewest > 1 else "loo")
    peer = tuning["grid_search_cv"]
    if tuning["cv"] != "loo":
        pairs = load["n_train"] ** 2 * (1 - 1 / tuning["n_splits"])
        scale = tuning["n_candidates"] * pairs / (peer["n_queries"] * peer["n_rows"])
        assert peer["extrapolated_seconds"] == pytest.approx(
            scale * peer["measured_seconds"], rel=0.05, abs=0.006 + scale * 5e-5
        )


def check_tuned(steps: dict[str, Any]) -> None:
    baseline, tuned, shifts, augmented = (
        steps[name] for name in ("baseline", "tuned", "shifts", "augmented")
    )
    assert (tuned["n_neighbors"], tuned["weights"]) == tuple(
        steps["tuning"]["best"][key] for key in ("n_neighbors", "weights")
    )
    assert tuned["n_right"] - baseline["n_right"] == tuned["n_mended"] - tuned["n_made"]
    assert tuned["is_baseline"] == ((tuned["n_neighbors"], tuned["weights"]) == (4, "distance"))
    if "skipped" in shifts:
        assert augmented["skipped"] == shifts["skipped"]
        return
    assert shifts["variants"] == ["right 1", "left 1", "down 1", "up 1"]
    assert augmented["n_expanded"] == shifts["n_expanded"] == 5 * steps["load"]["n_train"]
    assert augmented["accuracy_before"] == tuned["accuracy"]
    assert augmented["n_right"] - tuned["n_right"] == augmented["n_mended"] - augmented["n_made"]
    drop = augmented["error_drop"]
    n_wrong = tuned["n_test"] - tuned["n_right"]
    if n_wrong:
        assert drop["value"] == pytest.approx((augmented["n_right"] - tuned["n_right"]) / n_wrong)
        assert drop["low"] is None or drop["low"] <= drop["value"] <= drop["high"]
    else:
        assert drop["value"] is None
    for kind, was_right in (("mended", False), ("made", True)):
        assert len(augmented[kind]) == min(augmented[f"n_{kind}"], 8 if kind == "mended" else 4)
        for change in augmented[kind]:
            assert (change["before"]["predicted"] == change["true"]) == was_right
            assert (change["after"]["predicted"] == change["true"]) != was_right
            assert change["before"]["variant"] == "original"
            assert change["after"]["variant"] in ["original", *shifts["variants"]]


def check_matched(steps: dict[str, Any]) -> None:
    load, baseline, matched = (steps[name] for name in ("load", "baseline", "matched"))
    if min(load["image_shape"][:2]) < 8:
        assert "give sides of 8 to" in matched["skipped"]
        return
    first, *others = matched["chain"]
    assert first["n_wrong"] == baseline["n_test"] - baseline["n_right"]
    assert first["held_out_error"] is None
    assert others[0]["part"].startswith("the nearest one by ")
    last = others[-1]
    assert last["n_wrong"] == matched["n_test"] - matched["n_right"]
    assert first["n_wrong"] - last["n_wrong"] == matched["n_mended"] - matched["n_made"]
    for link in matched["chain"]:
        assert link["error"] == pytest.approx(link["n_wrong"] / matched["n_test"])
        assert link["standard_error"] == pytest.approx(
            np.sqrt(link["error"] * (1 - link["error"]) / matched["n_test"])
        )
    chosen = f"{last['held_out_error']:.2%}"
    assert chosen in matched["why"]
    assert len(matched["wrong"]) == min(40, last["n_wrong"])
    assert all(wrong["true"] != wrong["predicted"] for wrong in matched["wrong"])


def check_judged(steps: dict[str, Any]) -> None:
    load, judged, detected, sure, compared = (
        steps[name] for name in ("load", "judged", "detected", "sure", "compared")
    )
    assert judged["accuracy"] == steps["tuned"]["accuracy"]
    low, high = judged["intervals"]["accuracy"]
    assert low <= judged["accuracy"] <= high
    assert [entry["support"] for entry in judged["per_class"]] == [
        count
        for count, trained in zip(load["test_counts"], load["train_counts"], strict=True)
        if trained
    ]
    if "skipped" in detected:
        assert "no threshold has a precision of 0.99" in detected["skipped"]
    else:
        assert detected["train"]["precision"] >= 0.99
        assert detected["test"]["n"] == load["n_test"]
    if "skipped" in sure:
        assert "no threshold makes the answers 99.9" in sure["skipped"]
    else:
        assert sure["train"]["accuracy"] >= sure["accuracy_wanted"] == 0.999
        assert sure["test"]["n"] == load["n_test"]
    audited = steps["audited"]
    assert audited["n"] == load["n_train"]
    assert audited["n_test"] == load["n_test"]
    if "skipped" in compared:
        assert "fewer than 3 training images" in compared["skipped"]
    else:
        assert compared["classifiers"][0]["name"] == "knn"
        assert compared["classifiers"][-1]["name"] == "dummy"


def numbers_of(folder: Path) -> dict[str, Any]:
    """What the report's JSON twin holds of the tour."""
    numbers: dict[str, Any] = json.loads((folder / "report.json").read_text())["numbers"]
    return numbers


def check_clean(clean: dict[str, Any], load: dict[str, Any]) -> None:
    if min(load["image_shape"][:2]) < 7:
        assert "smaller than the windows of 7 × 7" in clean["skipped"]
        return
    assert clean["n_train"] == min(10_000, load["n_train"])
    assert clean["n_learned"] in (min(100, load["n_train"]), min(1_000, load["n_train"]))
    assert clean["n_test"] == min(1_000, load["n_test"])
    ways = clean["images"]
    assert list(ways) == ["noisy", "the book's k-NN", "lookalike", "truth"]
    assert [way["seconds"] is None for way in ways.values()] == [True, False, False, True]
    assert ways["truth"]["psnr"] == 78.1308
    assert all(0 <= way["accuracy"] <= 1 for way in ways.values())
    assert ways["truth"]["ssim"] == 1
    if load["image_shape"] == [8, 8]:
        for measure in ("psnr", "ssim"):
            assert ways["lookalike"][measure] > ways["noisy"][measure]
        assert ways["lookalike"]["psnr"] > ways["the book's k-NN"]["psnr"]
