"""``lookalike serve`` in a process of its own, with what it logs."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.processes import python

MAIN = "from lookalike.cli.app import main; main()"


class Operated:
    """A running server: its process, its address, and the lines of its log, which are JSON."""

    def __init__(self, process: subprocess.Popen[str], url: str, log: Path) -> None:
        self.process, self.url, self._log = process, url, log
        self.port = int(url.rstrip("/").rpartition(":")[2])

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def messages(self) -> list[str]:
        return [line["message"] for line in self.log()]

    def ask(self, path: str, body: bytes | None = None, **options: Any) -> Any:
        request = urllib.request.Request(self.url + path, body, {"content-type": "image/png"})
        with urllib.request.urlopen(request, timeout=20, **options) as answer:
            return json.load(answer)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)


@contextmanager
def operated(
    model: Path, *options: str, command: list[str] | None = None, **popen: Any
) -> Iterator[Operated]:
    """Serve a model on a free port, until the block ends."""
    log = model.with_suffix(".log")
    arguments = ["serve", str(model), "--port", "0", "--json", "--log-json", *options]
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [*(command or [*python(), "-c", MAIN]), *arguments],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            **popen,
        )
    assert process.stdout is not None
    try:
        told = ""
        while not told.endswith("}\n"):
            line = process.stdout.readline()
            assert line, log.read_text()
            told += line
        yield Operated(process, json.loads(told)["url"], log)
    finally:
        process.kill()
        process.communicate()


def wait_for(condition: Callable[[], Any], seconds: float = 30) -> Any:
    """Return what the condition returns as soon as that is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
    return found
