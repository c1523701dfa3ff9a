"""A small model behind the server, and pictures to ask about."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from starlette.testclient import TestClient

from lookalike import KNeighborsClassifier, load_dataset
from lookalike.models.file import save_model
from lookalike.models.model import Model, open_model
from lookalike.web.app import create_app
from lookalike.web.security import Access, Limits, known_hosts
from lookalike.web.session import Session

PNG = {"content-type": "image/png"}


@cache
def digits(n: int = 300) -> tuple[Any, Any]:
    """Return images of shape (n, 8, 8) and their labels, text."""
    train = load_dataset("digits").train
    return train.images[:n], train.labels[:n].astype(str)


def digits_model(path: Path | None = None) -> Model:
    """Return a model of few digits, from a file if there is a path."""
    classifier = KNeighborsClassifier(3).fit(*digits())
    if path is None:
        return Model(classifier, source="digits")
    save_model(classifier, path, source="digits")
    return open_model(path)


@contextmanager
def asking(
    model: Model | None = None,
    *,
    limits: Limits | None = None,
    token: str | None = None,
    reject: float = 0.9,
) -> Iterator[TestClient]:
    """Give a client of a server that stands on no socket."""
    session = Session(model or digits_model(), reject=reject)
    access = Access(known_hosts(8000), token=token)
    app = create_app(session, access, limits=limits)
    with TestClient(app, base_url="http://127.0.0.1:8000") as client:
        yield client


def picture(image: Any, kind: str = "PNG", **options: Any) -> bytes:
    """Return an array as an image file."""
    stream = io.BytesIO()
    Image.fromarray(np.asarray(image, np.uint8)).save(stream, kind, **options)
    return stream.getvalue()


def as_text(content: bytes) -> str:
    """Return a file in base64."""
    return base64.b64encode(content).decode()


def pixels(data_url: str) -> Any:
    """Return the image of a data URL."""
    head, _, text = data_url.partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))
