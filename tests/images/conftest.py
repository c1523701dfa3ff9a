"""Files and a local server to test the readers and the download with."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lookalike.images import store

IDX_CODES = {"|u1": 0x08, "|i1": 0x09, ">i2": 0x0B, ">i4": 0x0C, ">f4": 0x0D, ">f8": 0x0E}


@pytest.fixture(scope="session")
def idx_bytes() -> Callable[[NDArray[Any]], bytes]:
    """Return a function that writes an array as an IDX file."""

    def write(array: NDArray[Any]) -> bytes:
        array = array.astype(array.dtype.newbyteorder(">"))
        header = bytes([0, 0, IDX_CODES[array.dtype.str], array.ndim])
        return header + np.array(array.shape, ">u4").tobytes() + array.tobytes()

    return write


@pytest.fixture(scope="session")
def small_files(idx_bytes: Callable[[NDArray[Any]], bytes]) -> dict[str, bytes]:
    """Return the four files of a small data set that looks like MNIST, compressed."""
    rng = np.random.default_rng(0)
    files = {}
    for prefix, n in (("train", 40), ("t10k", 10)):
        images = rng.integers(0, 256, (n, 6, 5), dtype=np.uint8)
        labels = (np.arange(n) % 5).astype(np.uint8)
        files[f"{prefix}-images-idx3-ubyte.gz"] = gzip.compress(idx_bytes(images))
        files[f"{prefix}-labels-idx1-ubyte.gz"] = gzip.compress(idx_bytes(labels))
    return files


@pytest.fixture
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Set $LOOKALIKE_DATA and the cache folder to empty folders and return both."""
    own, cache = tmp_path / "own", tmp_path / "cache"
    own.mkdir()
    monkeypatch.setenv("LOOKALIKE_DATA", str(own))
    monkeypatch.setattr(store, "cache_folder", lambda: cache)
    return own, cache


class Mirror:
    """A local web server whose answers a test chooses."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.requests: list[str] = []
        self.truncate_after: int | None = None
        self.stall_after: int | None = None
        self.stalling = threading.Event()
        self.release = threading.Event()
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.answer(body=False)

            def do_GET(self) -> None:
                self.answer(body=True)

            def answer(self, *, body: bool) -> None:
                name = self.path.rpartition("/")[2]
                mirror.requests.append(f"{self.command} {name}")
                if name not in mirror.files:
                    self.send_error(404)
                    return
                content = mirror.files[name]
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if not body:
                    return
                if mirror.truncate_after is not None:
                    content = content[: mirror.truncate_after]
                if mirror.stall_after is not None:
                    self.wfile.write(content[: mirror.stall_after])
                    self.wfile.flush()
                    mirror.stalling.set()
                    mirror.release.wait(30)
                    return
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                """Keep the test's output clean."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/sets/"

    def close(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def make_mirror(small_files: dict[str, bytes]) -> Iterator[Callable[[], Mirror]]:
    """Return a function that starts a mirror of the small data set."""
    mirrors: list[Mirror] = []

    def make() -> Mirror:
        mirrors.append(Mirror(dict(small_files)))
        return mirrors[-1]

    yield make
    for mirror in mirrors:
        mirror.close()
