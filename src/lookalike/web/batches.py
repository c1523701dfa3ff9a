"""One thread that owns the model, and joins waiting predictions into one search.

A search of 16 images takes little longer than one of a single image, so joined requests are
answered sooner under load. No request waits for others: when the thread is free, all requests in
the queue form one batch, so a single request is answered at once.

All other work with the model runs in the same thread, between two batches, in the order of the
requests: a request after a correction gets its answer from the corrected model.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]
Answer = TypeVar("Answer")
Result = TypeVar("Result")


class ClosedError(RuntimeError):
    """The thread has ended and accepts no more work."""


class _Prediction(NamedTuple):
    images: Images
    future: Future[Any]


class _Work(NamedTuple):
    function: Callable[[], Any]
    future: Future[Any]


class Batches(Generic[Answer]):
    """A thread that predicts in batches and does other work between them.

    Parameters
    ----------
    predict : callable
        Maps images of shape (n, ...) to n answers. It is only called in the thread.
    max_images : int, default=256
        Largest number of images in a batch of several requests.
    on_batch : callable, optional
        Called with the number of images of each batch, before its search.

    Examples
    --------
    >>> batches = Batches(lambda images: [int(image.sum()) for image in images])
    >>> batches.predict(np.ones((2, 3, 3), np.uint8)).result()
    [9, 9]
    >>> batches.run(lambda: "done").result()
    'done'
    >>> batches.close()
    """

    def __init__(
        self,
        predict: Callable[[Images], Sequence[Answer]],
        *,
        max_images: int = 256,
        on_batch: Callable[[int], None] | None = None,
    ) -> None:
        self._predict = predict
        self._max_images = max_images
        self._on_batch = on_batch
        self._queue: SimpleQueue[_Prediction | _Work | None] = SimpleQueue()
        self._closed = False
        self._lock = threading.Lock()  # so that nothing is queued after the end mark
        # a daemon, so that a process that is stopped twice does not wait for a long search
        self._thread = threading.Thread(target=self._loop, name="lookalike-model", daemon=True)
        self._thread.start()

    def predict(self, images: Images) -> Future[Sequence[Answer]]:
        """Queue images; the future gives their answers. Raises `ClosedError`."""
        future: Future[Sequence[Answer]] = Future()
        self._put(_Prediction(images, future))
        return future

    def run(self, function: Callable[[], Result]) -> Future[Result]:
        """Queue other work; the future gives what it returns or raises. Raises `ClosedError`."""
        future: Future[Result] = Future()
        self._put(_Work(function, future))
        return future

    def close(self) -> None:
        """Complete the queued work, then end the thread and wait for it."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _put(self, job: _Prediction | _Work) -> None:
        with self._lock:
            if self._closed:
                raise ClosedError("the server is shutting down; ask again when it is back")
            self._queue.put(job)

    def _loop(self) -> None:
        job = self._queue.get()
        while job is not None:
            if isinstance(job, _Work):
                _do(job)
                job = None  # free its memory while the thread waits
                job = self._queue.get()
            else:
                batch = [job]
                job = self._collect(batch)
                self._answer(batch)
                batch.clear()
                if job is _NOTHING:
                    job = self._queue.get()

    def _collect(self, batch: list[_Prediction]) -> _Prediction | _Work | None:
        """Add all waiting predictions; return the next job, or `_NOTHING` if none waits."""
        n_images = len(batch[0].images)
        while True:
            try:
                job = self._queue.get_nowait()
            except Empty:
                return _NOTHING
            if not isinstance(job, _Prediction):
                return job
            n_images += len(job.images)
            if n_images > self._max_images:
                return job
            batch.append(job)

    def _answer(self, batch: list[_Prediction]) -> None:
        # requests that have timed out meanwhile are left out
        wanted = [job for job in batch if job.future.set_running_or_notify_cancel()]
        if not wanted:
            return
        one = len(wanted) == 1
        images = wanted[0].images if one else np.concatenate([job.images for job in wanted])
        if self._on_batch is not None:
            self._on_batch(len(images))
        try:
            answers = self._predict(images)
        except BaseException as error:
            for job in wanted:
                job.future.set_exception(error)
            return
        start = 0
        for job in wanted:
            end = start + len(job.images)
            job.future.set_result(answers[start:end])
            start = end


def _do(job: _Work) -> None:
    if not job.future.set_running_or_notify_cancel():
        return
    try:
        result = job.function()
    except BaseException as error:
        job.future.set_exception(error)
    else:
        job.future.set_result(result)


# A job that is never done: the queue is empty. None would end the thread.
_NOTHING = _Work(lambda: None, Future())
