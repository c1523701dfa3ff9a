"""The server's certificate, which new connections get as its files have it now."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lookalike.images.files import file_signature


class Certificate:
    """A certificate with its chain, and its key, in PEM files.

    Raises `ValueError` if they cannot be read or do not belong together. A key has no password.
    """

    def __init__(self, chain: Path, key: Path | None = None) -> None:
        self.chain, self.key = chain, key
        self._context: ssl.SSLContext | None = None
        self._signature = file_signature(chain)
        self._load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))

    def options(self) -> dict[str, Any]:
        """Return the options of `uvicorn.Config`."""
        return {
            "ssl_certfile": self.chain,
            "ssl_keyfile": self.key,
            "ssl_context_factory": self._make,
        }

    def _make(self, config: Any, default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
        self._context = default()
        return self._context

    def reload(self, anyway: bool) -> str | None:
        """Read the files again if the first has changed, or anyway; see `Followed`."""
        signature = file_signature(self.chain)
        if not anyway and signature == self._signature:
            return None
        assert self._context is not None
        # Into another context first: what fails half-way leaves one without a key.
        self._load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        self._load(self._context)
        self._signature = signature
        return "new connections get this certificate"

    def _load(self, context: ssl.SSLContext) -> None:
        try:
            context.load_cert_chain(self.chain, self.key, password="")
        except OSError as error:
            files = f"{self.chain}" if self.key is None else f"{self.chain} and {self.key}"
            raise ValueError(
                f"{files}: no certificate with its key ({error.strerror or error}); give PEM files "
                "that belong together, the key without a password"
            ) from error
