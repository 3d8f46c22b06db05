"""Structured logs: one JSON object per line on standard error, for the service's events and the server's.

Logs never contain manifest data (names, addresses, goods). To find a decision, search for its ``request_id``.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import structlog


def configure(level: str = "info") -> None:
    """Set up the logs of this process. A second call changes the level only."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, _as_json],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=_StderrFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name, structlog.processors.format_exc_info],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _as_json,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
    # It warns about every malformed byte that a client sends; the client gets an error response already.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    # The middleware writes the access log, including the request id.
    logging.getLogger("uvicorn.access").disabled = True


# `json.dumps` with options creates a new encoder on every call.
_encode = json.JSONEncoder(ensure_ascii=False, default=repr).encode


def _as_json(_: object, __: str, event: structlog.typing.EventDict) -> str:
    return _encode(event)


class _StderrFactory:
    """Create loggers that look up `sys.stderr` when they write: test runners and Typer replace it."""

    def __call__(self, *args: Any) -> structlog.WriteLogger:
        return structlog.WriteLogger(sys.stderr)


def logger() -> Any:
    """Return the service's logger; its methods take an event name and keyword values."""
    return structlog.get_logger("tidewaiter")
