"""The page, its files, and the documentation of the API, served from memory.

The files are read once at the start, so no path from a request reaches the file system. Nothing
needs another host: Swagger UI comes from the package fastapi-offline.
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
<link rel="stylesheet" href="/docs/swagger-ui.css">
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</html>
"""
_DOCS_START = b"""SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
});
"""


class _File(NamedTuple):
    content: bytes
    media_type: str

    def response(self, policy: str | None = None) -> Response:
        headers = {} if policy is None else {"content-security-policy": policy}
        return Response(self.content, media_type=self.media_type, headers=headers)


def add_pages(app: FastAPI) -> None:
    """Add the page at ``/``, its files, ``/docs`` and an empty favicon to an application."""
    page = _read(files("lookalike.web") / "page")
    index = page.pop("index.html")
    docs = _docs()

    @app.get("/", include_in_schema=False)
    async def show_page() -> Response:
        return index.response()

    @app.get("/static/{name}", include_in_schema=False)
    async def show_file(name: str) -> Response:
        if name not in page:
            raise HTTPException(404)
        return page[name].response()

    @app.get("/favicon.ico", include_in_schema=False)
    async def show_favicon() -> Response:
        return Response(status_code=204)

    @app.get("/docs", include_in_schema=False)
    async def show_docs() -> Response:
        return docs[""].response(_DOCS_POLICY)

    @app.get("/docs/{name}", include_in_schema=False)
    async def show_docs_file(name: str) -> Response:
        if name not in docs:
            raise HTTPException(404)
        return docs[name].response()


def _docs() -> dict[str, _File]:
    package = files("fastapi_offline") / "static"
    names = ("swagger-ui-bundle.js", "swagger-ui.css")
    return {
        "": _File(_DOCS_PAGE, "text/html"),
        "start.js": _File(_DOCS_START, "text/javascript"),
        **{name: _file(package / name) for name in names},
    }


def _read(folder: Traversable) -> dict[str, _File]:
    return {item.name: _file(item) for item in folder.iterdir() if item.is_file()}


def _file(item: Traversable) -> _File:
    media_type, _ = _MEDIA_TYPES.guess_type(item.name)
    return _File(item.read_bytes(), media_type or "application/octet-stream")
