"""Answers about pictures, in batches: the class, how certain it is, and what it rests on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.images.exceptions import DatasetNotFoundError
from lookalike.images.files import some_of
from lookalike.images.pictures import Findings
from lookalike.images.progress import Progress
from lookalike.images.sources import Bytes, find_sources, in_form, read_source
from lookalike.models.model import Explained, Model, Neighbor
from lookalike.reports.blocks import Gallery, Picture
from lookalike.reports.pictures import picture, right_or_wrong, with_arrows

_MOST_CANDIDATES = 4
_LEAST_CANDIDATE = 0.1
"""Least probability of a candidate, apart from the two most probable classes."""

_BATCH = 1000
_EXPLAINED_BATCH = 50  # an explanation takes about twenty times the memory of an image
_BATCH_PIXELS = 2**24  # as given and in the form, so that batches of photographs are small


class Answer(NamedTuple):
    """The predicted class of a named image.

    `label` is the most probable class, and `probability` its probability. It is `sure` if this
    reaches the threshold and there is no doubt about the image (`reason`). `candidates` are the
    label alone if it is sure, otherwise the most probable classes. `probabilities` are those of
    classes, the most probable first.
    """

    image: str
    label: str
    probability: float
    sure: bool
    candidates: list[str]
    probabilities: dict[str, float]
    reason: str | None = None

    def words(self) -> str:
        """Return the label, or the candidates if it is not sure."""
        if self.sure:
            return self.label
        *others, last = self.candidates
        either = " or ".join([", ".join(others), last] if others else [last])
        return f"not sure: {either}" + ("" if self.reason is None else f" ({self.reason})")


def candidates(probabilities: NDArray[np.float64], reject: float) -> list[int]:
    """Return the candidate classes of an image, the most probable first.

    If the most probable class reaches the probability `reject`, it is the only one. Otherwise they
    are the classes of at least 10 %, two to four of them.

    Examples
    --------
    >>> candidates(np.array([0.5, 0.1, 0.4]), 0.9), candidates(np.array([0.5, 0.1, 0.4]), 0.5)
    ([0, 2, 1], [0])
    """
    order: list[int] = np.argsort(-probabilities, kind="stable").tolist()
    if probabilities[order[0]] >= reject:
        return order[:1]
    likely = [own for own in order if probabilities[own] >= _LEAST_CANDIDATE]
    return order[: min(max(len(likely), 2), _MOST_CANDIDATES)]


def answer(
    image: str,
    names: Sequence[str],
    probabilities: NDArray[np.float64],
    *,
    reject: float,
    top: int | None,
    doubt: str | None = None,
) -> Answer:
    """Return the answer about an image of a name from the probabilities of the named classes.

    From the probability `reject` on, the most probable class is sure, unless there is a doubt about
    the image. The probabilities of the `top` classes are kept, by default of all.

    Examples
    --------
    >>> one = answer("a.png", "479", np.array([0.5, 0.1, 0.4]), reject=0.9, top=1)
    >>> one.words(), one.candidates, one.probabilities
    ('not sure: 4, 9 or 7', ['4', '9', '7'], {'4': 0.5})
    """
    order = np.argsort(-probabilities, kind="stable")
    best = float(probabilities[order[0]])
    likely = [names[i] for i in candidates(probabilities, reject if doubt is None else np.inf)]
    sure = best >= reject and doubt is None
    kept = {names[i]: round(float(probabilities[i]), 6) for i in order[:top]}
    return Answer(image, names[order[0]], round(best, 6), sure, likely, kept, doubt)


class Prediction(NamedTuple):
    """An answer about a picture, as it was given and in the model's form.

    `explained` is the answer with its neighbours, if that was requested.
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
    """Yield answers about pictures, in batches; errors as by `find_sources`, which takes the names.

    The parameters `as_is`, `reject` and `top` are those of `in_form` and `answer`. `n_nearest` is
    the largest number of neighbours in explanations; None gives no explanations. `on_failure` is
    called with the name of each picture that cannot be read and the error, and `on_note` with
    remarks about the files.
    """
    most = _BATCH if n_nearest is None else _EXPLAINED_BATCH
    batch: list[_Read] = []
    n_pixels = 0
    for one in _read(model, names, as_is, progress, on_failure, on_note):
        batch.append(one)
        n_pixels += one.given.size + one.image.size
        if len(batch) >= most or n_pixels >= _BATCH_PIXELS:
            yield _answer(batch, model, reject, top, n_nearest)
            batch, n_pixels = [], 0
    if batch:
        yield _answer(batch, model, reject, top, n_nearest)


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
    is_empty = True
    for number, source in enumerate(sources):

        def within(done: int, n: int, before: int = 1000 * number) -> None:
            progress(before + 1000 * done // n, total)

        progress(1000 * number, total)
        for one in read_source(
            source, findings, least_size=enough, image_shape=model.image_shape, progress=within
        ):
            is_empty = False
            try:
                image, doubt = in_form(one, model.form, as_is=as_is)
            except ValueError as error:
                on_failure(one.name, error)
                continue
            assert isinstance(one.pixels, np.ndarray)
            yield _Read(one.name, one.pixels, image, doubt)
    for note in findings.notes():
        on_note(note)
    if is_empty:
        why = f"no picture was found in {some_of(names)}; name others"
        on_failure(names[0], DatasetNotFoundError(why))


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
    answers = [
        answer(one.name, names, row, reject=reject, top=top, doubt=one.doubt)
        for one, row in zip(batch, probabilities, strict=True)
    ]
    return [
        Prediction(one.given, one.image, own, why)
        for one, own, why in zip(batch, answers, explained, strict=True)
    ]


def neighbors_gallery(prediction: Prediction, model: Model) -> Gallery:
    """Show a picture, its conversion to the model's form, and the nearest training images.

    The prediction has an explanation. Training images are shown in the form in which they were
    compared. If pixels moved, arrows lead from each pixel of the picture to its match in the
    training image.
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
    variant = "" if near.variant == "original" else f", {near.variant}"
    file = [] if near.file is None else [near.file.rsplit("/", 1)[-1]]
    distance = f"{near.distance:,.0f}" if near.distance >= 1000 else f"{near.distance:.4g}"
    measures = f"{distance}; {near.share:.0%}"
    shown = picture(
        _plain(near.compared),
        brightest,
        f"Training image {near.row:,}: {near.label}",
        [f"{near.label}{variant}", f"row {near.row:,}", *file, measures],
        state=right_or_wrong(near.label == own.label),
    )
    if near.displacement is not None:
        return replace(shown, image=with_arrows(shown.image, image, near.displacement))
    original = model.shown(near.row)
    same_size = original.shape[:2] == model.image_shape[:2]
    return shown if same_size else replace(shown, image=original)


def _plain(image: Bytes) -> Bytes:
    """Return an image without channels that a picture cannot have."""
    is_colour = image.ndim == 3 and image.shape[2] > 1
    return image[..., :3] if is_colour else image.reshape(image.shape[:2])
