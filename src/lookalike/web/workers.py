"""Several processes that serve one model, each with its own search, over one mapped file.

uvicorn starts them, starts another for one that dies or hangs, and ends them. A worker opens the
file by itself: the arrays that are used as they lie in it are in memory once for all workers.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uvicorn.supervisors.multiprocess import SIGNALS, Multiprocess

from lookalike.models.model import open_model
from lookalike.web.following import stands_on_a_terminal
from lookalike.web.logs import LOG
from lookalike.web.prometheus import FOLDER
from lookalike.web.security import Limits
from lookalike.web.session import Session

if TYPE_CHECKING:
    import socket

    import uvicorn

_SECONDS = 60  # for a worker to start, and to answer whether it lives


def run_workers(
    config: uvicorn.Config, listening: socket.socket, on_start: Callable[[], Any]
) -> None:
    """Run as many workers as are configured, until SIGINT or SIGTERM.

    ``on_start`` is called when all of them answer; `RuntimeError` if one does not start.
    """
    config.timeout_worker_healthcheck = _SECONDS
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    with tempfile.TemporaryDirectory(prefix="lookalike-metrics-") as folder:
        os.environ[FOLDER] = folder
        try:
            workers = _Workers(config, [listening], on_start)
            workers.run()
        finally:
            del os.environ[FOLDER]
            for number, handler in handlers.items():
                signal.signal(number, handler)
    if not workers.have_started:
        raise RuntimeError(f"a worker did not start within {_SECONDS} seconds; the log says why")


def open_session(path: Path | None, n_jobs: int | None, reject: float, limits: Limits) -> Session:
    """Return the session of a worker."""
    assert path is not None
    try:
        model = open_model(path)
        if n_jobs not in (None, model.estimator.n_jobs):
            model.on_threads(n_jobs)
        if model.is_of_vectors:
            model.open_network()
    except (OSError, ValueError) as error:
        LOG.error("a worker cannot open the model: %s", error)
        sys.exit(1)
    return Session(model, reject=reject, max_images=limits.images, corrects=False)


class _Workers(Multiprocess):
    def __init__(
        self, config: uvicorn.Config, sockets: list[socket.socket], on_start: Callable[[], Any]
    ) -> None:
        super().__init__(config, sockets)
        self._on_start = on_start
        self.have_started = False
        self._on_terminal = stands_on_a_terminal()

    def init_processes(self) -> None:
        super().init_processes()
        if not all(process.wait_until_ready(_SECONDS) for process in self.processes):
            self.should_exit.set()
            return
        self.have_started = True
        self._on_start()

    def handle_hup(self) -> None:
        """Have each worker read the files again, which ends no connection as a restart does."""
        if self._on_terminal and not stands_on_a_terminal():
            self.should_exit.set()
            return
        for process in self.processes:
            if process.pid is not None and process.exitcode is None:
                os.kill(process.pid, signal.SIGHUP)
