"""Middleware that requires an API key for all requests except probes and documentation.

It runs before the direct path of scoring, so every request to an endpoint is checked. Refusals disclose no more than RFC 6750
requires. Keys never appear in answers or logs.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from service.core.errors import KeyNeeded, KeysUnread, OverRate, ScopeMissing, ServiceError, problem_response
from service.core.http.scopes import ScopeTable, is_open
from service.core.logs import logger
from service.keys.rates import Failures
from service.keys.ring import HeldKey, KeyRing

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_SCHEME: Final = b"bearer "
#: Address of peers that have no address, as on a Unix socket.
_NO_ADDRESS: Final = "-"


class Authenticated:
    """ASGI middleware that lets a request pass if its key is valid, has the scope of the route, and is within its rate.

    The id of the key becomes ``scope["state"]["caller"]``. A path without a route needs any valid key.
    """

    def __init__(self, app: ASGIApp, ring: KeyRing, table: ScopeTable) -> None:
        self._app = app
        self._ring = ring
        self._table = table
        self._failures = Failures()
        self._log = logger()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                self._check(scope)
            except ServiceError as error:
                request_id = scope.get("state", {}).get("request_id")
                await problem_response(scope["path"], request_id, error.details)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        path = scope["path"]
        needed = self._table.scope_of(scope["method"], path)
        if needed is None and is_open(path):
            return
        entry = self._key_of(scope)
        state = scope["state"]
        state["caller"] = state["log_fields"]["caller"] = entry.key.id
        if needed is not None and needed not in entry.key.scopes:
            raise ScopeMissing(needed)
        if entry.bucket is not None and (wait := entry.bucket.take(time.monotonic())):
            raise OverRate("This key sends more requests than its rate allows.", retry_after=wait)

    def _key_of(self, scope: Scope) -> HeldKey:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        text = given[0] if len(given) == 1 else b""
        if text[: len(_SCHEME)].lower() == _SCHEME:
            entry = self._ring.find(text[len(_SCHEME) :].strip())
            if entry is not None:
                return entry
        raise self._refusal(scope, bool(given))

    def _refusal(self, scope: Scope, has_header: bool) -> ServiceError:
        """Count a failed attempt and return the error. Failed attempts never affect requests with a valid key."""
        if not self._ring.is_complete:
            return KeysUnread()
        client = scope.get("client")
        address = client[0] if client else _NO_ADDRESS
        wait = self._failures.count(address, time.monotonic())
        if wait:
            return OverRate("Too many requests from this address came without a valid key.", retry_after=wait)
        self._log.warning(
            "key_refused",
            request_id=scope["state"].get("request_id"),
            address=address,
            path=scope["path"],
            problem="unknown, expired or revoked" if has_header else "missing",
        )
        return KeyNeeded(unknown=has_header)
