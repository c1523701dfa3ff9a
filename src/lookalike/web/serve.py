"""Runs the server of a model until the process is stopped.

uvicorn runs in one process, so that all requests share one model and its corrections. The socket is
bound first: the check of ``Host`` needs to know the port, and a port that is in use raises
`OSError` here instead of adding a line to a log.
"""

from __future__ import annotations

import gc
import ipaddress
import secrets
import socket
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from lookalike.web.app import create_app
from lookalike.web.security import Access, Limits, known_hosts
from lookalike.web.session import Session

if TYPE_CHECKING:
    from asyncio import TimerHandle

    from lookalike.models.model import Model

_MOST_CONNECTIONS = 1000
_SHUTDOWN = 10  # seconds for requests to end when the server stops


class Served(NamedTuple):
    """The address of a running server, and the token that writing needs."""

    url: str
    token: str | None


def serve(
    model: Model,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    names: Sequence[str] = (),
    token: str | None = None,
    reject: float = 0.9,
    limits: Limits | None = None,
    on_start: Callable[[Served], None] = lambda served: None,
) -> None:
    """Serve a model until SIGINT or SIGTERM; running requests are still answered.

    The number of unsaved corrections is printed to stderr at the end.

    ``names`` are further host names of the server, such as pi.local. Writing needs ``token``: a
    random one if it is not given, or none if only this machine reaches the server. ``on_start`` is
    called with the address once requests are answered. The model is the server's alone from now on.

    Raises `OSError` if the server cannot listen at the address, and `ValueError` if an argument is
    out of range.
    """
    limits = limits or Limits()
    if token is not None and not (token.isascii() and token.isprintable() and token.strip()):
        raise ValueError("the token has invalid characters; give letters and digits")
    with (
        _bind(host, port) as listening,
        closing(Session(model, reject=reject, max_images=limits.images)) as session,
    ):
        port = listening.getsockname()[1]
        address = ipaddress.ip_address(listening.getsockname()[0])
        lonely = address.is_loopback
        if token is None and not lonely:
            token = secrets.token_urlsafe(18)
        is_known = address.is_unspecified or host.lower() in ("127.0.0.1", "localhost", "::1")
        own_name = () if is_known else (host,)
        access = Access(known_hosts(port, (*own_name, *names)), any_address=not lonely, token=token)
        shown = f"[{host}]" if ":" in host else host
        config = uvicorn.Config(
            create_app(session, access, limits=limits),
            http=_timed_protocol(limits.seconds),
            ws="none",
            lifespan="on",
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_graceful_shutdown=_SHUTDOWN,
        )
        served = Served(f"http://{'localhost' if address.is_unspecified else shown}:{port}/", token)
        server = _Server(config, lambda: on_start(served))
        # Freeze all current objects: a full garbage collection would hold up all requests for a
        # tenth of a second.
        gc.collect()
        gc.freeze()
        try:
            server.run(sockets=[listening])
        except KeyboardInterrupt:
            pass  # uvicorn raises it again at its end
        finally:
            gc.unfreeze()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_start: Callable[[], Any]) -> None:
        super().__init__(config)
        self._on_start = on_start

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_start()


def _timed_protocol(seconds: float) -> type[HttpToolsProtocol]:
    """Return uvicorn's protocol with a time limit for the arrival of a request.

    uvicorn waits for ever for an unfinished head, and for the rest of a refused body; the `Guard`
    sees neither.
    """

    class Timed(HttpToolsProtocol):
        _timer: TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._start_timer()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_timer()
            super().connection_lost(exc)

        def on_message_begin(self) -> None:
            super().on_message_begin()
            if self._timer is None:
                self._start_timer()

        def on_message_complete(self) -> None:
            self._stop_timer()
            super().on_message_complete()

        def _start_timer(self) -> None:
            # later than the guard, which sends an answer
            self._timer = self.loop.call_later(seconds + 1, self.transport.abort)

        def _stop_timer(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    return Timed


def _bind(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError:
        listening.close()
        raise
    return listening
