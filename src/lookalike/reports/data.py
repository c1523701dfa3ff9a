"""The section on the data: how many images of each class, and how they look."""

from __future__ import annotations

import numpy as np

from lookalike.images.dataset import Dataset
from lookalike.images.files import counted
from lookalike.reports.blocks import Block, Gallery, Section, Table
from lookalike.reports.pictures import picture

_MOST_CLASSES = 10  # shown one by one


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
    first = {label: np.flatnonzero(data.train.labels == label) for label in range(n_classes)}
    pictures = [
        picture(
            data.train.shown[int(rows[0])],
            data.brightest,
            f"Training image {data.train.called(int(rows[0]))}: {data.class_names[label]}",
            [data.class_names[label], f"{train[label]:,} + {test[label]:,}"],
        )
        for label, rows in list(first.items())[:_MOST_CLASSES]
        if len(rows)
    ]
    shape = " × ".join(map(str, data.train.images.shape[1:]))
    intro = [
        f"{counted(len(data.train), 'training image')} and {counted(len(data.test), 'test image')} "
        f"of {shape} pixels, {counted(n_classes, 'class')}"
    ]
    more = n_classes - _MOST_CLASSES
    rest = f"; {counted(more, 'more class')} are not shown" if more > 0 else ""
    caption = f"The first image of each class, its number of training + test images{rest}."
    blocks: list[Block] = [Gallery(pictures, caption)] if pictures else []
    rows = list(zip(data.class_names, train, test, strict=True))
    columns = ["class", "training images", "test images"]
    return Section(
        title, [*blocks, Table(columns, rows, "Images of each class", detail=True)], intro
    )
