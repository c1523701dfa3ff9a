"""The page, its files, and the documentation of the API, served from memory.

The files are read once at the start, so no path from a request reaches the file system. Nothing
needs another host: Swagger UI comes from the package fastapi-offline. All addresses are relative,
so that a proxy may give the server a root path.
"""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from mimetypes import MimeTypes
from typing import NamedTuple

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.responses import Response

# Python's own table: that of the machine may map .js to text/plain.
_MEDIA_TYPES = MimeTypes()
_MEDIA_TYPES.add_type("text/javascript", ".js")  # RFC 9239; older Pythons differ

# Swagger UI sets styles on its elements and draws icons from data URLs.
_DOCS_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_DOCS_PAGE = b"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>lookalike: the API</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</html>
"""
_DOCS_START = b"""SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
});
"""


class _File(NamedTuple):
    content: bytes
    media_type: str


def add_pages(app: FastAPI) -> None:
    """Add the page at ``/``, its files, ``/docs`` and an empty favicon to an application."""
    page = {item.name: _read(item) for item in (files("lookalike.web") / "page").iterdir()}
    swagger = files("fastapi_offline") / "static"
    docs = {name: _read(swagger / name) for name in ("swagger-ui-bundle.js", "swagger-ui.css")}
    docs["start.js"] = _File(_DOCS_START, "text/javascript")
    index = page.pop("index.html")

    @app.get("/", include_in_schema=False)
    async def show_page() -> Response:
        return Response(index.content, media_type=index.media_type)

    @app.get("/static/{name}", include_in_schema=False)
    async def show_file(name: str) -> Response:
        return _found(page, name)

    @app.get("/favicon.ico", include_in_schema=False)
    async def show_favicon() -> Response:
        return Response(status_code=204)

    @app.get("/docs", include_in_schema=False)
    async def show_docs() -> Response:
        policy = {"content-security-policy": _DOCS_POLICY}
        return Response(_DOCS_PAGE, media_type="text/html", headers=policy)

    @app.get("/docs/{name}", include_in_schema=False)
    async def show_docs_file(name: str) -> Response:
        return _found(docs, name)


def _found(known: dict[str, _File], name: str) -> Response:
    if name not in known:
        raise HTTPException(404)
    return Response(known[name].content, media_type=known[name].media_type)


def _read(item: Traversable) -> _File:
    media_type, _ = _MEDIA_TYPES.guess_type(item.name)
    return _File(item.read_bytes(), media_type or "application/octet-stream")
