"""The section on labelled images: what it shows is what the audit found."""

from typing import Any

import numpy as np
import pytest

from lookalike import load_dataset
from lookalike.evaluation.auditing.audit import audit
from lookalike.evaluation.auditing.result import Audit
from lookalike.reports.as_json import to_json
from lookalike.reports.audit import audit_section
from lookalike.reports.blocks import (
    Chart,
    Gallery,
    Report,
    Section,
    Table,
    Text,
    Undefined,
)

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
    return audit(IMAGES, LABELS, test=(TEST_IMAGES, TEST_LABELS), n_neighbors=5)


@pytest.fixture(scope="module")
def section(found: Audit) -> Section:
    return audit_section(found, IMAGES, test_images=TEST_IMAGES, class_names=NAMES)


def test_summary_counts_what_was_found(found: Audit, section: Section) -> None:
    rows = dict(blocks(section, Table)[0].rows)
    assert rows["labels that are likely wrong"] == len(found.label_issues)
    assert rows["images that have exact copies"] == 2
    assert rows["of these in groups of different labels, exact"] == 2
    assert found.leaks is not None
    assert rows["test images that are copies of training images"] == len(found.leaks)
    assert rows["images of negative worth"] == np.count_nonzero(found.values < 0)


def test_suspicious_labels_stand_before_their_neighbours(found: Audit, section: Section) -> None:
    issues = blocks(section, Gallery)[0]
    first, issue = issues.pictures[0], found.label_issues[0]
    assert first.caption[0] == f"digit {issue.given}, rather digit {issue.suggested}"
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


def test_least_worth_comes_first(found: Audit, section: Section) -> None:
    least = blocks(section, Gallery)[-1].pictures[0]
    assert least.caption[1] == f"train {found.values.argmin():,}"


def test_rows_have_no_pictures(found: Audit) -> None:
    section = audit_section(found, IMAGES.reshape(len(IMAGES), -1))
    assert blocks(section, Gallery) == []
    assert blocks(section, Table)[1].rows[0][1] == str(found.label_issues[0].given)
    assert to_json(Report("t", sections=[section]))


def test_clean_images_without_test_images() -> None:
    images = np.repeat([[0], [100]], 6, axis=0) + np.tile(2.0 ** np.arange(6), 2)[:, np.newaxis]
    clean = audit(images.reshape(-1, 1, 1), ["a"] * 6 + ["b"] * 6, n_neighbors=2)
    section = audit_section(clean, images.reshape(-1, 1, 1))
    told = [text.text for text in blocks(section, Text)]
    assert "No label is likely wrong." in told
    assert "No training image has a copy." in told
    rows = dict(blocks(section, Table)[0].rows)
    assert rows["test images that are copies of training images"] == Undefined(
        "no test images were given"
    )


def test_other_images_are_refused(found: Audit) -> None:
    with pytest.raises(ValueError, match="399 images but an audit of 400"):
        audit_section(found, IMAGES[:-1])
    with pytest.raises(ValueError, match="2 class_names but 10 classes"):
        audit_section(found, IMAGES, class_names=["a", "b"])
