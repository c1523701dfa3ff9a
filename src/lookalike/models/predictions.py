"""Answers about any number of pictures, in batches, and a gallery of their neighbours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from lookalike.images.pictures import Findings
from lookalike.images.progress import Progress
from lookalike.images.sources import Bytes, find_sources, in_form, read_source
from lookalike.models.answer import Answer, answer
from lookalike.models.model import Explained, Model, Neighbor
from lookalike.reports.blocks import Gallery, Picture
from lookalike.reports.pictures import picture, right_or_wrong, with_arrows

_BATCH = 1000
_EXPLAINED_BATCH = 50  # an explanation takes about twenty times the memory of an image
_BATCH_PIXELS = 2**24  # of original pictures, so that batches of photographs are small


class Prediction(NamedTuple):
    """An answer about a picture.

    Attributes
    ----------
    given : ndarray of shape (h, w), (h, w, 3) or (h, w, 4), uint8
        The original picture.
    image : ndarray of the shape of the model's images, uint8
        The picture in the model's form.
    answer : Answer
    explained : Explained or None
        The answer with its neighbours, if requested.
    """

    given: Bytes
    image: Bytes
    answer: Answer
    explained: Explained | None


def predict_pictures(
    model: Model,
    names: Sequence[str],
    *,
    as_is: bool = False,
    reject: float = 0.5,
    top: int | None = None,
    n_nearest: int | None = None,
    progress: Progress = lambda done, total: None,
    on_failure: Callable[[str, ValueError], None],
    on_note: Callable[[str], None],
) -> Iterator[list[Prediction]]:
    """Yield answers about pictures, in batches.

    Parameters
    ----------
    model : Model
    names : sequence of str
        Files, folders, patterns, or "-" for stdin, as for `find_sources`.
    as_is, reject, top
        As for `in_form` and `answer`.
    n_nearest : int, optional
        Largest number of neighbours in explanations; None gives no explanations.
    progress : callable
        Called as ``progress(done, total)``.
    on_failure : callable
        Called as ``on_failure(name, error)`` for each picture that cannot be read.
    on_note : callable
        Called with remarks about the files.

    Raises
    ------
    ValueError
        As `find_sources`.
    """
    most = _BATCH if n_nearest is None else _EXPLAINED_BATCH
    batch: list[_Read] = []
    n_pixels = 0

    def answers() -> list[Prediction]:
        return _answer(batch, model, reject, top, n_nearest)

    for one in _read(model, names, as_is, progress, on_failure, on_note):
        batch.append(one)
        n_pixels += one.given.size
        if len(batch) >= most or n_pixels >= _BATCH_PIXELS:
            yield answers()
            batch, n_pixels = [], 0
    if batch:
        yield answers()


class _Read(NamedTuple):
    """A picture in its original and in the model's form, and doubts about it."""

    name: str
    given: Bytes
    image: Bytes
    doubt: str | None


def _read(
    model: Model,
    names: Sequence[str],
    as_is: bool,
    progress: Progress,
    on_failure: Callable[[str, ValueError], None],
    on_note: Callable[[str], None],
) -> Iterator[_Read]:
    findings = Findings()
    sources = find_sources(names, findings.left_out)
    enough = None if as_is else model.form.least_size
    total = 1000 * len(sources)  # thousandths: a file may hold thousands of images
    for number, source in enumerate(sources):

        def within(done: int, n: int, number: int = number) -> None:
            progress(1000 * number + 1000 * done // n, total)

        progress(1000 * number, total)
        for one in read_source(source, findings, least_size=enough, progress=within):
            try:
                image, doubt = in_form(one, model.form, as_is=as_is)
            except ValueError as error:
                on_failure(one.name, error)
                continue
            assert isinstance(one.pixels, np.ndarray)
            yield _Read(one.name, one.pixels, image, doubt)
    for note in findings.notes():
        on_note(note)


def _answer(
    batch: Sequence[_Read], model: Model, reject: float, top: int | None, n_nearest: int | None
) -> list[Prediction]:
    images = np.stack([one.image for one in batch])
    explained: Sequence[Explained | None] = [None] * len(batch)
    if n_nearest is None:
        probabilities = model.probabilities(images)
    else:
        found = model.explain(images, min(n_nearest, model.n_samples))
        explained, probabilities = found, np.stack([one.probabilities for one in found])
    names = model.class_names
    return [
        Prediction(
            one.given,
            one.image,
            answer(one.name, names, row, reject=reject, top=top, doubt=one.doubt),
            why,
        )
        for one, row, why in zip(batch, probabilities, explained, strict=True)
    ]


def neighbors_gallery(prediction: Prediction, model: Model) -> Gallery:
    """Show a picture, its conversion to the model's form, and the nearest training images.

    Training images are shown in the form in which they were compared. If pixels moved, arrows lead
    from each pixel of the picture to its match in the training image.

    Parameters
    ----------
    prediction : Prediction
        A prediction with an explanation.
    model : Model
        The model of the prediction.
    """
    given, image, own, explained = prediction
    assert explained is not None
    near = explained.neighbors
    brightest = max(1, int(image.max()))
    is_bright = given.ndim == 3 or given.max() > brightest
    brightest_near = max(1, *(int(one.compared.max()) for one in near))
    file = own.image.rsplit("/", 1)[-1]
    first = picture(given, 255 if is_bright else brightest, own.image, ["as given", file])
    seen = picture(
        _plain(image), brightest, f"{own.image}, in the model's form", ["as the model", "sees it"]
    )
    others = [_neighbor(one, own, _plain(image), brightest_near, model) for one in near]
    caption = (
        f"{own.words()} ({own.probability:.1%}). Training images, the nearest first: class, row, "
        "file, distance and share of the vote."
    )
    if any(one.displacement is not None for one in near):
        caption += " Arrows show which pixels match those of the picture."
    return Gallery([replace(first, neighbors=[seen, *others])], caption)


def _neighbor(near: Neighbor, own: Answer, image: Bytes, brightest: int, model: Model) -> Picture:
    variant = [] if near.variant == "original" else [near.variant]
    file = [] if near.file is None else [near.file.rsplit("/", 1)[-1]]
    distance = f"{near.distance:,.0f}" if near.distance >= 1000 else f"{near.distance:.4g}"
    said = [", ".join([near.label, *variant]), f"row {near.row:,}", *file]
    shown = picture(
        _plain(near.compared),
        brightest,
        f"Training image {near.row:,}: {near.label}",
        [*said, f"{distance}; {near.share:.0%}"],
        state=right_or_wrong(near.label == own.label),
    )
    if near.displacement is not None:
        return replace(shown, image=with_arrows(shown.image, image, near.displacement))
    original = model.shown(near.row)
    if original.shape[:2] != model.image_shape[:2]:
        return replace(shown, image=original)
    return shown


def _plain(image: Bytes) -> Bytes:
    """Return an image without channels that a picture cannot have."""
    return (
        image[..., :3] if image.ndim == 3 and image.shape[2] > 1 else image.reshape(image.shape[:2])
    )
