"""What the server answers: the shapes of its JSON, and how they are filled.

The shapes are Pydantic's, which makes ``/openapi.json`` exact. The answers are plain dicts of these
shapes: checking each once more on its way out would take longer than the search. The tests check
them instead.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from math import inf
from typing import Any

from pydantic import BaseModel, Field
from starlette.responses import Response

from lookalike.models.answer import candidates
from lookalike.web.live import Correction, Explanation, Prediction, State
from lookalike.web.pictures import data_url, png


class Error(BaseModel):
    """Why a request was refused."""

    detail: str = Field(description="One line: what, the limit, the cure.")


class Answer(BaseModel):
    """What an image is."""

    label: str = Field(description="The likeliest class.")
    probability: float = Field(ge=0, le=1, description="Of that class.")
    probabilities: dict[str, float] = Field(description="Of all classes; their sum is 1.")
    sure: bool = Field(description="Whether the probability reaches `reject` of /model.")
    candidates: list[str] = Field(
        min_length=1, description="The label alone if sure, else the likeliest classes."
    )
    reason: str | None = Field(description="Why it is not sure whatever the probability, if so.")


class Predictions(BaseModel):
    answers: list[Answer]
    seconds: float = Field(ge=0, description="From the head of the request to the answer.")


class NeighbourAnswer(BaseModel):
    """A training image that decided."""

    row: int = Field(ge=0, description="In the model; changes when an earlier one is removed.")
    label: str
    file: str | None = Field(description="The file that it was read from, if it is known.")
    distance: float
    share: float = Field(
        ge=0,
        le=1,
        description="Of the vote; of a model without votes, of 1 / distance of those told.",
    )
    variant: str = Field(description="How it was shifted or turned for the comparison.")
    image: str = Field(description="The training image: a data URL of a PNG.")
    compared: str = Field(description="As it was compared: a data URL of a PNG.")
    correction: bool = Field(description="Whether it was added while the server runs.")
    displacement: list[list[list[int]]] | None = Field(
        description="Pixels that each pixel of the query moved, down and right: (2, h, w)."
    )


class ExplainedAnswer(Answer):
    """What an image is, and why."""

    image: str = Field(description="The image in the model's form: a data URL of a PNG.")
    neighbours: list[NeighbourAnswer] = Field(description="The nearest first.")


class Explanations(BaseModel):
    answers: list[ExplainedAnswer]
    seconds: float = Field(ge=0)


class Cleaned(BaseModel):
    images: list[str] = Field(description="Data URLs of PNGs.")
    noise: str = Field(description='As given, or "estimated".')


class Sample(BaseModel):
    """A correction."""

    id: int = Field(description="Never changes.")
    label: str
    image: str = Field(description="In the model's form: a data URL of a PNG.")
    added: datetime
    saved: bool


class Samples(BaseModel):
    samples: list[Sample] = Field(description="Corrections, the oldest first.")
    unsaved: int = Field(ge=0, description="Changes since the file was read or saved.")
    n_samples: int = Field(ge=0, description="Training images.")


class Added(BaseModel):
    ids: list[int]
    n_samples: int = Field(ge=0)
    unsaved: int = Field(ge=0)


class Undone(BaseModel):
    n_samples: int = Field(ge=0)
    unsaved: int = Field(ge=0)


class Saved(BaseModel):
    file: str
    n_samples: int = Field(ge=0)
    unsaved: int = Field(ge=0)


class ModelAnswer(BaseModel):
    """What is served."""

    class_names: list[str]
    n_samples: int = Field(ge=0)
    image_shape: list[int]
    estimator: str
    source: str | None
    file: str | None = Field(description="Its name, without the folder.")
    reject: float = Field(ge=0, le=1)
    can_clean: bool
    can_draw: bool = Field(
        description="Whether its images are such as can be drawn: `Form.takes_drawings`."
    )
    can_write: bool = Field(description="Whether this request would have been let write.")
    unsaved: int = Field(ge=0)
    form: dict[str, Any]


class Health(BaseModel):
    status: str


def respond(content: Any, status: int = 200) -> Response:
    """Return an answer as JSON, unchecked."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(body, status, media_type="application/json")


def answer(prediction: Prediction, reject: float, doubt: str | None = None) -> dict[str, Any]:
    """Return an `Answer`, which is not sure where there is a doubt.

    Examples
    --------
    >>> import numpy as np
    >>> named = Prediction(("4", "7", "9"), np.array([0.5, 0.1, 0.4]))
    >>> answer(named, reject=0.9)["candidates"]
    ['4', '9', '7']
    >>> answer(named, reject=0.5)["candidates"]
    ['4']
    """
    names, probabilities = prediction
    values = probabilities.tolist()
    best = int(probabilities.argmax())
    if doubt is not None:
        reject = inf
    sure = values[best] >= reject
    return {
        "label": names[best],
        "probability": values[best],
        "probabilities": dict(zip(names, values, strict=True)),
        "sure": sure,
        "candidates": [names[own] for own in candidates(probabilities, reject)],
        "reason": doubt,
    }


def explained_answer(
    explanation: Explanation, image: Any, reject: float, doubt: str | None
) -> dict[str, Any]:
    """Return an `ExplainedAnswer` about an image."""
    one = explanation.explained
    neighbours = zip(one.neighbours, explanation.images, explanation.corrections, strict=True)
    return {
        **answer(Prediction(explanation.class_names, one.probabilities), reject, doubt),
        "image": data_url(png(image)),
        "neighbours": [
            {
                "row": int(neighbour.row),
                "label": neighbour.label,
                "file": neighbour.file,
                "distance": float(neighbour.distance),
                "share": float(neighbour.share),
                "variant": neighbour.variant,
                "image": data_url(png(training)),
                "compared": data_url(png(neighbour.compared)),
                "correction": correction,
                "displacement": None
                if neighbour.displacement is None
                else neighbour.displacement.tolist(),
            }
            for neighbour, training, correction in neighbours
        ],
    }


def samples_answer(state: State) -> dict[str, Any]:
    """Return `Samples`."""
    return {"samples": [_sample(one) for one in state.corrections], **changes(state)}


def changes(state: State) -> dict[str, Any]:
    """Return what every answer to a write call tells."""
    return {"n_samples": state.n_samples, "unsaved": state.unsaved}


def cleaned_answer(images: Sequence[Any], noise: str | None) -> dict[str, Any]:
    """Return `Cleaned`."""
    return {"images": [data_url(png(image)) for image in images], "noise": noise or "estimated"}


def _sample(correction: Correction) -> dict[str, Any]:
    return {
        "id": correction.id,
        "label": correction.label,
        "image": data_url(correction.png),
        "added": correction.added.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "saved": correction.saved,
    }
