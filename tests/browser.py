"""A real browser that opens a page and tells what happened: headless Chromium.

It is spoken to in the DevTools protocol over a pipe, which needs no package and opens no port.
Every request that the page makes is seen, and so is every line on its console; violations of its
content security policy come there too. A test process starts one browser, as a start takes
seconds; each test that asks for a page gets a tab that shares no storage with the others.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

SILENT = 60
"""Seconds after which a browser that says nothing is taken for dead; tests wait ten for a page."""
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
QUIET = (
    "--headless",
    "--no-sandbox",  # of root in a container
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--hide-scrollbars",
    "--no-first-run",
    "--remote-debugging-pipe",
)

# The browser reads from descriptor 3 and writes to 4.
LAUNCHER = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD_CLOEXEC, 10) for end in sys.argv[1:3]]
os.dup2(ends[0], 3)
os.dup2(ends[1], 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Connection:
    """The pipe to a browser: orders go in, answers and events come out."""

    def __init__(self, send: int, receive: int) -> None:
        self._send, self._receive = send, receive
        self._rest = b""
        self._number = 0

    def order(self, method: str, params: dict[str, Any], session: str | None = None) -> int:
        """Give an order to the browser, or to the tab of a session; return the order's number."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        os.write(self._send, json.dumps(message).encode() + b"\0")
        return self._number

    def next(self) -> dict[str, Any]:
        """Wait for the next answer or event, of whichever tab."""
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._receive], [], [], SILENT)
            assert ready, f"the browser said nothing for {SILENT} s"
            read = os.read(self._receive, 2**16)
            assert read, "the browser ended"
            self._rest += read
        message, _, self._rest = self._rest.partition(b"\0")
        received: dict[str, Any] = json.loads(message)
        return received


class Page:
    """A tab. What it did is in ``console`` (lines of level warning or error) and ``requests``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._session: str | None = None
        self._events: list[dict[str, Any]] = []
        self.console: list[str] = []
        self.requests: list[str] = []
        self._context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call(
            "Target.createTarget", url="about:blank", browserContextId=self._context
        )["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def close(self) -> None:
        """Close the tab and forget its storage."""
        self._session = None
        self.call("Target.disposeBrowserContext", browserContextId=self._context)

    def call(self, method: str, **params: Any) -> Any:
        """Give an order and wait for its answer."""
        number = self._connection.order(method, params, self._session)
        while True:
            answer = self._connection.next()
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self._note(answer)

    def open(self, url: str, *, width: int = 1200, height: int = 900, dark: bool = False) -> None:
        """Load a page, forgetting what was heard of the one before."""
        self.console, self.requests, self._events = [], [], []
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=url)
        while not any(event["method"] == "Page.loadEventFired" for event in self._events):
            self._note(self._connection.next())
        self.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)))")

    def evaluate(self, expression: str) -> Any:
        """Return what an expression of JavaScript gives."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def screenshot(self, path: Path) -> None:
        """Save the whole page as a PNG."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(b64decode(shot["data"]))

    def print_to_pdf(self, path: Path) -> None:
        """Save what a printer would get."""
        printed = self.call(
            "Page.printToPDF", preferCSSPageSize=True, paperWidth=8.27, paperHeight=11.69
        )
        path.write_bytes(b64decode(printed["data"]))

    def _note(self, event: dict[str, Any]) -> None:
        if event.get("sessionId") != self._session:
            return  # another tab's
        method, params = event.get("method"), event.get("params", {})
        self._events.append(event)
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("warning", "error"):
            self.console.append(params["entry"]["text"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("warning", "error"):
            self.console.append(str(params["args"]))
        elif method == "Runtime.exceptionThrown":
            self.console.append(params["exceptionDetails"]["text"])


_started = ExitStack()  # holds what ends the browser
_connections: list[Connection] = []  # the one to the browser, once it is started


@contextmanager
def browser() -> Iterator[Page]:
    """Open a tab, and close it; without Chromium skip, but in CI fail."""
    if not _connections:
        _connections.append(_started.enter_context(_running()))
    page = Page(_connections[0])
    try:
        yield page
    finally:
        page.close()


def end_browser() -> None:
    """End the browser, if a test of this process started it."""
    _connections.clear()
    _started.close()


@contextmanager
def _running() -> Iterator[Connection]:
    if os.name != "posix":
        pytest.skip("the browser is given its pipe as POSIX does it")
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        reason = f"none of {', '.join(NAMES)} is installed"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}; CI must open the page in a real browser")
        pytest.skip(reason)
    to_browser, from_browser = os.pipe(), os.pipe()
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", LAUNCHER, str(to_browser[0]), str(from_browser[1])),
                *(program, *QUIET, f"--user-data-dir={profile}"),
            ],
            pass_fds=(to_browser[0], from_browser[1]),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser[0])
        os.close(from_browser[1])
        try:
            yield Connection(to_browser[1], from_browser[0])
        finally:
            os.close(to_browser[1])  # which ends the browser
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            os.close(from_browser[0])
