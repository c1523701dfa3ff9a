"""A model served over HTTP until the process is told to stop.

uvicorn in one process: all requests share one model and its corrections. The socket is bound before
anything else, so that the port is known, to the check of ``Host`` above all, and a port that is
taken is an `OSError` here and not a line in a log.
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
from lookalike.web.guard import Access, known_hosts
from lookalike.web.limits import Limits
from lookalike.web.live import Session

if TYPE_CHECKING:
    from asyncio import TimerHandle

    from lookalike.models.model import Model

_MOST_CONNECTIONS = 1000
_SHUTDOWN = 10  # seconds that requests have to end when the server stops


class Served(NamedTuple):
    """Where a model is served.

    Attributes
    ----------
    url : str
        Of the page.
    token : str or None
        That writing needs.
    """

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
    on_start: Callable[[Served], None] | None = None,
) -> None:
    """Serve a model until SIGINT or SIGTERM; requests that run then are answered.

    Unsaved corrections are told on stderr at the end.

    Parameters
    ----------
    model : Model
        Belongs to the server from now on.
    host : str, default="127.0.0.1"
        The address to listen at. Beyond loopback, writing always needs a token.
    port : int, default=8000
        0 for any that is free.
    names : sequence of str
        By which the server is reached besides localhost, such as "pi.local".
    token : str, optional
        That writing needs. Without it, one is made up unless only this machine reaches the server.
    reject : float, default=0.9
        The probability of the likeliest class from which an answer is called sure.
    limits : Limits, optional
    on_start : callable, optional
        Told where, once requests are answered.

    Raises
    ------
    OSError
        If the address cannot be had.
    ValueError
        If an argument is out of its range.
    """
    limits = limits or Limits()
    if token is not None and not (token.isascii() and token.isprintable() and token.strip()):
        raise ValueError("the token has letters that no header takes; give letters and digits")
    with (
        _bind(host, port) as listening,
        closing(Session(model, reject=reject, max_images=limits.images)) as session,
    ):
        port = listening.getsockname()[1]
        lonely = _is_loopback(host)
        if token is None and not lonely:
            token = secrets.token_urlsafe(18)
        own_name = () if lonely or _is_wildcard(host) else (host,)
        access = Access(known_hosts(port, (*own_name, *names)), any_address=not lonely, token=token)
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
        served = Served(f"http://{_in_url(host)}:{port}/", token)
        server = _Server(config, lambda: on_start and on_start(served))
        # What is loaded by now stays: no collection need ever walk through it, which would hold up
        # all requests for a tenth of a second.
        gc.collect()
        gc.freeze()
        try:
            server.run(sockets=[listening])
        except KeyboardInterrupt:
            pass  # uvicorn raises it once more after all is done
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
    """Return uvicorn's protocol with a limit on the time in which a request must have come.

    uvicorn waits for ever for a head that never ends, and for the rest of a body that was refused;
    the `Guard` sees neither.
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
            # later than the guard's, which answers
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


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _is_wildcard(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return not host


def _in_url(host: str) -> str:
    if _is_wildcard(host):
        return "localhost"
    return f"[{host}]" if ":" in host else host
