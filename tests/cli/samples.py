"""Small model files for the tests of the commands that work with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lookalike import KNeighborsClassifier, load_dataset
from lookalike.images.preprocessing import learn_form
from lookalike.models.file import save_model

Run = Callable[..., Any]

N_TRAIN = 400


def save_digits(path: Path, n_neighbors: int = 5) -> Path:
    """Keep a classifier of 400 small digits, whose classes are called by their names."""
    data = load_dataset("digits")
    images = data.train.images[:N_TRAIN]
    labels = np.array(data.class_names)[data.train.labels[:N_TRAIN]]
    classifier = KNeighborsClassifier(n_neighbors).fit(images, labels)
    save_model(classifier, path, source=data.source, form=learn_form(images))
    return path


def save_pictures(folder: Path, n: int) -> list[str]:
    """Write test digits 0.png, 1.png, ... as they are; return their classes."""
    folder.mkdir(parents=True, exist_ok=True)
    test = load_dataset("digits").test
    for i in range(n):
        Image.fromarray(test.images[i]).save(folder / f"{i}.png")
    return [str(label) for label in test.labels[:n]]


def save_drawing(path: Path) -> None:
    """Write a 4, drawn with a blue pen on a sheet of paper much larger than a digit."""
    from PIL import ImageDraw

    image = Image.new("RGB", (300, 400), "white")
    draw = ImageDraw.Draw(image)
    draw.line([(180, 40), (80, 220), (260, 220)], fill=(10, 10, 90), width=34)
    draw.line([(190, 140), (190, 360)], fill=(10, 10, 90), width=34)
    image.save(path)
