"""Who may ask, and how much: looked at before the application sees a request.

The server stands on the user's own machine, where every web page that they visit can send requests
to it. Two checks keep those out [1]_. A page of another origin is known by its ``Origin``, which
browsers send with whatever writes and which no script can change. A page whose name was pointed at
127.0.0.1 after it was loaded (DNS rebinding) has the right origin but a ``Host`` that this server
is not known by. Writing needs a token besides, unless only this machine reaches the server.

Plain ASGI, because Starlette's `BaseHTTPMiddleware` costs more time than a prediction takes.

References
----------
.. [1] OWASP, "Cross-Site Request Forgery Prevention Cheat Sheet"; Jackson et al., "Protecting
   browsers from DNS rebinding attacks", ACM CCS 2007.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookalike.web.limits import Limits

_log = logging.getLogger("uvicorn.error")

# All that is asked for without being changed; whatever is not named here needs the token.
_READING_METHODS = {"GET", "HEAD", "OPTIONS"}
_READING_POSTS = {"/predict", "/explain", "/clean"}
_ALWAYS_ANSWERED = {"/healthz", "/metrics"}  # above all when there is too much to do

# Of a body that is too long so many times its limit is taken and thrown away before that is told:
# most clients, browsers among them, only read the answer when they have sent all.
_DISCARDED = 4

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    b"content-security-policy": CONTENT_SECURITY_POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cache-control": b"no-store",
}


@dataclass(frozen=True)
class Access:
    """Who may ask.

    Attributes
    ----------
    hosts : frozenset of str
        What ``Host`` may be, in small letters, with the port unless it is that of HTTP.
    any_address : bool
        Whether ``Host`` may be any IP address too: for a server that others reach. Rebinding needs
        a name.
    token : str or None
        That writing needs; None if it needs none.
    """

    hosts: frozenset[str]
    any_address: bool = False
    token: str | None = None

    def knows(self, host: str) -> bool:
        """Return whether the server goes by this name."""
        host = host.lower()
        return host in self.hosts or (self.any_address and _is_address(host))

    def may_write(self, authorization: str | None) -> bool:
        """Return whether a request with this header may write."""
        if self.token is None:
            return True
        scheme, _, token = (authorization or "").partition(" ")
        # bytes, because compare_digest takes text of ASCII only
        return scheme.lower() == "bearer" and hmac.compare_digest(
            token.strip().encode(), self.token.encode()
        )


def known_hosts(port: int, names: Iterable[str] = ()) -> frozenset[str]:
    """Return what a server on a port is known by.

    Parameters
    ----------
    port : int
    names : iterable of str
        Further names, with a port (``example.org:8080``) or without, which stands for this port and
        for that of HTTP and HTTPS: behind another server, ``Host`` is the name it is reached by.

    Examples
    --------
    >>> sorted(known_hosts(8000, ["pi.local"]))
    ['127.0.0.1:8000', '[::1]:8000', 'localhost:8000', 'pi.local', 'pi.local:8000']
    """
    own = {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}
    if port == 80:
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
    """Refuses what may not be asked, or is too much; adds the headers that protect browsers.

    Parameters
    ----------
    app : ASGI application
    access : Access
    limits : Limits
    """

    def __init__(self, app: ASGIApp, *, access: Access, limits: Limits) -> None:
        self._app = app
        self._access = access
        self._limits = limits
        self._n_running = 0
        self._n_bytes = 0  # of their bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._guarded(scope, receive, _with_headers(send))
        else:  # nothing here speaks WebSocket
            await send({"type": "websocket.close", "code": 1008})

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        always = scope["path"] in _ALWAYS_ANSWERED
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
            await self._answered(scope, receive, send)
        finally:
            self._n_running -= not always

    async def _answered(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False
        taken: list[int] = []

        async def noticed(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            async with asyncio.timeout(self._limits.seconds):
                if self._is_too_long(scope):
                    await self._discard(scope, receive)
                    await refuse(noticed, self._too_long())
                else:
                    await self._app(scope, self._within_limit(receive, taken), noticed)
        except TimeoutError:
            # Once started an answer cannot be taken back: the server cuts the connection.
            if not started:
                await refuse(send, self._too_slow(scope))
        except ClientDisconnect:
            return  # nobody to answer
        except Exception:
            _log.exception("%s %s failed", scope["method"], scope["path"])
            if not started:
                await refuse(
                    send,
                    HTTPException(500, "the server failed; its log, on stderr, tells why"),
                )
        finally:
            self._n_bytes -= sum(taken)

    def _check(self, scope: Scope) -> None:
        """Raise HTTPException at a request that is refused for its headers."""
        hosts: list[str] = []
        origin = authorization = None
        for name, value in scope["headers"]:
            if name == b"host":
                hosts.append(value.decode("latin-1"))
            elif name == b"origin":
                origin = value.decode("latin-1")
            elif name == b"authorization":
                authorization = value.decode("latin-1")
        if len(hosts) != 1 or not self._access.knows(hosts[0]):
            raise HTTPException(
                403,
                f"this server is not known as {_shown(hosts)}; ask for "
                f"{' or '.join(sorted(self._access.hosts))}, or start it with that name",
            )
        if origin is not None and not _is_same(origin, hosts[0]):
            raise HTTPException(
                403, f"a page of {_shown([origin])} may not ask this server; open the server's own"
            )
        path: str = scope["path"]
        if not (
            scope["method"] in _READING_METHODS
            or path in _READING_POSTS
            or self._access.may_write(authorization)
        ):
            raise HTTPException(
                401,
                "writing needs the token that the server was started with; send the header "
                "Authorization: Bearer TOKEN",
                {"www-authenticate": "Bearer"},
            )

    def _is_too_long(self, scope: Scope) -> bool:
        return _content_length(scope) > self._limits.body_bytes

    def _within_limit(self, receive: Receive, taken: list[int]) -> Receive:
        """Count the body as it comes, part by part: its length need not have been told."""

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

    async def _discard(self, scope: Scope, receive: Receive) -> None:
        # One who expects to be told whether to send has sent nothing yet.
        waits = any(name == b"expect" for name, _ in scope["headers"])
        if not waits and _content_length(scope) <= _DISCARDED * self._limits.body_bytes:
            await self._throw_away(receive)

    async def _throw_away(self, receive: Receive) -> None:
        n_bytes, more = 0, True
        while more and n_bytes <= _DISCARDED * self._limits.body_bytes:
            message = await receive()
            n_bytes += len(message.get("body", b""))
            more = message.get("more_body", False)  # there is none of one who has gone

    def _too_long(self) -> HTTPException:
        return HTTPException(
            413,
            f"the body is longer than the limit of {self._limits.body_bytes:,} bytes; send smaller "
            "or fewer pictures",
        )

    def _too_much(self) -> HTTPException:
        return HTTPException(
            429,
            "the bodies of all requests that are being answered are longer than the limit of "
            f"{self._limits.all_body_bytes:,} bytes; ask again in a moment",
            {"retry-after": "1"},
        )

    def _too_slow(self, scope: Scope) -> HTTPException:
        write = scope["method"] not in _READING_METHODS and scope["path"] not in _READING_POSTS
        cure = "GET /samples tells whether it was done" if write else "ask for less at once"
        return HTTPException(
            503,
            f"not answered within the limit of {self._limits.seconds:g} seconds; {cure}",
            # the rest of a body that came too slowly is not waited for
            {"retry-after": "1", "connection": "close"},
        )


def _content_length(scope: Scope) -> int:
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    return max((int(length) for length in lengths if length[:20].isdigit()), default=0)


async def refuse(send: Send, refusal: HTTPException) -> None:
    """Send a refusal as all errors are sent: JSON with one line."""
    body = json.dumps({"detail": refusal.detail}, ensure_ascii=False).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        *((name.encode(), value.encode()) for name, value in (refusal.headers or {}).items()),
    ]
    await send({"type": "http.response.start", "status": refusal.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            own = {name for name, _ in headers}
            headers += [item for item in _HEADERS.items() if item[0] not in own]
            message = {**message, "headers": headers}
        await send(message)

    return sent


def _is_same(origin: str, host: str) -> bool:
    """Return whether an origin is of the host asked; "null" is of none."""
    scheme, _, rest = origin.lower().partition("://")
    return scheme in ("http", "https") and rest == host.lower()


def _is_address(host: str) -> bool:
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        name, port = host, "80"
    if not port.isdecimal():
        return False
    if name.startswith("[") and name.endswith("]"):
        name = name[1:-1]
    elif ":" in name:
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _shown(values: list[str]) -> str:
    return repr(", ".join(values)[:100]) if values else "nothing (no Host was sent)"
