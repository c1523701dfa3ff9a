"""A server of a model file, for a process of its own."""

from multiprocessing.connection import Connection
from pathlib import Path

from lookalike.models.model import open_model
from lookalike.web.serve import serve


def serve_file(path: Path, told: Connection) -> None:
    """Serve a model file until the process is ended, and tell the address."""
    serve(open_model(path), port=0, on_start=lambda where: told.send(where.url))
