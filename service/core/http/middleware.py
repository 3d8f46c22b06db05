"""Middleware for all requests: request id, access log, metrics, security headers, and responses to unexpected exceptions."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Iterable
from typing import TYPE_CHECKING, Final

from service.core.errors import internal_error_response
from service.core.identifiers import new_ids
from service.core.logs import logger
from service.core.metrics import Metrics

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADER: Final = b"x-request-id"
#: Allowed request ids. Other characters, such as line breaks, could forge log lines.
_ACCEPTED_ID: Final = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")

#: Headers of every answer. Answers may contain personal data, so browsers must not store or render them, or guess another type.
SECURITY_HEADERS: Final[tuple[tuple[bytes, bytes], ...]] = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Observed:
    """ASGI middleware that assigns request ids, logs and counts requests, and handles unexpected exceptions.

    ``X-Request-ID`` is echoed if it consists of 1 to 128 characters of ``A-Z a-z 0-9 . _ : / + = @ -``; otherwise a new id is
    generated. Endpoints add fields to the log line in ``scope["state"]["log_fields"]``.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics
        # Bind once, because structlog's proxy would bind on every call.
        self._log = logger().bind()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = _request_id(scope)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        log_fields: dict[str, object] = {}
        state["log_fields"] = log_fields
        status = 0

        def observed_send(message: Message) -> Awaitable[None]:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _with_headers(message.get("headers", ()), request_id)
            return send(message)

        try:
            await self._app(scope, receive, observed_send)
        except Exception as error:
            self._log.error("request_failed", request_id=request_id, path=scope["path"], exc_info=error)
            if status:
                # The response has started. Only a closed connection can signal that it is incomplete.
                log_fields["broken_off"] = True
                raise
            await internal_error_response(scope["path"], request_id)(scope, receive, observed_send)
        finally:
            seconds = time.perf_counter() - started
            route = getattr(scope.get("route"), "path", "unmatched")
            # Limit the number of time series, because clients can send arbitrary methods.
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.answered(method, route, status, seconds)
            self._log.info(
                "request",
                request_id=request_id,
                method=scope["method"],
                path=scope["path"],
                status=status,
                ms=round(seconds * 1000, 2),
                **log_fields,
            )


def _with_headers(given: Iterable[tuple[bytes, bytes]], request_id: str) -> list[tuple[bytes, bytes]]:
    """Return the headers of an answer with the request id and `SECURITY_HEADERS`. Keep the answer's own Content-Security-Policy."""
    headers = [*given, (_HEADER, request_id.encode("ascii"))]
    if any(name == b"content-security-policy" for name, _ in headers):
        return headers + [header for header in SECURITY_HEADERS if header[0] != b"content-security-policy"]
    headers += SECURITY_HEADERS
    return headers


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == _HEADER:
            text = value.decode("latin-1")
            if _ACCEPTED_ID.fullmatch(text):
                return str(text)
            break
    return new_ids(1)[0]
