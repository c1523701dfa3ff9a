"""Prometheus metrics: requests, their duration, batches and corrections.

Where several workers serve a model, each of them answers with the sums of all: prometheus_client
keeps them in files of a folder, which it finds by `FOLDER`.
"""

from __future__ import annotations

import os

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.types import Scope

from lookalike.web.session import Session

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable that names the folder; it is set before a worker imports this module."""

MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_IMAGES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_METHODS = {"GET", "HEAD", "POST", "DELETE"}


class Metrics:
    """The metrics of one server, whose corrections and batches are those of a session."""

    def __init__(self, session: Session) -> None:
        self._registry = own = CollectorRegistry()
        # What workers count goes to the files, from which it is read for each answer.
        registry = None if FOLDER in os.environ else own
        if registry is not None:
            ProcessCollector(registry=registry)
        self._requests = Counter(
            "lookalike_http_requests",
            "Answered requests.",
            ["method", "route", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "lookalike_http_request_seconds",
            "Time from the head of a request to the end of its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._predicted = Counter(
            "lookalike_predicted_images", "Predicted images.", registry=registry
        )
        self._batches = Histogram(
            "lookalike_batch_images", "Images per search.", buckets=_IMAGES, registry=registry
        )
        samples = Gauge("lookalike_samples", "Training images.", registry=own)
        samples.set_function(lambda: session.state.n_samples)
        corrections = Gauge(
            "lookalike_corrections", "Corrections that can be undone.", registry=own
        )
        corrections.set_function(lambda: len(session.state.corrections))
        unsaved = Gauge(
            "lookalike_unsaved_changes",
            "Changes since the file was read or saved.",
            registry=own,
        )
        unsaved.set_function(lambda: session.state.unsaved)
        session.on_batch = self._count_batch

    def text(self) -> bytes:
        """Return all metrics in Prometheus's text format."""
        text = generate_latest(self._registry)
        if FOLDER in os.environ:
            summed = CollectorRegistry()
            MultiProcessCollector(summed)  # type: ignore[no-untyped-call]
            text += generate_latest(summed)
        return text

    def _count_batch(self, n_images: int) -> None:
        self._predicted.inc(n_images)
        self._batches.observe(n_images)

    def count_answer(self, scope: Scope, status: int, seconds: float) -> None:
        """Count an answered request. Labels have few values, which no client chooses."""
        method = scope["method"] if scope["method"] in _METHODS else "other"
        # The route's template: the client chooses the path itself.
        route = getattr(scope.get("route"), "path", "none")
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
