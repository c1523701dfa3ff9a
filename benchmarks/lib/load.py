"""Load on an HTTP server, from raw sockets: what a client library would cost is not measured.

Two kinds. A closed loop asks as fast as it is answered, which gives the throughput. An open loop
asks at moments drawn beforehand, whether the answers before have come or not, and measures each
latency from the moment its request was meant to go: a server that stalls is not spared the requests
that would have come meanwhile (Schroeder, Wierman, Harchol-Balter, "Open versus closed: a
cautionary tale", NSDI 2006).
"""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

_CONNECTIONS = 64  # of an open loop, as many as the server answers at once


@dataclass
class Load:
    """What came back.

    Attributes
    ----------
    seconds : float
    latencies : list of float
        Seconds of each request, in the order of the answers.
    statuses : dict of int to int
        How many answers had which status.
    """

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    def milliseconds(self, quantile: float) -> float:
        """A quantile of the latencies."""
        return 1000 * float(np.quantile(self.latencies, quantile))


def request(host: str, port: int, target: str, content_type: str, body: bytes) -> bytes:
    """A POST request as it goes over the wire."""
    head = (
        f"POST {target} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def closed_loop(
    host: str, port: int, requests: Sequence[bytes], *, connections: int, seconds: float
) -> Load:
    """Ask over some connections at once, each as soon as it has its answer."""
    return _run(_closed_loop(host, port, requests, connections, seconds))


def open_loop(
    host: str, port: int, requests: Sequence[bytes], *, rate: float, seconds: float
) -> Load:
    """Ask `rate` times a second on average, at random moments (a Poisson process)."""
    return _run(_open_loop(host, port, requests, rate, seconds))


async def _closed_loop(
    host: str, port: int, requests: Sequence[bytes], connections: int, seconds: float
) -> Load:
    load = Load()
    start = perf_counter()

    async def ask(first: int) -> None:
        connection = await _Connection.to(host, port)
        number = first
        while (now := perf_counter()) < start + seconds:
            load.statuses[await connection.ask(requests[number % len(requests)])] += 1
            load.latencies.append(perf_counter() - now)
            number += connections
        connection.close()

    await asyncio.gather(*map(ask, range(connections)))
    load.seconds = perf_counter() - start
    return load


async def _open_loop(
    host: str, port: int, requests: Sequence[bytes], rate: float, seconds: float
) -> Load:
    load = Load()
    free: asyncio.Queue[_Connection] = asyncio.Queue()
    for _ in range(_CONNECTIONS):
        free.put_nowait(await _Connection.to(host, port))
    gaps = np.random.default_rng(0).exponential(1 / rate, int(rate * seconds))
    moments = np.cumsum(gaps).tolist()
    start = perf_counter()

    async def ask(number: int, meant: float) -> None:
        connection = await free.get()
        load.statuses[await connection.ask(requests[number % len(requests)])] += 1
        load.latencies.append(perf_counter() - meant)
        free.put_nowait(connection)

    running = set()
    for number, moment in enumerate(moments):
        wait = start + moment - perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        task = asyncio.ensure_future(ask(number, start + moment))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)
    load.seconds = perf_counter() - start
    while not free.empty():
        free.get_nowait().close()
    return load


class _Connection(asyncio.Protocol):
    """One connection that is kept; takes as much of HTTP/1.1 as the answers need."""

    def __init__(self) -> None:
        self._buffer = b""
        self._answer: asyncio.Future[int] | None = None

    @classmethod
    async def to(cls, host: str, port: int) -> _Connection:
        _, connection = await asyncio.get_running_loop().create_connection(cls, host, port)
        return connection

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def ask(self, request: bytes) -> asyncio.Future[int]:
        self._answer = asyncio.get_running_loop().create_future()
        if self._transport.is_closing():
            self._answer.set_result(0)
        else:
            self._transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) >= length and self._answer is not None:
            self._buffer = b""
            self._answer.set_result(int(head[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(0)  # no status: cut off

    def close(self) -> None:
        self._transport.close()


def _run(loop: Any) -> Load:
    import uvloop

    # The client's own pauses would be taken for the server's.
    gc.collect()
    gc.freeze()
    found: Load = uvloop.run(loop)
    return found
