"""What every request passes through: its id, its line in the log, its place in the metrics, and the last safety net."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, Final

from service.errors import internal_error_response
from service.identifiers import new_id
from service.logs import logger

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from service.metrics import Metrics

_HEADER: Final = b"x-request-id"
#: Anything else (line breaks above all) could forge lines in somebody's log.
_ACCEPTED_ID: Final = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")

#: In a scope: a request of the service's own, which no log and no metric should show. Clients cannot put it there.
UNOBSERVED: Final = "tidewaiter.unobserved"

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Observed:
    """ASGI middleware: gives each request an id, logs and counts its answer, and turns a failure into a problem.

    ``X-Request-ID`` is echoed when it is 1 to 128 of ``A-Z a-z 0-9 . _ : / + = @ -``, else a new one is made.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, log: Any = None) -> None:
        self._app = app
        self._metrics = metrics
        self._log = logger() if log is None else log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or UNOBSERVED in scope:
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        request_id = _request_id(scope)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        # Handlers put here what the log line should say of them.
        noted: dict[str, object] = {}
        state["noted"] = noted
        status = 0

        def observed_send(message: Message) -> Awaitable[None]:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (_HEADER, request_id.encode("ascii"))]
            return send(message)

        try:
            await self._app(scope, receive, observed_send)
        except Exception as error:
            self._log.error("request_failed", request_id=request_id, path=scope["path"], exc_info=error)
            if status:
                # The answer has begun: only a broken connection still tells the client that it is not whole.
                noted["broken_off"] = True
                raise
            await internal_error_response(scope["path"], request_id)(scope, receive, observed_send)
        finally:
            seconds = time.perf_counter() - began
            route = getattr(scope.get("route"), "path", "unmatched")
            # A client may invent methods without end, a time series each.
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.answered(method, route, status, seconds)
            self._log.info(
                "request",
                request_id=request_id,
                method=scope["method"],
                path=scope["path"],
                status=status,
                ms=round(seconds * 1000, 2),
                **noted,
            )


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == _HEADER:
            text = value.decode("latin-1")
            if _ACCEPTED_ID.fullmatch(text):
                return str(text)
            break
    return new_id()
