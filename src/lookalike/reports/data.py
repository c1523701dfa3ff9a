"""The section on the data: how many images of each class, and how they look."""

from __future__ import annotations

import numpy as np

from lookalike.images.dataset import Dataset
from lookalike.reports.blocks import Gallery, Section, Table
from lookalike.reports.pictures import picture

_MOST_CLASSES, _OF_EACH = 10, 2


def data_section(data: Dataset, *, title: str = "The data") -> Section:
    """Tell how many images of each class there are, and show the first ones.

    Parameters
    ----------
    data : Dataset
    title : str
    """
    n_classes = len(data.class_names)
    train, test = (
        np.bincount(part.labels, minlength=n_classes).tolist() for part in (data.train, data.test)
    )
    pictures = [
        picture(
            data.train.shown[row],
            data.brightest,
            f"Training image {data.train.called(row)}: {data.class_names[label]}",
            [data.class_names[label], f"train {data.train.called(row)}"],
        )
        for label in range(min(n_classes, _MOST_CLASSES))
        for row in np.flatnonzero(data.train.labels == label)[:_OF_EACH].tolist()
    ]
    shape = " × ".join(map(str, data.train.images.shape[1:]))
    intro = [
        f"{len(data.train):,} training and {len(data.test):,} test images of {shape} pixels, "
        f"{n_classes} classes."
    ]
    rows = list(zip(data.class_names, train, test, strict=True))
    more = f" of the first {_MOST_CLASSES} classes" if n_classes > _MOST_CLASSES else ""
    return Section(
        title,
        [
            Gallery(pictures, f"The first training images{more}."),
            Table(["class", "training images", "test images"], rows, "Images of each class"),
        ],
        intro,
    )
