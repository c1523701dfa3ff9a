"""The shared state of the server: a model that many clients query and correct at once.

One thread owns the model. It joins waiting predictions into one search, which takes little longer
for 16 images than for a single one; and no request waits for others: when the thread is free, all
predictions in the queue form one batch. Corrections, undoing and saving run between them, in the
order of the requests, so several browser tabs never overwrite each other's changes.

A correction has a permanent id, whereas its row in the model changes when an earlier one is undone.
Readers see an immutable `State`, which the thread replaces as a whole.

When the file is read again, another model takes the place of the first. A request keeps the model
whose form its images were brought to: it is answered by that one, however long it takes, and
corrections that are not saved go over to the new one.
"""

from __future__ import annotations

import errno
import io
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.images.files import file_signature
from lookalike.models.safetensors_map import ModelError

if TYPE_CHECKING:
    from lookalike.models.model import Explained, Model

Bytes = NDArray[np.uint8]
Answer = TypeVar("Answer")
Of = TypeVar("Of")
Result = TypeVar("Result")

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}


class ClosedError(RuntimeError):
    """The server is shutting down and accepts no more work."""

    def __init__(self) -> None:
        super().__init__("the server is shutting down; ask again when it is back")


class ConflictError(RuntimeError):
    """The model or its file does not allow the request."""


class DiskFullError(RuntimeError):
    """There is no space for the file."""


class NoCorrectionError(LookupError):
    """There is no correction with that id."""


@dataclass(frozen=True, slots=True)
class Correction:
    """An image that was added to the model."""

    id: int  # never used again
    row: int  # the current one in the model
    label: str
    png: bytes  # the image in the model's form
    added: datetime  # in UTC
    saved: bool  # whether the file contains it


@dataclass(frozen=True, slots=True)
class State:
    """The state of the server at one moment."""

    model: Model
    class_names: tuple[str, ...]
    n_samples: int  # training images
    corrections: tuple[Correction, ...]  # oldest first
    n_undone: int  # corrections that the file contains and the model no longer does

    @property
    def unsaved(self) -> int:
        """Changes since the file was read or saved."""
        return self.n_undone + sum(not correction.saved for correction in self.corrections)


class ServedPrediction(NamedTuple):
    """The answer for one image."""

    class_names: tuple[str, ...]  # at the time of the answer: a correction may add a class
    probabilities: NDArray[np.float64]


class ServedExplanation(NamedTuple):
    """The answer for one image, with the neighbours that support it."""

    class_names: tuple[str, ...]
    explained: Explained
    images: list[Bytes]  # the training image of each neighbour, in the form in which it is shown
    corrections: list[bool]  # whether each neighbour is a correction


@dataclass(eq=False)
class _Batch(Generic[Of, Answer]):
    """Images that one model is asked about in one search."""

    model: Of
    n_images: int = 0
    waiting: list[tuple[Bytes, Future[Sequence[Answer]]]] = field(default_factory=list)


class Batches(Generic[Of, Answer]):
    """A thread that predicts in batches and does other work between them.

    ``predict`` maps a model and images of shape (n, ...) to n answers; batches of several requests
    have at most ``max_images``, and ``on_batch`` is called with the number of images of each.
    """

    def __init__(
        self,
        predict: Callable[[Of, Bytes], Sequence[Answer]],
        *,
        max_images: int = 256,
        on_batch: Callable[[int], None] = lambda n_images: None,
    ) -> None:
        self._predict = predict
        self._max_images = max_images
        self._on_batch = on_batch
        self._thread = ThreadPoolExecutor(1, "lookalike-model")
        self._lock = threading.Lock()
        # The last batch in the queue, which may grow until it starts or other work follows it.
        self._growing: _Batch[Of, Answer] | None = None

    def predict(self, model: Of, images: Bytes) -> Future[Sequence[Answer]]:
        """Queue images; the future gives the model's answers. Raises `ClosedError`."""
        future: Future[Sequence[Answer]] = Future()
        with self._lock:
            batch = self._growing
            if (
                batch is None
                or batch.model is not model
                or batch.n_images + len(images) > self._max_images
            ):
                batch = _Batch(model)
                _submit(self._thread, self._answer, batch)
                self._growing = batch
            batch.n_images += len(images)
            batch.waiting.append((images, future))
        return future

    def run(self, function: Callable[[], Result]) -> Future[Result]:
        """Queue other work; the future gives what it returns or raises. Raises `ClosedError`."""
        with self._lock:
            self._growing = None
            return _submit(self._thread, function)

    def close(self) -> None:
        """Complete the queued work, then end the thread and wait for it."""
        self._thread.shutdown()

    def _answer(self, batch: _Batch[Of, Answer]) -> None:
        with self._lock:
            if self._growing is batch:
                self._growing = None
        # Requests that have timed out meanwhile are left out.
        wanted = [one for one in batch.waiting if one[1].set_running_or_notify_cancel()]
        if not wanted:
            return
        try:
            images = np.concatenate([images for images, _ in wanted])
            self._on_batch(len(images))
            answers = self._predict(batch.model, images)
        except BaseException as error:
            for _, future in wanted:
                future.set_exception(error)
            return
        start = 0
        for images, future in wanted:
            future.set_result(answers[start : start + len(images)])
            start += len(images)


