"""Middleware that refuses requests sent by web pages of other sites.

A page can reach a service on the machine or network of its visitor in two ways. Its own host name may resolve to the address of the
service (DNS rebinding); the Host header shows this. Or its forms or scripts send requests; the Origin header shows this.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from service.core.errors import Forbidden, Misdirected, ServiceError, problem_response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

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
