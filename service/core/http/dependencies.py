"""Parts of the application that endpoints ask for with `Depends`, what they read of a request, and their answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar, cast

import orjson
from anyio import to_thread
from fastapi import Depends, FastAPI, Request, Response
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query
from fastapi.routing import APIRoute

from features.readers.headers import nearest
from service.core.errors import StoreOff, UnknownParameter
from service.core.http.limits import Connections
from service.core.http.protocol import STATE as CONNECTIONS
from service.core.http.streams import ByteBudget
from service.core.metrics import Metrics
from service.core.settings import Settings

if TYPE_CHECKING:
    from service.core.database.engine import Database

T = TypeVar("T")

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
    """Call ``query`` in a thread with a connection that reads one state of the database, and return its result."""

    def read() -> T:
        with database.snapshot() as connection:
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


async def known_parameters(request: Request) -> None:
    """Refuse a request with a query parameter that its route lacks. The pages of the documentation accept any.

    Raises:
        UnknownParameter: it names each unknown parameter, and the nearest known one.
    """
    route = request.scope.get("route")
    if not request.scope["query_string"] or not isinstance(route, APIRoute) or not route.include_in_schema:
        return
    described = (route.openapi_extra or {}).get("parameters", ())
    known = [
        *(field.alias for field in get_flat_params(route.dependant) if isinstance(field.field_info, Query)),
        *(parameter["name"] for parameter in described if parameter["in"] == "query"),
    ]
    if unknown := [name for name in dict.fromkeys(request.query_params) if name not in known]:
        raise UnknownParameter({name: next(iter(nearest(name, known, 1)), None) for name in unknown}, known)


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
