"""Options of requests that score, and the direct way to the endpoints for options that were parsed before.

For a small request, FastAPI's routing, exit stacks and dependency resolution take more time than the rest of the HTTP handling. A
POST to a fixed path with a query string that FastAPI has parsed before does not need them: the middleware calls the endpoint with
the cached options. All other requests go to FastAPI. Routing every request takes 12 to 23 % more processor
time per request.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Final, Literal

from fastapi import Depends, Query, Request, Response

from service.core.errors import ServiceError, error_response
from service.core.http.dependencies import AppSettings, provided
from service.scoring.answers import Explain, Options

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class QueryCache:
    """Cache of options that FastAPI parsed, by query string. Most requests repeat an earlier query string.

    The cache contains only query strings that FastAPI accepted. Invalid ones always go to FastAPI.
    """

    #: Maximum number of entries, and maximum bytes of a query string. Ordinary clients stay far below both.
    _MAX_ENTRIES: Final = 256
    _MAX_BYTES: Final = 256

    def __init__(self) -> None:
        self._options: dict[bytes, Options] = {}

    def get(self, query: bytes) -> Options | None:
        """Return the options of a query string, or None if it is not cached."""
        return self._options.get(query)

    def put(self, query: bytes, options: Options) -> None:
        """Cache the options of a query string unless it is too long. A full cache is cleared first."""
        if len(query) > self._MAX_BYTES:
            return
        if len(self._options) >= self._MAX_ENTRIES:
            self._options.clear()
        self._options[query] = options


async def file_options(
    settings: AppSettings,
    explain: Annotated[
        Explain | None,
        Query(
            description="Shipments to explain with reasons: none, shown (red and yellow) or all. "
            "Default: the service's setting"
        ),
    ] = None,
    update_history: Annotated[
        bool, Query(description="false: leave the service's history unchanged, for what-if queries")
    ] = True,
) -> Options:
    """Return the options of a request that scores a file, from its query string."""
    return Options(explain or settings.explain, update_history)


FileOptions = Annotated[Options, Depends(file_options)]


async def score_options(
    request: Request,
    options: FileOptions,
    cache: Annotated[QueryCache, provided(QueryCache)],
    actions: Annotated[
        Literal["acas"] | None, Query(description="acas: add the ACAS style referral of the lane")
    ] = None,
    reasons: Annotated[
        int,
        Query(ge=0, le=100, description="Number of reasons with a weight; one reason `OTHER` summarises the others"),
    ] = 5,
) -> Options:
    """Return the options of a request that scores shipments, from its query string, and cache them."""
    options = replace(options, actions=actions, reasons=reasons)
    cache.put(request.scope["query_string"], options)
    return options


ScoreOptions = Annotated[Options, Depends(score_options)]


Endpoint = Callable[..., Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class DirectRoute:
    """Route object in the scope of a direct request. Metrics use its ``path`` as a label."""

    path: str
    endpoint: Endpoint


class Direct:
    """ASGI middleware that answers a POST to one of ``endpoints`` (by path) if its query string is in ``cache``.

    Args:
        parts: arguments of each endpoint after the request and the options.
    """

    def __init__(
        self, app: ASGIApp, endpoints: Mapping[str, Endpoint], cache: QueryCache, parts: Sequence[object]
    ) -> None:
        self._app = app
        self._routes = {path: DirectRoute(path, endpoint) for path, endpoint in endpoints.items()}
        self._cache = cache
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._routes.get(scope.get("path", "")) if scope.get("method") == "POST" else None
        options = None if route is None else self._cache.get(scope["query_string"])
        if route is None or options is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = route
        request = Request(scope, receive)
        try:
            response = await route.endpoint(request, options, *self._parts)
        except ServiceError as error:
            response = error_response(request, error)
        await response(scope, receive, send)
