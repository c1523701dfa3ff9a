"""HTTP over a connection: uvicorn's protocol, with time limits and a gentle end.

uvicorn waits for ever for the rest of a head or of a refused body, and for a client that does not
read its answer; and when the server ends, it closes connections on which a request may be on its
way.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    from asyncio import TimerHandle

_LINGER = 1.0
"""Seconds in which a connection without a request still takes one when the server ends."""


class Timed(HttpToolsProtocol):
    """The protocol of a connection, on which a request has some seconds to arrive."""

    _timer: TimerHandle | None = None
    _is_in_head = False
    _is_ending = False

    def __init__(self, *args: Any, seconds: float, **options: Any) -> None:
        super().__init__(*args, **options)
        self._seconds = seconds

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head = True
        if self._timer is None:
            self._start_timer()

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        super().on_headers_complete()
        if self._is_ending:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        self._stop_timer()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._start_timer()  # closing waits until the client has read everything

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._start_timer()

    def shutdown(self) -> None:
        """Take the request that may be on its way, and close after its answer."""
        if self._is_ending or not (self.cycle is None or self.cycle.response_complete):
            super().shutdown()
            return
        self._is_ending = True
        self.loop.call_later(_LINGER, self.shutdown)

    def _start_timer(self) -> None:
        self._stop_timer()
        # later than the guard, which sends an answer
        self._timer = self.loop.call_later(self._seconds + 1, self._cut_off)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _cut_off(self) -> None:
        if self._is_in_head and (self.cycle is None or self.cycle.response_complete):
            detail = f"the request's head did not arrive within {self._seconds:g} seconds"
            body = json.dumps({"detail": detail}).encode()
            head = (
                "HTTP/1.1 408 Request Timeout\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
            self.transport.close()
        else:
            self.transport.abort()
