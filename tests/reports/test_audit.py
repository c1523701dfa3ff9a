"""The report of an audit: what it shows is what the audit found."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike import load_dataset
from lookalike.evaluation.auditing.audit import audit
from lookalike.evaluation.auditing.result import Audit
from lookalike.reports.as_json import to_json
from lookalike.reports.audit import audit_galleries, audit_section, describe
from lookalike.reports.blocks import Chart, Gallery, Report, Section, Table, Text

DATA = load_dataset("digits")
NAMES = [f"digit {name}" for name in DATA.class_names]


def blocks(section: Section, kind: type) -> list[Any]:
    return [block for block in section.blocks if isinstance(block, kind)]


def spoilt() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Images of which some have wrong labels, some are copies, and one leaks."""
    images, labels = DATA.train.images[:400].copy(), DATA.train.labels[:400].copy()
    labels[[10, 20, 30]] = (labels[[10, 20, 30]] + 1) % 10
    images[50], labels[50] = images[51], (labels[51] + 3) % 10
    test_images, test_labels = DATA.test.images[:50].copy(), DATA.test.labels[:50]
    test_images[7] = images[60]
    return images, labels, test_images, test_labels


IMAGES, LABELS, TEST_IMAGES, TEST_LABELS = spoilt()


@pytest.fixture(scope="module")
def found() -> Audit:
    test = TEST_IMAGES, TEST_LABELS
    return audit(IMAGES, LABELS, test=test, class_names=NAMES, n_neighbors=5)


@pytest.fixture(scope="module")
def section(found: Audit) -> Section:
    return audit_section(found)


def test_summary_is_the_audit_s_own(found: Audit, section: Section) -> None:
    rows = dict(blocks(section, Table)[0].rows)
    assert rows == found.summary()
    assert rows["duplicates"].startswith("1 exact group of 2 images, 1 conflicting")


def test_suspicious_labels_stand_before_their_neighbors(found: Audit, section: Section) -> None:
    issues = blocks(section, Gallery)[0]
    first, issue = issues.pictures[0], found.label_issues[0]
    assert first.caption[:2] == [f"digit {issue.given}", f"rather digit {issue.suggested}"]
    np.testing.assert_array_equal(first.image > 0, IMAGES[issue.row] > 0)
    for neighbor, row in zip(first.neighbors, found.indices[issue.row].tolist(), strict=True):
        assert neighbor.caption[:2] == [f"digit {LABELS[row]}", f"train {row:,}"]
    listed = blocks(section, Table)[1]
    assert [row[0] for row in listed.rows] == [str(x.row) for x in found.label_issues[:50]]


def test_noise_of_classes_sums_up(found: Audit, section: Section) -> None:
    *classes, total = blocks(section, Table)[2].rows
    assert [row[0] for row in classes] == NAMES
    assert sum(row[1] for row in classes) == total[1] == len(found)
    assert sum(row[2] for row in classes) == total[2] == len(found.label_issues)
    assert total[3] == found.label_noise


def test_copies_and_leaks_are_shown(section: Section) -> None:
    copies, leaks = blocks(section, Gallery)[1:3]
    first = copies.pictures[0]
    assert first.state == "wrong"
    assert "labels differ" in first.caption
    assert [first.caption[1], first.neighbors[0].caption[1]] == ["train 50", "train 51"]
    rows = [(leak.caption[1], leak.neighbors[0].caption[1]) for leak in leaks.pictures]
    assert ("test 7", "train 60") in rows


def test_charts_count_all_images(found: Audit, section: Section) -> None:
    agreement, values = blocks(section, Chart)
    assert sum(row[1] for row in agreement.table.rows) == len(found)
    assert agreement.table.rows[0][1] == np.count_nonzero(found.self_confidence == 0)
    assert sum(row[1] for row in values.table.rows) == len(found)


def test_the_farthest_come_first_and_outliers_are_called_so(found: Audit) -> None:
    pictures = audit_galleries(found)["outliers"].pictures
    assert len(pictures) == 24
    farthest = np.argsort(-found.outlier_distances, kind="stable")[:24]
    assert [one.caption[1] for one in pictures] == [f"train {row:,}" for row in farthest]
    assert [one.caption[-1] == "an outlier" for one in pictures] == [
        row in found.outliers for row in farthest
    ]


def test_without_issues_the_ranking_is_shown(found: Audit) -> None:
    ranked = replace(found, label_issues=[])
    shown = audit_galleries(ranked, n_issues=3)["label_issues"]
    assert [one.caption[2] for one in shown.pictures] == [
        f"train {row:,}" for row in found.ranking[:3]
    ]
    assert "No label is likely wrong." in [one.text for one in blocks(audit_section(ranked), Text)]


def test_colour_and_names_are_shown(found: Audit) -> None:
    colour = replace(found, images=np.repeat(IMAGES[..., np.newaxis], 3, axis=3))
    assert audit_galleries(colour)["duplicates"].pictures[0].image.shape == (8, 8, 3)


def test_a_result_shows_itself(found: Audit, tmp_path: Path) -> None:
    assert found.images is IMAGES
    assert found.report(tmp_path / "x.html") == ["x.html", "x.json"]
    assert "An audit of labelled images" in (tmp_path / "x.html").read_text()
    assert found.plot().get_ylabel() == "images"
    assert "<iframe" in found._repr_html_()
    headline = {card.name: card.value for card in describe(found).headline}
    assert headline["leaks"] == str(len(found.leaks or ()))


def test_least_worth_comes_first(found: Audit, section: Section) -> None:
    least = blocks(section, Gallery)[-1].pictures[0]
    assert least.caption[1] == f"train {found.values.argmin():,}"


def test_rows_have_no_pictures(found: Audit) -> None:
    section = audit_section(replace(found, images=IMAGES.reshape(len(IMAGES), -1)))
    assert blocks(section, Gallery) == []
    assert blocks(section, Table)[1].rows[0][1] == f"digit {found.label_issues[0].given}"
    assert to_json(Report("t", sections=[section]))


def test_clean_images_without_test_images() -> None:
    images = np.repeat([[0], [100]], 6, axis=0) + np.tile(2.0 ** np.arange(6), 2)[:, np.newaxis]
    clean = audit(images.reshape(-1, 1, 1), ["a"] * 6 + ["b"] * 6, n_neighbors=2)
    section = audit_section(clean)
    told = [text.text for text in blocks(section, Text)]
    assert "No label is likely wrong." in told
    assert "No training image has a copy." in told
    rows = dict(blocks(section, Table)[0].rows)
    assert rows["leaks"] == "not looked for, no test images given"
