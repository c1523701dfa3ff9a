"""The server's logs, which are those of `logging`: what happens, and each answer if wanted.

They hold the client, the method and the path of a request. Headers, in which tokens are sent, and
the query, in which labels are, are never logged.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

from starlette.types import Scope

LOG = logging.getLogger("lookalike.serve")
_ACCESS = logging.getLogger("lookalike.access")


def log_config(*, access: bool = False, as_json: bool = False) -> dict[str, Any]:
    """Return a configuration, as `logging.config.dictConfig` takes it, that logs to stderr.

    With ``access`` there is a line for each answer; ``as_json`` makes each line a JSON object.

    Examples
    --------
    >>> log_config()["loggers"]["lookalike.access"]
    {'level': 'WARNING'}
    """
    text = {
        "format": "%(asctime)s %(levelname)s %(message)s",
        "datefmt": "%Y-%m-%dT%H:%M:%S%z",
    }
    of_all = {"handlers": ["stderr"], "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": "lookalike.web.logs.JsonFormatter"} if as_json else text},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "loggers": {
            "lookalike": {**of_all, "level": "INFO"},
            "lookalike.access": {"level": "INFO" if access else "WARNING"},
            "uvicorn": {**of_all, "level": "WARNING"},
        },
    }


class JsonFormatter(logging.Formatter):
    """Makes a JSON object in one line of a record, with the fields of an answer if it has any."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
            **getattr(record, "answer", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def log_answer(scope: Scope, status: int, seconds: float) -> None:
    """Log an answered request."""
    if not _ACCESS.isEnabledFor(logging.INFO):
        return
    client, *_ = scope.get("client") or ("-",)
    method, path = scope["method"], raw_path(scope)
    answer = {
        "client": client,
        "method": method,
        "path": path,
        "status": status,
        "seconds": round(seconds, 6),
    }
    told = "%s %s %s %d %.1f ms"
    _ACCESS.info(told, client, method, path, status, 1000 * seconds, extra={"answer": answer})


def raw_path(scope: Scope) -> str:
    """Return the path as it was sent: decoded, it might have line breaks."""
    return str(scope["raw_path"], "latin-1")
