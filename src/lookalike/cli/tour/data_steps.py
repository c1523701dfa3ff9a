"""The tour's steps on the data itself: what there is, and what is suspicious about it."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter

import numpy as np

from lookalike.cli.data_options import DataName
from lookalike.cli.jobs import one_line, say_note
from lookalike.cli.screen import Bar
from lookalike.cli.tour.step import Step, skipped
from lookalike.evaluation.auditing.audit import audit
from lookalike.images.dataset import Dataset, load_dataset
from lookalike.images.exceptions import DatasetError, DatasetNotFoundError
from lookalike.images.files import counted
from lookalike.images.store import find_folder
from lookalike.reports.audit import audit_section
from lookalike.reports.blocks import Text
from lookalike.reports.data import data_section

# Below the ten seconds within which a newcomer without a network is to see the tour go on.
_PATIENCE = 8.0

_LEAST_IMAGES = 4  # the neighbours by which the tour begins
_N_NEIGHBORS = 10  # that vote in the audit
_N_LISTED = 100  # rows of each of the audit's lists in the JSON document


def load(_: Bar, name: DataName | None, *, watched: bool) -> Step[Dataset]:
    """Load the data set asked for; without a name mnist, or the digits where it cannot be had.

    Parameters
    ----------
    name : DataName or None
    watched : bool
        Whether progress is seen.

    Raises
    ------
    DatasetError
        If the data cannot be loaded, or has too few images for the tour.
    """
    fallback_reason = None
    if name is not None:
        called, data = str(name), name.load(least_classes=2, progress=watched)
        _check_size(called, data)
    else:
        called = "mnist"
        if find_folder("mnist") is None:
            say_note("mnist is not on this machine; downloading it (11 MB, once)")
        try:
            data = load_dataset("mnist", timeout=_PATIENCE, progress=watched)
        except DatasetNotFoundError as error:
            called, data = "digits", load_dataset("digits")
            fallback_reason = one_line(str(error))
            say_note(f"going on with the bundled digits, because {fallback_reason}")
    n_classes = len(data.class_names)
    train_counts, test_counts = (
        np.bincount(part.labels, minlength=n_classes).tolist() for part in (data.train, data.test)
    )
    entry = {
        "data": called,
        "source": data.source,
        "fallback_reason": fallback_reason,
        "n_train": len(data.train),
        "n_test": len(data.test),
        "image_shape": list(data.train.images.shape[1:]),
        "class_names": list(data.class_names),
        "train_counts": train_counts,
        "test_counts": test_counts,
    }
    section = data_section(data)
    instead = "" if fallback_reason is None else " (mnist could not be had)"
    intro = [f"{called} from {data.source}{instead}", *section.intro]
    return Step(data, entry, [replace(section, intro=intro)])


def _check_size(name: str, data: Dataset) -> None:
    if len(data.train) < _LEAST_IMAGES:
        raise DatasetError(
            f"{name} has {counted(len(data.train), 'train image')}, but the tour classifies by "
            f"{_LEAST_IMAGES} neighbours; add images"
        )
    if not len(data.test):
        raise DatasetError(
            f"{name} has no test image to show; add images, or leave out --test-size 0"
        )


def audited(bar: Bar, data: Dataset, n_jobs: int | None) -> Step[None]:
    """Look for wrong labels and copies, with one leave-one-out search."""
    train, test = data.train, data.test
    bar.start("searching neighbours within the training images")
    start = perf_counter()
    try:
        found = audit(
            train.images,
            train.labels,
            test=(test.images, test.labels),
            class_names=data.class_names,
            paths=train.paths,
            n_neighbors=max(1, min(_N_NEIGHBORS, len(train) - 1)),
            transformed=False,  # on MNIST it would take as long as the whole tour
            n_jobs=n_jobs,
            progress=bar,
        )
    except ValueError as error:
        return skipped(str(error))
    seconds = perf_counter() - start
    entry = found.to_dict(n_rows=_N_LISTED)
    entry["seconds_of_parts"] = entry.pop("seconds")
    entry["audit_seconds"] = round(seconds, 4)
    section = audit_section(found)
    note = f"{len(found):,} training images searched among each other in {seconds:.2f} s."
    return Step(None, entry, [replace(section, blocks=[*section.blocks, Text(note, is_note=True)])])
