"""The JSON of the server's answers: its Pydantic schemas, and functions that fill them.

The schemas make ``/openapi.json`` exact. The answers are plain dicts that are not validated at run
time, because this would take longer than the search; the tests validate them instead.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from math import inf
from typing import Any

from pydantic import BaseModel, Field

from lookalike.models.predictions import candidates
from lookalike.web.session import ServedExplanation, ServedPrediction, State, png


class Error(BaseModel):
    """The reason why a request was refused."""

    detail: str = Field(description="One line: the problem, the limit and the cure.")


class Answer(BaseModel):
    """The predicted class of an image."""

    label: str = Field(description="The most probable class.")
    probability: float = Field(ge=0, le=1, description="Probability of that class.")
    probabilities: dict[str, float] = Field(description="Probabilities of all classes; sum 1.")
    sure: bool = Field(description="Whether the probability reaches `reject` of /model.")
    candidates: list[str] = Field(
        min_length=1, description="The label alone if sure, otherwise the most probable classes."
    )
    reason: str | None = Field(description="A doubt about the image, which makes it not sure.")


class Predictions(BaseModel):
    answers: list[Answer]
    seconds: float = Field(ge=0, description="Time from the request's head to the answer.")


class NeighborAnswer(BaseModel):
    """A training image that supports the answer."""

    row: int = Field(ge=0, description="Row in the model; removals of earlier rows change it.")
    label: str
    file: str | None = Field(description="File of the training image, if known.")
    distance: float
    share: float = Field(
        ge=0,
        le=1,
        description="Share of the vote, or of the sum of 1 / distance in a model without votes.",
    )
    variant: str = Field(description="Change of the training image, for instance a shift.")
    image: str = Field(description="The training image: a data URL of a PNG.")
    compared: str = Field(description="The image in its compared form: a data URL of a PNG.")
    correction: bool = Field(description="Whether it was added since the server started.")
    displacement: list[list[list[int]]] | None = Field(
        description="Move of each pixel of the query in pixels, down and right: (2, h, w)."
    )


class ExplainedAnswer(Answer):
    """The predicted class of an image, and the training images that support it."""

    image: str = Field(description="The image in the model's form: a data URL of a PNG.")
    neighbors: list[NeighborAnswer] = Field(description="Training images, nearest first.")


class Explanations(BaseModel):
    answers: list[ExplainedAnswer]
    seconds: float = Field(ge=0)


class Cleaned(BaseModel):
    images: list[str] = Field(description="Data URLs of PNGs.")
    noise: str = Field(description='The given noise, or "estimated".')


class Sample(BaseModel):
    """A correction."""

    id: int = Field(description="Permanent identifier.")
    label: str
    image: str = Field(description="The image in the model's form: a data URL of a PNG.")
    added: datetime
    saved: bool


class Undone(BaseModel):
    n_samples: int = Field(ge=0, description="Number of training images.")
    unsaved: int = Field(ge=0, description="Changes since the file was read or saved.")


class Samples(Undone):
    samples: list[Sample] = Field(description="Corrections, oldest first.")


class Added(Undone):
    ids: list[int]


class Saved(Undone):
    file: str


class ModelAnswer(BaseModel):
    """The served model."""

    class_names: list[str]
    n_samples: int = Field(ge=0)
    image_shape: list[int]
    estimator: str
    source: str | None
    file: str | None = Field(description="Name of the model's file, without its folder.")
    reject: float = Field(ge=0, le=1)
    can_clean: bool
    can_draw: bool = Field(description="Whether its images can be drawn: `Form.takes_drawings`.")
    can_write: bool = Field(description="Whether this request had the right to write.")
    unsaved: int = Field(ge=0)
    form: dict[str, Any]


class Health(BaseModel):
    status: str


def answer(prediction: ServedPrediction, reject: float, doubt: str | None = None) -> dict[str, Any]:
    """Return an `Answer`, which is not sure if there is a doubt."""
    names, probabilities = prediction
    reject = reject if doubt is None else inf
    best = int(probabilities.argmax())
    return {
        "label": names[best],
        "probability": float(probabilities[best]),
        "probabilities": dict(zip(names, probabilities.tolist(), strict=True)),
        "sure": bool(probabilities[best] >= reject),
        "candidates": [names[own] for own in candidates(probabilities, reject)],
        "reason": doubt,
    }


def explained_answer(
    explanation: ServedExplanation, image: Any, reject: float, doubt: str | None
) -> dict[str, Any]:
    """Return an `ExplainedAnswer` about an image."""
    one = explanation.explained
    neighbors = zip(one.neighbors, explanation.images, explanation.corrections, strict=True)
    return {
        **answer(ServedPrediction(explanation.class_names, one.probabilities), reject, doubt),
        "image": data_url(png(image)),
        "neighbors": [
            {
                "row": int(neighbor.row),
                "label": neighbor.label,
                "file": neighbor.file,
                "distance": float(neighbor.distance),
                "share": float(neighbor.share),
                "variant": neighbor.variant,
                "image": data_url(png(training)),
                "compared": data_url(png(neighbor.compared)),
                "correction": correction,
                "displacement": neighbor.displacement
                if neighbor.displacement is None
                else neighbor.displacement.tolist(),
            }
            for neighbor, training, correction in neighbors
        ],
    }


def samples_answer(state: State) -> dict[str, Any]:
    """Return `Samples`."""
    samples = [
        {
            "id": one.id,
            "label": one.label,
            "image": data_url(one.png),
            "added": one.added.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "saved": one.saved,
        }
        for one in state.corrections
    ]
    return {"samples": samples, **changes(state)}


def changes(state: State) -> dict[str, Any]:
    """Return the fields of every answer to a write request."""
    return {"n_samples": state.n_samples, "unsaved": state.unsaved}


def cleaned_answer(images: Sequence[Any], noise: str | None) -> dict[str, Any]:
    """Return `Cleaned`."""
    return {"images": [data_url(png(image)) for image in images], "noise": noise or "estimated"}


def data_url(content: bytes) -> str:
    """Return a PNG file as a ``data:`` URL."""
    return "data:image/png;base64," + base64.b64encode(content).decode("ascii")
