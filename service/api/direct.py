"""A way past the framework for requests that come thousands of times.

Routing, exit stacks and the solving of dependencies take longer than all else about answering a small request. None of it is
needed for a path without parameters whose query string FastAPI has read before, so such a request goes straight to its endpoint:
the same function, with the options that FastAPI made of the same bytes. Whatever is new goes the usual way.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from service.errors import ServiceError, error_response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from service.api.dependencies import KnownQueries
    from service.scoring.answers import Options

Endpoint = Callable[[Request, "Options"], Awaitable[Response]]


class DirectRoute:
    """Stands in the scope for the route that was passed by; ``path`` names it in the metrics."""

    __slots__ = ("endpoint", "path")

    def __init__(self, path: str, endpoint: Endpoint) -> None:
        self.path = path
        self.endpoint = endpoint


class Direct:
    """ASGI middleware: answers POSTs to ``endpoints`` (by path) whose query is one of the ``known``; others pass through."""

    def __init__(self, app: ASGIApp, endpoints: Mapping[str, Endpoint], known: KnownQueries) -> None:
        self._app = app
        self._routes = {path: DirectRoute(path, endpoint) for path, endpoint in endpoints.items()}
        self._known = known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._routes.get(scope.get("path", "")) if scope.get("method") == "POST" else None
        options = None if route is None else self._known.get(scope["query_string"])
        if route is None or options is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = route
        request = Request(scope, receive)
        try:
            response = await route.endpoint(request, options)
        except ServiceError as error:
            response = error_response(request, error)
        await response(scope, receive, send)
