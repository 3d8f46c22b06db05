"""What endpoints need: parts of the application by `Depends`, the scope of an API key, what they read of a request, and answers.

An endpoint names its scope beside its route, with `needs`. A service with keys refuses to start if one has none. A key has any set
of scopes; no scope implies another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar, cast

import orjson
from anyio import to_thread
from fastapi import Depends, FastAPI, Request, Response
from fastapi.routing import iter_route_contexts
from starlette.routing import compile_path

from service.core.errors import StoreOff
from service.core.http.limits import Connections
from service.core.http.protocol import STATE as CONNECTIONS
from service.core.http.streams import ByteBudget
from service.core.metrics import Metrics
from service.core.settings import Settings

if TYPE_CHECKING:
    from service.core.database.engine import Database

#: Key of the database among the parts. A service without a store does not load its class.
DATABASE: Final = "database"


@dataclass(frozen=True, slots=True)
class Budgets:
    """Limits on bytes in memory.

    Attributes:
        bodies: the bodies of all batches that are received, scored or answered.
        questions: the same for batches of chemicals and goods and for imports of lists, so that they never block shipments.
        uploads: the uploads that are received, scored or answered.
    """

    bodies: ByteBudget
    questions: ByteBudget
    uploads: ByteBudget


def provide(app: FastAPI, parts: Mapping[Any, object]) -> None:
    """Set the parts of an application. They live as long as it does.

    Args:
        parts: part -> its object. The key is a class, or a name for objects whose class is not loaded or not unique.
    """
    app.state.parts = dict(parts)


def provided(part: Any) -> Any:
    """Return the dependency on a part of the application; None if the application lacks it."""

    async def of(request: Request) -> Any:
        return request.app.state.parts.get(part)

    return Depends(of)


async def _database(request: Request) -> Any:
    database = request.app.state.parts.get(DATABASE)
    if database is None:
        raise StoreOff
    return database


AppSettings = Annotated[Settings, provided(Settings)]
AppMetrics = Annotated[Metrics, provided(Metrics)]
AppBudgets = Annotated[Budgets, provided(Budgets)]
if TYPE_CHECKING:
    AppDatabase = Annotated[Database, Depends(_database)]
else:
    # The database of the store. `StoreOff` is raised if the service has no store.
    AppDatabase = Annotated[Any, Depends(_database)]


async def read_from(database: Database, query: Callable[..., T], *args: Any, **options: Any) -> T:
    """Call ``query`` in a thread with a connection that only reads, and return its result."""

    def read() -> T:
        with database.read() as connection:
            return query(connection, *args, **options)

    return await to_thread.run_sync(read)


def caller_of(request: Request) -> str | None:
    """Return the id of the API key of the request; None if no keys are needed."""
    caller: str | None = request.scope["state"].get("caller")
    return caller


def is_alone(request: Request) -> bool:
    """Return whether no other request can arrive before the answer to this one."""
    connections: Connections | None = request.scope["state"].get(CONNECTIONS)
    return connections is not None and connections.is_single


def add_log_fields(request: Request, **values: object) -> None:
    """Add values to the request's line in the access log."""
    request.scope["state"]["log_fields"].update(values)


class PlainJson(Response):
    """JSON response of plain values, encoded by orjson."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)


class EncodedJson(PlainJson):
    """JSON response of bytes that already are JSON."""

    def render(self, content: Any) -> bytes:
        return cast("bytes", content)


class Scope(StrEnum):
    """Scopes of API keys."""

    SCORE = "score"
    READ = "read"
    OUTCOME = "outcome"
    PLAN = "plan"
    PROMOTE = "promote"
    ADMIN = "admin"


#: What each scope allows, for the documentation of the API.
MEANINGS: Final[Mapping[Scope, str]] = {
    Scope.SCORE: "score shipments and files, and ask about chemicals and goods",
    Scope.READ: "read decisions, queue, jobs, lists, model and metrics",
    Scope.OUTCOME: "record outcomes and overrides, claim and release shipments",
    Scope.PLAN: "change watch lists, dismissals, suppressions and the register of permits",
    Scope.PROMOTE: "promote models; no route needs it yet",
    Scope.ADMIN: "manage keys and webhooks, read the audit chain, erase personal data",
}

#: Attribute of an endpoint with the scope that its route needs.
_ATTRIBUTE: Final = "needed_scope"

T = TypeVar("T")
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


def needs(scope: Scope) -> Callable[[Endpoint], Endpoint]:
    """Return a decorator that gives an endpoint the scope that its route needs. It stands below the decorator of the router."""

    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _ATTRIBUTE, scope)
        return endpoint

    return mark


#: Paths that need no key: probes of orchestrators, and the documentation of the API.
OPEN_PATHS: Final = frozenset({"/healthz", "/readyz", "/docs", "/openapi.json"})
#: Folder of the scripts and styles of the documentation, which need no key.
OPEN_FOLDER: Final = "/docs/static/"


class ScopeTable:
    """Scopes by the method and path of a request."""

    def __init__(self, scopes: Mapping[tuple[str, str], Scope]) -> None:
        self._exact = dict(scopes)
        # Use the router's regular expressions, so that both match the same paths. They also match a path that ends in a line
        # break, which an exact comparison does not.
        self._patterns = [(method, compile_path(path)[0], scope) for (method, path), scope in scopes.items()]

    def scope_of(self, method: str, path: str) -> Scope | None:
        """Return the scope that a request needs; None if no route of the table answers it."""
        scope = self._exact.get((method, path))
        if scope is None:
            for of_method, pattern, candidate in self._patterns:
                if of_method == method and pattern.match(path):
                    return candidate
        return scope


def is_open(path: str) -> bool:
    """Return whether a path needs no key."""
    return path in OPEN_PATHS or path.startswith(OPEN_FOLDER)


def scopes_of(app: FastAPI) -> dict[tuple[str, str], Scope | None]:
    """Return the scope of each route of ``app`` that needs a key, by method and path; None if the endpoint names no scope."""
    scopes: dict[tuple[str, str], Scope | None] = {}
    for route in iter_route_contexts(app.routes):
        path = route.path
        if path is None or is_open(path) or is_open(f"{path}/"):
            continue
        for method in sorted(route.methods or {"any method"}):
            scopes[method, path] = getattr(route.endpoint, _ATTRIBUTE, None)
    return scopes


def checked_scopes(app: FastAPI) -> dict[tuple[str, str], Scope]:
    """Return the scopes of `scopes_of`.

    Raises:
        RuntimeError: an endpoint names no scope, so that any key could use its route.
    """
    scopes = scopes_of(app)
    if missing := [f"{method} {path}" for (method, path), scope in scopes.items() if scope is None]:
        raise RuntimeError(f"Routes without a scope: {', '.join(missing)}")
    return {route: scope for route, scope in scopes.items() if scope is not None}
