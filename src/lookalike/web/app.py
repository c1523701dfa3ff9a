"""The API as an ASGI application: its routes, and the HTTP status of each error.

    POST /predict  /explain  /clean                   classify and denoise
    GET  /model    /samples                           show the model and its corrections
    POST /samples  DELETE /samples/{id}  POST /save   add, undo and save corrections
    GET  /healthz  /readyz  /metrics  /openapi.json  /docs    operate the server

A middleware surrounds it: `Guard` refuses requests and has them counted. `static.py` adds the page
and its files.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from time import perf_counter
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Scope

from lookalike import __version__
from lookalike.images.exceptions import PictureError, PictureTooLargeError
from lookalike.images.expression import parse_noise
from lookalike.images.files import counted
from lookalike.web import schemas
from lookalike.web.certificate import Certificate
from lookalike.web.following import Followed, following
from lookalike.web.logs import LOG, log_answer
from lookalike.web.prometheus import MEDIA_TYPE, Metrics
from lookalike.web.requests import MeaningError, MediaTypeError, RequestReader
from lookalike.web.security import Access, Guard, Limits, TooLargeError
from lookalike.web.session import (
    ClosedError,
    ConflictError,
    DiskFullError,
    NoCorrectionError,
    Session,
)
from lookalike.web.static import add_pages

_NO_SUCH = {
    404: "there is nothing at this address; addresses end without a slash; /docs lists them all",
    405: "this address does not support that method; /docs lists the methods",
}
_STATUS_OF = {
    PictureError: 400,
    PictureTooLargeError: 413,
    NoCorrectionError: 404,
    ConflictError: 409,
    TooLargeError: 413,
    MediaTypeError: 415,
    MeaningError: 422,
    ClosedError: 503,
    DiskFullError: 507,
}
_ABOUT = {
    400: "Not a picture, or a damaged one",
    401: "The token is missing or wrong",
    403: "Unknown host name, or a page of another origin",
    404: "It does not exist",
    408: "The request did not arrive in time",
    409: "The model or its file does not allow it",
    413: "Too many bytes, pixels or pictures",
    415: "Unsupported type of body",
    422: "Invalid parameters or content",
    429: "Too many requests at once",
    503: "Not answered in time, or shutting down",
    507: "The disk is full",
}


def _answers(model: type[BaseModel] | None, *statuses: int) -> dict[str, Any]:
    """Return what OpenAPI says of the answers of a route."""
    return {
        "response_model": model,
        "responses": {
            status: {"model": schemas.Error, "description": _ABOUT[status]}
            for status in sorted({*statuses, 403, 408, 429, 503})
        },
    }


_READY = 1.0  # seconds

_ON_IMAGES = (400, 413, 415, 422)

_VALUES = {
    "type": "array",
    "minItems": 1,
    "items": {"type": "number", "minimum": 0, "maximum": 255},
}
_PIXELS = {**_VALUES, "items": {**_VALUES, "minItems": 3, "maxItems": 4}}
_NUMBERS = {"type": "array", "minItems": 1, "items": {"anyOf": [_VALUES, _PIXELS]}}
_BASE64 = {"type": "string", "description": "An image file in base64, or a data URL of one."}


def _images_body(limits: Limits) -> dict[str, Any]:
    """Return the OpenAPI description of the bodies that `RequestReader` reads."""
    count = {"minItems": 1, "maxItems": limits.images}
    of_json = {"type": "array", **count, "items": {"anyOf": [_BASE64, _NUMBERS]}}
    file = {"type": "string", "format": "binary"}
    of_form = {"type": "array", **count, "items": file}

    def fields(images: dict[str, Any]) -> dict[str, Any]:
        properties = {"images": images}
        return {"schema": {"type": "object", "required": ["images"], "properties": properties}}

    content = {
        "application/json": fields(of_json),
        "multipart/form-data": fields(of_form),
        **{media_type: {"schema": file} for media_type in ("image/*", "application/octet-stream")},
    }
    return {"requestBody": {"required": True, "content": content}}


AsIs = Annotated[
    bool,
    Query(
        description="The images already have the model's form and exact shape; otherwise they "
        "are converted to it."
    ),
]


def create_app(
    session: Session,
    access: Access,
    *,
    limits: Limits | None = None,
    certificate: Certificate | None = None,
) -> FastAPI:
    """Return the application that serves a session, and closes it when it shuts down.

    The model and the certificate are read again when their files change, and on SIGHUP.
    """
    limits = limits or Limits()
    reader = RequestReader(limits)
    metrics = Metrics(session)

    followed = [] if certificate is None else [Followed(certificate.chain, certificate.reload)]
    if (path := session.state.model.path) is not None:
        followed.append(Followed(path, partial(_reload, session)))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        parent = multiprocessing.parent_process()
        if parent is not None:  # a worker ends with the process that started it
            threading.Thread(target=_end_after, args=[parent], daemon=True).start()
        async with following(followed):
            yield
        reader.close()
        unsaved = await asyncio.to_thread(session.close)
        if unsaved:
            were = "s were" if unsaved > 1 else " was"
            LOG.warning("%d correction%s not saved", unsaved, were)

    def count(scope: Scope, status: int, seconds: float) -> None:
        metrics.count_answer(scope, status, seconds)
        log_answer(scope, status, seconds)

    app = FastAPI(
        title="lookalike",
        version=__version__,
        summary="Classifies images by exact nearest-neighbour search.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would contain the client's Host
        lifespan=lifespan,
    )
    app.add_middleware(Guard, access=access, limits=limits, on_answer=count)
    for kind, status in _STATUS_OF.items():
        app.add_exception_handler(kind, partial(_refused, status))
    app.add_exception_handler(HTTPException, _refused_by_http)
    app.add_exception_handler(RequestValidationError, _misunderstood)
    _add_reading(app, session, reader, limits)
    _add_writing(app, session, reader, limits)
    _add_running(app, session, access, metrics)
    add_pages(app)
    return app


def _end_after(parent: Any) -> None:
    """End this process gently when another one has ended."""
    parent.join()
    signal.raise_signal(signal.SIGTERM)


def _reload(session: Session, anyway: bool) -> str | None:
    n_undone = session.state.n_undone
    state = session.reload(anyway=anyway)
    if state is None:
        return None
    back = f"; undone corrections that are back: {n_undone}" if n_undone else ""
    return counted(state.n_samples, "training image") + back


async def _refused(status: int, request: Request, error: Exception) -> Response:
    return JSONResponse({"detail": str(error)}, status)


async def _refused_by_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = _NO_SUCH.get(error.status_code, error.detail)
    return JSONResponse({"detail": detail}, error.status_code, error.headers)


async def _misunderstood(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = " ".join(map(str, first["loc"]))
    return JSONResponse({"detail": f"{where}: {first['msg']}; /docs describes the parameters"}, 422)


def _add_reading(app: FastAPI, session: Session, reader: RequestReader, limits: Limits) -> None:
    images: dict[str, Any] = {"tags": ["ask"], "openapi_extra": _images_body(limits)}

    @app.post("/predict", **_answers(schemas.Predictions, *_ON_IMAGES), **images)
    async def predict(request: Request, as_is: AsIs = False) -> Response:
        """Classify images."""
        start = perf_counter()
        model = session.state.model
        read = await reader.read(request, model.form, as_is=as_is)
        predictions = await asyncio.wrap_future(session.predict(model, read.images))
        answers = [
            schemas.answer(one, session.reject, doubt)
            for one, doubt in zip(predictions, read.doubts, strict=True)
        ]
        return JSONResponse({"answers": answers, "seconds": perf_counter() - start})

    @app.post("/explain", **_answers(schemas.Explanations, *_ON_IMAGES), **images)
    async def explain(
        request: Request,
        as_is: AsIs = False,
        n_neighbors: Annotated[
            int, Query(ge=1, le=100, description="Largest number of neighbours per image.")
        ] = 6,
    ) -> Response:
        """Classify images, and show the training images that support each answer."""
        start = perf_counter()
        model = session.state.model
        read = await reader.read(request, model.form, as_is=as_is)
        explained = session.explain(model, read.images, n_neighbors=n_neighbors)
        found = await asyncio.wrap_future(explained)
        answers = await reader.run(
            lambda _: [
                schemas.explained_answer(one, image, session.reject, doubt)
                for one, image, doubt in zip(found, *read, strict=True)
            ]
        )
        return JSONResponse({"answers": answers, "seconds": perf_counter() - start})

    @app.post("/clean", **_answers(schemas.Cleaned, *_ON_IMAGES, 409), **images)
    async def clean(
        request: Request,
        as_is: AsIs = False,
        noise: Annotated[
            str | None,
            Query(
                description="For example gaussian:50, uniform:100 or saltpepper:0.1; by default "
                "it is estimated.",
                max_length=200,
            ),
        ] = None,
    ) -> Response:
        """Remove noise from images."""
        if noise is not None:
            try:
                parse_noise(noise)
            except ValueError as error:
                raise MeaningError(str(error)) from None
        model = session.state.model
        images = (await reader.read(request, model.form, as_is=as_is)).images
        cleaned = await asyncio.wrap_future(session.clean(model, images, noise))
        return JSONResponse(
            await reader.run(lambda _: schemas.cleaned_answer(list(cleaned), noise))
        )


def _add_writing(app: FastAPI, session: Session, reader: RequestReader, limits: Limits) -> None:
    token = Depends(HTTPBearer(auto_error=False, description="The token of `lookalike serve`."))
    write: dict[str, Any] = {"tags": ["correct"], "dependencies": [token]}

    @app.get("/samples", **_answers(schemas.Samples), tags=["correct"])
    async def show_samples() -> Response:
        """List the corrections."""
        state = session.state
        return JSONResponse(await reader.run(lambda _: schemas.samples_answer(state)))

    @app.post(
        "/samples",
        status_code=201,
        **_answers(schemas.Added, *_ON_IMAGES, 401, 409),
        openapi_extra=_images_body(limits),
        **write,
    )
    async def add(
        request: Request,
        label: Annotated[
            str,
            Query(min_length=1, max_length=100, description="A class of the model, or a new one."),
        ],
        as_is: AsIs = False,
    ) -> Response:
        """Add images of a class, with effect on the next answer."""
        if not label.isprintable() or label.isspace():
            raise MeaningError("the label has no visible letters; give 1 to 100 letters")
        model = session.state.model
        images = (await reader.read(request, model.form, as_is=as_is)).images
        ids, state = await asyncio.wrap_future(session.add(model, images, label))
        return JSONResponse({"ids": ids, **schemas.changes(state)}, 201)

    @app.delete("/samples/{id}", **_answers(schemas.Undone, 401, 404, 409, 422), **write)
    async def undo(id: Annotated[int, Path(description="Id of the correction.")]) -> Response:
        """Undo a correction."""
        return JSONResponse(schemas.changes(await asyncio.wrap_future(session.undo(id))))

    @app.post("/save", **_answers(schemas.Saved, 401, 409, 507), **write)
    async def save() -> Response:
        """Write the corrections to the model's file."""
        state = await asyncio.wrap_future(session.save())
        assert state.model.path is not None
        return JSONResponse({"file": state.model.path.name, **schemas.changes(state)})


