"""Access control and load limits, checked before the application sees a request.

The server often runs on the user's own machine, to which every web page that they visit can send
requests. Two checks refuse these [1]_. Browsers send ``Origin`` with every writing request, and no
script can change it, so pages of other origins are recognised. A page whose host name was changed
to point at 127.0.0.1 after it was loaded (DNS rebinding) has the right origin, but a ``Host`` that
this server does not know. Writing also needs a token, unless only this machine reaches the server.

It is plain ASGI, because Starlette's `BaseHTTPMiddleware` takes longer than a prediction.

References
----------
.. [1] OWASP, "Cross-Site Request Forgery Prevention Cheat Sheet"; Jackson et al., "Protecting
   browsers from DNS rebinding attacks", ACM CCS 2007.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import perf_counter

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookalike.web.logs import LOG, raw_path

# Requests that change nothing; all others need the token.
_READING_METHODS = {"GET", "HEAD", "OPTIONS"}
_READING_POSTS = {"/predict", "/explain", "/clean"}
_ALWAYS_ANSWERED = {"/healthz", "/readyz", "/metrics"}  # even under overload

# Up to this many times the limit, a body that is too long is received and discarded before the
# refusal: most clients, including browsers, read the answer only after they have sent everything.
_DISCARDED = 4

_HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
_HOST = re.compile(r"(?:\[(.*)\]|([^:]*))(?::\d+)?")
"""A name or an address, which has brackets if it has colons, with a port or without."""


class TooLargeError(ValueError):
    """A request has more pixels or more pictures than the limits allow."""


@dataclass(frozen=True)
class Limits:
    """Limits of a request."""

    # A phone's photograph of 48 megapixels has 12 to 25 MB.
    body_bytes: int = 32 * 2**20
    # The sum of the bodies of all requests that are answered at once.
    all_body_bytes: int = 512 * 2**20
    # The width and the height of a picture in pixels after decoding; JPEG files may be decoded at a
    # smaller scale. Both are limited, not only their product, because padding to a square would
    # turn a line into a huge picture.
    side: int = 4096
    images: int = 256
    # From the first byte of a request to the last byte of its answer.
    seconds: float = 30.0
    # Requests that are answered at once.
    requests: int = 64


@dataclass(frozen=True)
class Access:
    """Who may send requests, and who may write."""

    # Allowed values of ``Host`` in lower case, with the port unless it is 80 or 443.
    hosts: frozenset[str]
    # Whether any IP address is allowed as ``Host`` too, for a server that other machines reach.
    # This is safe because DNS rebinding needs a name.
    any_address: bool = False
    # What writing needs; None if it needs nothing.
    token: str | None = None

    def knows(self, host: str) -> bool:
        """Return whether a value of ``Host`` is allowed."""
        host = host.lower()
        return host in self.hosts or (self.any_address and _is_address(host))

    def may_write(self, authorization: str | None) -> bool:
        """Return whether a request with this header may write."""
        if self.token is None:
            return True
        scheme, _, token = (authorization or "").partition(" ")
        # compare_digest takes only ASCII as text, so give bytes
        return scheme.lower() == "bearer" and hmac.compare_digest(
            token.strip().encode(), self.token.encode()
        )


def known_hosts(port: int, names: Iterable[str] = ()) -> frozenset[str]:
    """Return the allowed values of ``Host`` for a server on a port.

    Further names have a port (``example.org:8080``) or none. A name without a port allows this port
    and the default ports: behind a proxy, ``Host`` is the name of the proxy.

    Examples
    --------
    >>> sorted(known_hosts(8000, ["pi.local"]))
    ['127.0.0.1:8000', '[::1]:8000', 'localhost:8000', 'pi.local', 'pi.local:8000']
    """
    own = {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}
    if port in (80, 443):
        own |= {"127.0.0.1", "localhost", "[::1]"}
    for name in names:
        name = name.lower()
        if name.count(":") > 1 and not name.startswith("["):
            name = f"[{name}]"
        own.add(name)
        if not name.rpartition("]")[2].rpartition(":")[1]:
            own.add(f"{name}:{port}")
    return frozenset(own)


class Guard:
    """Refuses forbidden and excessive requests, and adds headers that protect browsers.

    ``on_answer`` is called with the request, the status of its answer, and the seconds it took;
    also of requests that are refused.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        access: Access,
        limits: Limits,
        on_answer: Callable[[Scope, int, float], None] = lambda scope, status, seconds: None,
    ) -> None:
        self._app = app
        self._access = access
        self._limits = limits
        self._on_answer = on_answer
        self._n_running = 0
        self._n_bytes = 0  # of their bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # WebSocket is not supported
            await send({"type": "websocket.close", "code": 1008})
            return
        status, start = 0, perf_counter()

        async def protected(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {"headers": [], **message}
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._guarded(scope, receive, protected, lambda: status > 0)
        finally:
            if status:
                self._on_answer(scope, status, perf_counter() - start)

    async def _guarded(
        self, scope: Scope, receive: Receive, send: Send, has_started: Callable[[], bool]
    ) -> None:
        always = _route_path(scope) in _ALWAYS_ANSWERED
        try:
            self._check(scope)
            if not always and self._n_running >= self._limits.requests:
                raise HTTPException(
                    429,
                    f"{self._limits.requests} requests are being answered, which is the limit; ask "
                    "again in a moment",
                    {"retry-after": "1"},
                )
        except HTTPException as refusal:
            await refuse(send, refusal)
            return
        self._n_running += not always
        try:
            await self._answered(scope, receive, send, has_started)
        finally:
            self._n_running -= not always

    async def _answered(
        self, scope: Scope, receive: Receive, send: Send, has_started: Callable[[], bool]
    ) -> None:
        taken: list[int] = []
        is_waiting = False  # for the client

        async def awaited() -> Message:
            nonlocal is_waiting
            is_waiting = True
            message = await receive()
            is_waiting = False
            return message

        try:
            async with asyncio.timeout(self._limits.seconds):
                length = _content_length(scope)
                if length > self._limits.body_bytes:
                    # A client that sends "Expect: 100-continue" has not sent the body yet.
                    waits = "expect" in Headers(scope=scope)
                    if not waits and length <= _DISCARDED * self._limits.body_bytes:
                        await self._throw_away(awaited)
                    await refuse(send, self._too_long())
                else:
                    await self._app(scope, self._within_limit(awaited, taken), send)
        except TimeoutError:
            # Once an answer has started it cannot be replaced: the server closes the connection.
            if not has_started():
                slow = self._too_slow_a_body() if is_waiting else self._too_slow(scope)
                await refuse(send, slow)
        except ClientDisconnect:
            return  # there is no one to answer
        except Exception:
            LOG.exception("%s %s failed", scope["method"], raw_path(scope))
            if not has_started():
                await refuse(send, HTTPException(500, "the server failed; its log says why"))
        finally:
            self._n_bytes -= sum(taken)

    def _check(self, scope: Scope) -> None:
        """Raise HTTPException if the headers of a request forbid it."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._access.knows(hosts[0]):
            raise HTTPException(
                403,
                f"this server is not known as {_shown(hosts)}; send the request to "
                f"{' or '.join(sorted(self._access.hosts))}, or start it with that --name",
            )
        origins = headers.getlist("origin")
        if not all(_is_same(origin, hosts[0]) for origin in origins):
            raise HTTPException(
                403,
                f"a page of {_shown(origins)} may not use this server as {_shown(hosts)}; open the "
                "server's own page, or have the proxy before it send the client's Host (nginx: "
                "proxy_set_header Host $http_host;) and start it with that --name",
            )
        if _writes(scope) and not self._access.may_write(headers.get("authorization")):
            raise HTTPException(
                401,
                "writing needs the token that the server was started with; send the header "
                "Authorization: Bearer TOKEN",
                {"www-authenticate": "Bearer"},
            )

    def _within_limit(self, receive: Receive, taken: list[int]) -> Receive:
        """Limit the body while it arrives: its length may not have been declared."""

        async def counted() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                taken.append(len(message.get("body", b"")))
                self._n_bytes += taken[-1]
                is_too_long = sum(taken) > self._limits.body_bytes
                if is_too_long or self._n_bytes > self._limits.all_body_bytes:
                    if message.get("more_body"):
                        await self._throw_away(receive)
                    raise self._too_long() if is_too_long else self._too_much()
            return message

        return counted

    async def _throw_away(self, receive: Receive) -> None:
        n_bytes, more = 0, True
        while more and n_bytes <= _DISCARDED * self._limits.body_bytes:
            message = await receive()
            n_bytes += len(message.get("body", b""))
            more = message.get("more_body", False)  # the key is missing if the client has gone

    def _too_long(self) -> HTTPException:
        return HTTPException(
            413,
            f"the body exceeds the limit of {self._limits.body_bytes:,} bytes; send smaller "
            "or fewer pictures",
        )

    def _too_much(self) -> HTTPException:
        return HTTPException(
            429,
            "the bodies of all requests that are being answered exceed the limit of "
            f"{self._limits.all_body_bytes:,} bytes; ask again in a moment",
            {"retry-after": "1"},
        )

    def _too_slow_a_body(self) -> HTTPException:
        return HTTPException(
            408,
            f"the request did not arrive within the limit of {self._limits.seconds:g} seconds; "
            "send smaller pictures, or fewer at once",
            {"connection": "close"},  # do not wait for the rest
        )

    def _too_slow(self, scope: Scope) -> HTTPException:
        is_write = _writes(scope)
        cure = "GET /samples shows whether it was done" if is_write else "send fewer images at once"
        return HTTPException(
            503,
            f"not answered within the limit of {self._limits.seconds:g} seconds; {cure}",
            {"retry-after": "1"},
        )


def _route_path(scope: Scope) -> str:
    """Return the path below the root path, by which the application finds the route."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def _writes(scope: Scope) -> bool:
    return scope["method"] not in _READING_METHODS and _route_path(scope) not in _READING_POSTS


def _content_length(scope: Scope) -> int:
    lengths = Headers(scope=scope).getlist("content-length")
    return max((int(length) for length in lengths if length[:20].isdigit()), default=0)


async def refuse(send: Send, refusal: HTTPException) -> None:
    """Send a refusal in the format of all errors: JSON with one line."""
    answer = JSONResponse({"detail": refusal.detail}, refusal.status_code, refusal.headers)
    await answer({"type": "http"}, _nothing, send)


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def _is_same(origin: str, host: str) -> bool:
    """Return whether an origin belongs to the host of the request; "null" never does."""
    scheme, _, rest = origin.lower().partition("://")
    return scheme in ("http", "https") and rest == host.lower()


def _is_address(host: str) -> bool:
    found = _HOST.fullmatch(host)
    if found is None:
        return False
    try:
        ipaddress.ip_address(found[1] or found[2] or "")
    except ValueError:
        return False
    return True


def _shown(values: list[str]) -> str:
    return repr(", ".join(values)[:100]) if values else "nothing (no Host was sent)"
