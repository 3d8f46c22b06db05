"""Middleware of all requests: their ids, metrics and log lines, and the refusal of requests sent by web pages of other sites.

A page can reach a service on the machine or network of its visitor in two ways. Its own host name may resolve to the address of the
service (DNS rebinding); the Host header shows this. Or its forms or scripts send requests; the Origin header shows this.
"""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Awaitable, Iterable
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from service.core.errors import Forbidden, Misdirected, ServiceError, internal_error_response, problem_response
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
    """Return the headers of an answer with the request id and `SECURITY_HEADERS`. Keep those that the answer has of its own."""
    headers = [*given, (_HEADER, request_id.encode("ascii"))]
    own = {name for name, _ in headers}
    return headers + [header for header in SECURITY_HEADERS if header[0] not in own]


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == _HEADER:
            text = value.decode("latin-1")
            if _ACCEPTED_ID.fullmatch(text):
                return str(text)
            break
    return new_ids(1)[0]


#: Methods that change nothing.
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
#: Values of Sec-Fetch-Site in requests of the service's own pages, or of no page.
_OWN_SITES: Final = frozenset({b"same-origin", b"none"})
#: Limits of the cache of accepted Host headers: number of values, and bytes of a value.
_MOST_HOSTS: Final = 256
_LONGEST_HOST: Final = 256


class Guarded:
    """ASGI middleware that checks Host on all requests, and Origin on those that may write.

    Args:
        hosts: host names of the service. ``localhost`` and IP addresses are always accepted, because a page cannot
            choose what they resolve to. ``*`` accepts any name.
        origins: other origins whose pages may write, such as ``https://console.example``.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str], origins: Iterable[str]) -> None:
        self._app = app
        self._hosts = frozenset({"localhost", *(host.lower() for host in hosts)})
        self._origins = frozenset(origin.rstrip("/").lower().encode() for origin in origins)
        self._accepted: set[bytes] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                self._check(scope)
            except ServiceError as error:
                state = scope.get("state", {})
                await problem_response(scope["path"], state.get("request_id"), error.details)(scope, receive, send)
                return
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1003})
            return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        host = origin = site = None
        hosts = 0
        for name, value in scope["headers"]:
            if name == b"host":
                host = value
                hosts += 1
            elif name == b"origin":
                origin = value
            elif name == b"sec-fetch-site":
                site = value
        if host not in self._accepted or hosts > 1:
            self._check_host(host, hosts, scope["http_version"])
        if (origin is not None or site is not None) and scope["method"] not in _SAFE:
            self._check_origin(origin, site, host)

    def _check_host(self, host: bytes | None, hosts: int, version: str) -> None:
        if host is None and version == "1.0":
            return
        if hosts != 1 or host is None:
            raise Misdirected("The request needs exactly one Host header.")
        if "*" not in self._hosts and not self._is_accepted(host):
            raise Misdirected(
                "The name in the Host header is not one of this service; administrators add it to TIDEWAITER_ALLOWED_HOSTS."
            )
        if len(host) <= _LONGEST_HOST and len(self._accepted) < _MOST_HOSTS:
            self._accepted.add(host)

    def _is_accepted(self, host: bytes) -> bool:
        try:
            name = urlsplit("//" + host.decode("ascii")).hostname or ""
            if name in self._hosts:
                return True
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _check_origin(self, origin: bytes | None, site: bytes | None, host: bytes | None) -> None:
        if origin is not None:
            lower = origin.lower()
            own = host is not None and lower.partition(b"://")[2] == host.lower()
            if own or lower in self._origins:
                return
        elif site in _OWN_SITES:
            return
        raise Forbidden("A page of another site may not send this request.")