def _add_running(app: FastAPI, session: Session, access: Access, metrics: Metrics) -> None:
    @app.get("/model", **_answers(schemas.ModelAnswer), tags=["look"])
    async def show_model(request: Request) -> Response:
        """Describe the served model."""
        state = session.state
        model = state.model
        may_write = access.may_write(request.headers.get("authorization"))
        return JSONResponse(
            {
                "class_names": state.class_names,
                "n_samples": state.n_samples,
                "image_shape": model.image_shape,
                "estimator": type(model.estimator).__name__,
                "source": model.source,
                "file": None if model.path is None else model.path.name,
                "reject": session.reject,
                "can_clean": model.can_clean,
                "can_draw": model.form.takes_drawings,
                "can_write": session.corrects and may_write,
                "unsaved": state.unsaved,
                "form": model.form.to_dict(),
            }
        )

    @app.get("/healthz", **_answers(schemas.Health), tags=["run"])
    async def show_health() -> Response:
        """Report that the server runs."""
        return JSONResponse({"status": "ok"})

    @app.get("/readyz", **_answers(schemas.Health), tags=["run"])
    async def show_readiness() -> Response:
        """Report that a prediction would begin within a second."""
        try:
            async with asyncio.timeout(_READY):
                await asyncio.wrap_future(session.wait())
        except TimeoutError:
            raise HTTPException(503, "the model is busy; ask again in a moment") from None
        return JSONResponse({"status": "ready"})

    @app.get("/metrics", response_class=PlainTextResponse, **_answers(None), tags=["run"])
    async def show_metrics() -> Response:
        """Return metrics for Prometheus."""
        return Response(metrics.text(), media_type=MEDIA_TYPE)
