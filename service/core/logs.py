"""Structured logs of the service and of uvicorn: one JSON object per line on standard error.

Logs contain no manifest data (names, addresses, goods). Use the ``request_id`` to find the log entry of a decision.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any, TextIO, cast

import structlog


def configure(level: str = "info") -> None:
    """Set up the logs of this process. Further calls change the level only."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, _as_json],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _Stderr())),
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
    # The parser warns about every malformed byte, but the client already gets an error response.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    # The middleware writes an access log with request ids.
    logging.getLogger("uvicorn.access").disabled = True


# One encoder for all calls: `json.dumps` with options creates an encoder per call.
_encode = json.JSONEncoder(ensure_ascii=False, default=repr).encode


def _as_json(_: object, __: str, event: structlog.typing.EventDict) -> str:
    return _encode(event)


class _Stderr:
    """Stream that looks up `sys.stderr` at each write, because test runners and Typer replace it."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def logger() -> Any:
    """Return the service's logger. Its methods take an event name and keyword values."""
    return structlog.get_logger("tidewaiter")


# Commands do not call `configure`, and standard output is for their results.
if not structlog.is_configured():
    structlog.configure(logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _Stderr())))