def _submit(
    pool: ThreadPoolExecutor, function: Callable[..., Result], *args: Any
) -> Future[Result]:
    try:
        return pool.submit(function, *args)
    except RuntimeError as error:  # it has been shut down
        raise ClosedError from error


class Session:
    """A model, which nobody else uses, its corrections, and the thread that works on both.

    It is thread-safe. Its methods return futures; all of them may raise `ClosedError` at once. An
    answer is sure from the probability ``reject`` on; ``max_images`` is that of `Batches`, as is
    ``on_batch``, which may be set at any time. ``corrects`` is whether it takes corrections: where
    several processes serve a model, one would not know those of another.

    Images come with the model to whose form they were brought, that of a `state`.
    """

    state: State  # the current one

    def __init__(
        self,
        model: Model,
        *,
        reject: float = 0.9,
        max_images: int = 256,
        corrects: bool = True,
    ) -> None:
        if not 0 <= reject <= 1:
            raise ValueError(f"reject={reject!r} is not a probability; give a number from 0 to 1")
        self._next_id = 1
        self._signature = None if model.path is None else file_signature(model.path)
        self.reject = reject
        self.corrects = corrects
        self._replace(model, (), 0)
        self.on_batch: Callable[[int], None] = lambda n_images: None
        self._cleaning = ThreadPoolExecutor(1, "lookalike-cleaning")
        self._batches: Batches[Model, ServedPrediction] = Batches(
            self._predict, max_images=max_images, on_batch=lambda n_images: self.on_batch(n_images)
        )

    def predict(self, model: Model, images: Bytes) -> Future[Sequence[ServedPrediction]]:
        """Return the answers for images of shape (n, *image_shape)."""
        return self._batches.predict(model, images)

    def explain(
        self, model: Model, images: Bytes, *, n_neighbors: int
    ) -> Future[list[ServedExplanation]]:
        """Return answers and neighbours for images of shape (n, *image_shape)."""
        return self._batches.run(lambda: self._explain(model, images, n_neighbors))

    def clean(self, model: Model, images: Bytes, noise: str | None) -> Future[Bytes]:
        """Denoise images of shape (n, *image_shape); `ConflictError` if this is impossible.

        It has a thread of its own: the first fit for each noise takes seconds, and predictions
        do not wait for it.
        """
        return _submit(self._cleaning, self._clean, model, images, noise)

    def add(self, model: Model, images: Bytes, label: str) -> Future[tuple[list[int], State]]:
        """Add corrections; return their ids and the new state."""
        return self._batches.run(lambda: self._add(model, images, label))

    def undo(self, id: int) -> Future[State]:
        """Undo a correction; `NoCorrectionError` if there is none with that id."""
        return self._batches.run(lambda: self._undo(id))

    def save(self) -> Future[State]:
        """Write the model to the file it was read from.

        `ConflictError` if there is no such file or another program has changed it,
        `DiskFullError` if there is no space.
        """
        return self._batches.run(self._save)

    def wait(self) -> Future[None]:
        """Return when all that was asked before is done."""
        return self._batches.run(lambda: None)

    def reload(self, *, anyway: bool = False) -> State | None:
        """Read the file again if it has changed, or anyway; return the new state, if there is one.

        It takes as long as opening the file, and requests are answered meanwhile. If it raises
        `OSError`, `ModelError` or `ConflictError`, the current model stays.
        """
        path = self.state.model.path
        if path is None:
            raise ConflictError("this model was not read from a file, so it cannot be read again")
        signature = file_signature(path)
        if not anyway and self._batches.run(lambda: self._signature == signature).result():
            return None
        model = self.state.model.reopened()
        # The first answer takes longer; nobody shall wait for it.
        model.probabilities(np.zeros((1, *model.image_shape), np.uint8))
        return self._batches.run(lambda: self._take_over(model, signature)).result()

    def close(self) -> int:
        """Complete all requests, then end; return the number of unsaved changes."""
        self._cleaning.shutdown(cancel_futures=True)
        self._batches.close()
        return self.state.unsaved

    def _clean(self, model: Model, images: Bytes, noise: str | None) -> Bytes:
        if not model.can_clean:
            raise ConflictError("this model cannot clean images; serve a model of small images")
        cleaner = self._batches.run(lambda: model.cleaner).result()
        try:
            return cleaner.clean(images, noise)
        except ValueError as error:  # for example, impossible noise
            raise ConflictError(f"the images cannot be cleaned: {error}") from error

    # --- In the thread of the model --------------------------------------------------------------

    def _predict(self, model: Model, images: Bytes) -> Sequence[ServedPrediction]:
        names = self._names(model)
        return [ServedPrediction(names, row) for row in model.probabilities(images)]

    def _explain(self, model: Model, images: Bytes, n_neighbors: int) -> list[ServedExplanation]:
        names = self._names(model)
        state = self.state
        corrected = {one.row for one in state.corrections if state.model is model}
        explained = model.explain(images, n_neighbors)
        return [
            ServedExplanation(
                names,
                one,
                [model.shown(neighbor.row) for neighbor in one.neighbors],
                [neighbor.row in corrected for neighbor in one.neighbors],
            )
            for one in explained
        ]

    def _add(self, model: Model, images: Bytes, label: str) -> tuple[list[int], State]:
        self._check_corrects()
        state = self.state
        if model.form != state.model.form:
            raise ConflictError("the model was read again and has another form; send this again")
        rows = _added(state.model, images, [label] * len(images))
        label = state.model.label(rows[0])  # as the model writes it
        added = datetime.now(UTC).replace(microsecond=0)
        new = [
            Correction(self._next_id + i, int(row), label, png(image), added, saved=False)
            for i, (row, image) in enumerate(zip(rows, images, strict=True))
        ]
        self._next_id += len(new)
        self._replace(state.model, (*state.corrections, *new), state.n_undone)
        return [correction.id for correction in new], self.state

    def _undo(self, id: int) -> State:
        self._check_corrects()
        state = self.state
        gone = next((one for one in state.corrections if one.id == id), None)
        if gone is None:
            raise NoCorrectionError(f"there is no correction {id}; it was undone or never existed")
        try:
            state.model.remove([gone.row])
        except ValueError as error:  # for example, it is the last image
            raise ConflictError(str(error)) from error
        left = tuple(
            replace(one, row=one.row - 1) if one.row > gone.row else one
            for one in state.corrections
            if one.id != id
        )
        self._replace(state.model, left, state.n_undone + gone.saved)
        return self.state

    def _take_over(self, model: Model, signature: tuple[int, ...] | None) -> State:
        """Have another model take the place of the current one, with what is not saved."""
        unsaved = [one for one in self.state.corrections if not one.saved]
        if unsaved:
            if model.form != self.state.model.form:
                raise ConflictError(
                    f"its images have another form, and {len(unsaved)} corrections are not saved; "
                    "undo them"
                )
            images = np.stack([_pixels(one.png, model) for one in unsaved])
            rows = _added(model, images, [one.label for one in unsaved])
            unsaved = [replace(one, row=int(row)) for one, row in zip(unsaved, rows, strict=True)]
        self._signature = signature
        self._replace(model, tuple(unsaved), 0)
        return self.state

    def _names(self, model: Model) -> tuple[str, ...]:
        state = self.state
        return state.class_names if state.model is model else tuple(model.class_names)

    def _check_corrects(self) -> None:
        if not self.corrects:
            raise ConflictError("several processes serve this model; corrections need a single one")

    def _save(self) -> State:
        self._check_corrects()
        model = self.state.model
        path = model.path
        if path is None:
            raise ConflictError("this model was not read from a file, so it cannot be saved")
        found = file_signature(path)
        # If the file is gone, saving overwrites nothing; so moving it away is a cure.
        if found is not None and found != self._signature:
            raise ConflictError(
                f"{path.name} was changed by another program since it was read; move that file "
                "away and save again, or start the server again to work with it"
            )
        try:
            model.save()
        except OSError as error:
            reason = error.strerror or str(error)
            if error.errno in _DISK_FULL:
                raise DiskFullError(
                    f"there is no space to save {path.name} ({reason}); the old file is intact; "
                    "free some space and save again"
                ) from error
            raise ConflictError(
                f"{path.name} cannot be written ({reason}); solve this and save again"
            ) from error
        except ModelError as error:
            raise ConflictError(str(error)) from error
        self._signature = file_signature(path)
        saved = tuple(
            one if one.saved else replace(one, saved=True) for one in self.state.corrections
        )
        self._replace(model, saved, 0)
        return self.state

    def _replace(self, model: Model, corrections: tuple[Correction, ...], n_undone: int) -> None:
        names = tuple(model.class_names)
        self.state = State(model, names, model.n_samples, corrections, n_undone)


def _added(model: Model, images: Bytes, labels: Sequence[str]) -> list[int]:
    """Add images to a model, and return their rows; `ConflictError` if it cannot have them."""
    try:
        return model.add(images, labels)
    except ValueError as error:  # for example, a name although classes are numbers
        raise ConflictError(str(error)) from error


def _pixels(file: bytes, model: Model) -> Bytes:
    """Return the image of a correction."""
    return np.asarray(Image.open(io.BytesIO(file))).reshape(model.image_shape)


def png(image: NDArray[Any]) -> bytes:
    """Return an image of shape (h, w) or (h, w, 1, 3 or 4), uint8, as a PNG file."""
    array = image[..., 0] if image.shape[2:] == (1,) else image
    stream = io.BytesIO()
    # Compress little: these images are small, and the page waits for them.
    Image.fromarray(np.ascontiguousarray(array)).save(stream, "PNG", compress_level=1)
    return stream.getvalue()
