"""Logs: one JSON object a line on standard error, for our own events and for those of the server alike.

Nothing of a manifest is logged: no names, addresses or goods. A decision is found again by its ``request_id``.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any, TextIO, cast

import structlog


def configure(level: str = "info") -> None:
    """Set the process's logs up; repeating it changes nothing but the level."""
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
    # It warns of every odd byte a client sends; the client is told.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    # Our own middleware writes the access log, with the request id in it.
    logging.getLogger("uvicorn.access").disabled = True


# One encoder for all lines: `json.dumps` makes a new one for each call with options.
_encode = json.JSONEncoder(ensure_ascii=False, default=repr).encode


def _as_json(_: object, __: str, event: structlog.typing.EventDict) -> str:
    return _encode(event)


class _StderrFactory:
    """Loggers that look up standard error when they write: test runners and Typer exchange it."""

    def __call__(self, *args: Any) -> structlog.WriteLogger:
        return structlog.WriteLogger(sys.stderr)


def logger() -> Any:
    """The service's logger; its methods take an event name and keyword values."""
    return structlog.get_logger("tidewaiter")


class _Nowhere:
    """A text file that keeps nothing."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""


def silent_logger() -> Any:
    """A logger that makes the lines that `logger` makes and writes them nowhere."""
    return structlog.wrap_logger(structlog.WriteLogger(cast("TextIO", _Nowhere())))
