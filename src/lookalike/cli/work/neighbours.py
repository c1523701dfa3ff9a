"""The picture of an image beside the training images that its answer rests on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.cli.work.answers import Answer
from lookalike.models.model import Explained, Model, Neighbour
from lookalike.reports.blocks import Gallery, Picture
from lookalike.reports.explanation import distance_text
from lookalike.reports.pictures import right_or_wrong, with_arrows
from lookalike.reports.png import save_png
from lookalike.reports.thumbnails import as_pixels

Bytes = NDArray[np.uint8]


def draw_neighbours(
    given: Bytes, image: Bytes, answer: Answer, explained: Explained, model: Model, path: Path
) -> None:
    """Draw an image as it was given, as the model sees it, and the training images nearest to it.

    Training images are drawn as they were compared. Where pixels moved, arrows lead from each of
    the image's to its like in the training image.

    Parameters
    ----------
    given : ndarray of shape (h, w), (h, w, 3) or (h, w, 4), uint8
    image : ndarray of shape model.image_shape, uint8
    answer : Answer
    explained : Explained
    model : Model
    path : Path
        The PNG file to write.
    """
    near = explained.neighbours
    brightest = max(1, int(image.max()))
    of_near = max(1, *(int(own.compared.max()) for own in near))
    seen = _pixels(image, brightest)

    def neighbour(own: Neighbour) -> Picture:
        pixels = _pixels(own.compared, of_near)
        if own.displacement is not None:
            pixels = with_arrows(pixels, seen, own.displacement)
        elif (shown := model.shown(own.row)).shape[:2] != model.image_shape[:2]:
            pixels = _pixels(shown, 255)
        changed = [] if own.variant == "original" else [own.variant]
        file = [] if own.file is None else [own.file.rsplit("/", 1)[-1]]
        share = f"{distance_text(own.distance)}; {own.share:.0%}"
        state = right_or_wrong(own.label == answer.label)
        caption = [own.label, *changed, f"row {own.row:,}", *file, share]
        return Picture(pixels, f"Training image {own.row:,}: {own.label}", caption, state)

    caption = (
        f"{answer.image}: {answer.words()} ({answer.probability:.1%}). Training images, the "
        "nearest first: class, row, file, distance and share of the vote."
    )
    if any(own.displacement is not None for own in near):
        caption += " Arrows: where the image's pixels find their like."
    as_seen = Picture(seen, "the image as the model sees it", ["as the model", "sees it"])
    least = brightest if given.shape == image.shape and given.max() <= brightest else 255
    line = Picture(
        _pixels(given, least),
        f"the image {answer.image}",
        [answer.words(), "as given"],
        neighbors=[as_seen, *map(neighbour, near)],
    )
    save_png(path, Gallery([line], caption))


def _pixels(image: Bytes, brightest: int) -> Bytes:
    pixels = as_pixels(image, brightest=brightest)
    return pixels[..., :1] if pixels.shape[2:] == (2,) else pixels
