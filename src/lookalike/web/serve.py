"""Runs the server of a model until the process is stopped.

The socket is bound first: the check of ``Host`` needs to know the port, and a port that is in use
raises `OSError` here instead of adding a line to a log.

One process serves a model, so that all requests share its corrections; several, which uvicorn
starts and watches, open the same file, and take no corrections.
"""

from __future__ import annotations

import gc
import ipaddress
import os
import secrets
import socket
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import uvicorn

from lookalike.web.app import create_app
from lookalike.web.certificate import Certificate
from lookalike.web.logs import log_config
from lookalike.web.protocol import Timed
from lookalike.web.security import Access, Limits, known_hosts
from lookalike.web.session import Session
from lookalike.web.workers import open_session, run_workers

if TYPE_CHECKING:
    from fastapi import FastAPI

    from lookalike.models.model import Model

_MOST_CONNECTIONS = 1000
_SHUTDOWN = 10  # seconds for requests to end when the server stops
_FIRST_PASSED = 3  # the first socket that is passed on start, as systemd numbers them


class Served(NamedTuple):
    """The addresses of a running server, and the token that writing needs."""

    url: str
    token: str | None
    # for other machines; None if only this one reaches the server, or there is no network
    network_url: str | None = None


def serve(
    model: Model,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    names: Sequence[str] = (),
    token: str | None = None,
    reject: float = 0.9,
    limits: Limits | None = None,
    workers: int = 1,
    root_path: str = "",
    certificate: Certificate | None = None,
    logging: dict[str, Any] | str | None = None,
    on_start: Callable[[Served], None] = lambda served: None,
) -> None:
    """Serve a model until SIGINT or SIGTERM; running requests are still answered.

    The number of unsaved corrections is logged at the end. The model is read again from its file,
    and the certificate from its files, when they change and on SIGHUP; no request waits for it. If
    the service manager has bound a socket (``LISTEN_FDS``), that one is used; it is told when
    requests are answered (``NOTIFY_SOCKET``).

    Parameters
    ----------
    model : Model
        It is the server's alone from now on.
    host, port : str, int
        Where to listen; port 0 is any that is free.
    names : sequence of str
        Further host names of the server, such as pi.local.
    token : str, optional
        What writing needs. By default a random one, or none if only this machine reaches the
        server.
    reject : float
        Probability from which on answers are sure.
    limits : Limits, optional
        Limits of each worker.
    workers : int
        Processes that serve the model, each of which opens its file. More than one take no
        corrections.
    root_path : str
        Path that a proxy has removed before it passes requests on.
    certificate : Certificate, optional
        The server speaks HTTPS with it.
    logging : dict or str, optional
        Configuration of the logs, or its file, as uvicorn's ``log_config``; by default
        `log_config`.
    on_start : callable
        It is called with the address once requests are answered.

    Raises
    ------
    OSError
        If the server cannot listen at the address.
    ValueError
        If an argument is out of range.
    """
    limits = limits or Limits()
    if token is not None and not (token.isascii() and token.isprintable() and token.strip()):
        raise ValueError("the token has invalid characters; give letters and digits")
    if workers > 1 and model.path is None:
        raise ValueError("several workers need a model that was read from a file; save it first")
    with _bind(host, port) as listening:
        port = listening.getsockname()[1]
        address = ipaddress.ip_address(listening.getsockname()[0])
        lonely = address.is_loopback
        if token is None and not lonely:
            token = secrets.token_urlsafe(18)
        is_known = address.is_unspecified or host.lower() in ("127.0.0.1", "localhost", "::1")
        own_name = () if is_known else (host,)
        access = Access(known_hosts(port, (*own_name, *names)), any_address=not lonely, token=token)
        scheme = "http" if certificate is None else "https"

        def url(of: str) -> str:
            return f"{scheme}://{f'[{of}]' if ':' in of else of}:{port}/"

        network = _network_address() if address.is_unspecified else None
        served = Served(
            url("localhost" if address.is_unspecified else host), token, network and url(network)
        )

        def started() -> None:
            _tell_service_manager()
            on_start(served)

        https: dict[str, Any] = {} if certificate is None else certificate.options()
        protocol: Any = partial(Timed, seconds=limits.seconds)

        def configured(opened: Callable[[], Session]) -> uvicorn.Config:
            return uvicorn.Config(
                partial(_create, create, opened),
                factory=True,
                workers=workers,
                http=protocol,
                ws="none",
                lifespan="on",
                log_config=logging or log_config(),
                access_log=False,  # uvicorn's own
                server_header=False,
                root_path="/" + root_path.strip("/") if root_path.strip("/") else "",
                limit_concurrency=_MOST_CONNECTIONS,
                timeout_graceful_shutdown=_SHUTDOWN,
                **https,
            )

        create = partial(create_app, access=access, limits=limits, certificate=certificate)
        if workers > 1:
            opened = partial(open_session, model.path, model.estimator.n_jobs, reject, limits)
            run_workers(configured(opened), listening, started)
            return
        with closing(Session(model, reject=reject, max_images=limits.images)) as session:
            server = _Server(configured(lambda: session), started)
            try:
                server.run(sockets=[listening])
            except KeyboardInterrupt:
                pass  # uvicorn raises it again at its end
            finally:
                gc.unfreeze()


def _create(create: Callable[[Session], FastAPI], opened: Callable[[], Session]) -> FastAPI:
    app = create(opened())
    # Freeze all current objects: a full garbage collection would hold up all requests for a tenth
    # of a second.
    gc.collect()
    gc.freeze()
    return app


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_start: Callable[[], Any]) -> None:
        super().__init__(config)
        self._on_start = on_start

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_start()


def _tell_service_manager() -> None:
    """Tell systemd, if it has started the process, that requests are answered (`sd_notify`)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            # "@" stands for the zero byte of an abstract address.
            manager.connect(address.replace("@", "\0", 1) if address[0] == "@" else address)
            manager.sendall(b"READY=1")


def _network_address() -> str | None:
    """Return the address by which other machines reach this one; nothing is sent to find it."""
    for family, documentation in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((documentation, 9))
                return str(probe.getsockname()[0])
        except OSError:  # no route
            continue
    return None


def _bind(host: str, port: int) -> socket.socket:
    if os.environ.get("LISTEN_PID") == str(os.getpid()):
        return socket.socket(fileno=_FIRST_PASSED)
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
