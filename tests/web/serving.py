"""A server of a model file in a process of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.processes import python

SCRIPT = """
import sys
from lookalike.models.model import open_model
from lookalike.web.security import Limits
from lookalike.web.serve import serve
path, host, token, seconds = sys.argv[1:5]
serve(
    open_model(path), host=host, port=0, token=token or None, limits=Limits(seconds=float(seconds)),
    on_start=lambda where: print(where.url, where.token, flush=True),
)
print("ended", flush=True)
"""


@contextmanager
def serving(
    path: Path, host: str = "127.0.0.1", token: str = "", *, seconds: float = 30
) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """Serve a model file; give the process, the address and the token.

    A client has some seconds for its request.
    """
    process = subprocess.Popen(
        [*python(), "-c", SCRIPT, str(path), host, token, str(seconds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        url, token = process.stdout.readline().split()
        yield process, url.rstrip("/"), token
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
