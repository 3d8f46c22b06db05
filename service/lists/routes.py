"""Routes of watch lists, dismissals, suppressions and permits.

The four topics have the same four routes: list, add, import and remove. A change takes effect in every worker within a second.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from service.core.errors import NotAcceptedMedia, NotFound, Unprocessable
from service.core.http.bodies import media_type, read_body, read_json
from service.core.http.dependencies import (
    AppBudgets,
    AppDatabase,
    AppSettings,
    PlainJson,
    add_log_fields,
    caller_of,
    read_from,
)
from service.core.http.openapi import Scope, needs, problems
from service.core.http.schemas import Cursor, page_of
from service.lists.importing import COLUMN_OF, ImportOptions, add_entry, import_csv, shown
from service.lists.matching import DISMISSALS, PERMITS, SUPPRESSIONS, WATCH_ENTRIES, Topic
from service.lists.reading import FORMS, Faulty
from service.lists.schemas import (
    DismissalEntries,
    DismissalEntry,
    ImportedEntries,
    PermitEntries,
    PermitEntry,
    SuppressionEntries,
    SuppressionEntry,
    WatchListEntries,
    WatchListEntry,
)

if TYPE_CHECKING:
    from service.core.database.engine import Database

router = APIRouter(prefix="/v1", tags=["lists"])

_MAX_LIMIT: Final = 1000
#: Maximum number of rejected lines in an answer.
_MAX_REJECTED: Final = 1000
#: Types of an imported file. The second one is for generated clients, which cannot send the first.
_CSV_TYPES: Final = ("text/csv", "application/octet-stream")
Limit = Annotated[int, Query(ge=1, le=_MAX_LIMIT, description="Maximum number of entries per page")]


@dataclass(frozen=True, slots=True)
class _Route:
    """Description of a topic's routes.

    Attributes:
        single, plural: names of one entry and of several entries in the documentation.
        entry, page: schemas of an entry and of a page of entries.
        example: members of a new entry.
    """

    path: str
    single: str
    plural: str
    topic: Topic
    entry: type[BaseModel]
    page: type[BaseModel]
    example: dict[str, Any]


_ROUTES: Final = (
    _Route(
        "/watch-lists",
        "an entry of a watch list",
        "entries of watch lists",
        WATCH_ENTRIES,
        WatchListEntry,
        WatchListEntries,
        {
            "list": "precursor-brokers",
            "kind": "name",
            "text": "Lianhe Novelty Trading",
            "country": "CN",
            "lane": "red",
            "threshold": 90,
            "reason": "Order 2026/14 of the targeting unit",
            "expires_at": "2035-06-30",
        },
    ),
    _Route(
        "/dismissals",
        "a dismissal",
        "dismissals",
        DISMISSALS,
        DismissalEntry,
        DismissalEntries,
        {
            "entry_id": "5f0c1a52-9a4e-4d0b-8d5b-0c3c5a4f9f10",
            "party": "Lianhe Novelties Ltd",
            "reason": "Another firm, seen in person",
        },
    ),
    _Route(
        "/suppressions",
        "a suppression",
        "suppressions",
        SUPPRESSIONS,
        SuppressionEntry,
        SuppressionEntries,
        {
            "rule_id": "press-to-private-person",
            "consignor": "Example Trading Co",
            "reason": "Audited on 2026-11-02",
            "expires_at": "2035-12-31",
        },
    ),
    _Route(
        "/permits",
        "a permit",
        "permits",
        PERMITS,
        PermitEntry,
        PermitEntries,
        {
            "permit_number": "IP-2026-0042",
            "party_name": "Lakeside Pharma Ltd",
            "party_country": "US",
            "valid_from": "2026-01-01",
            "valid_until": "2026-12-31",
            "substance": "fentanyl",
        },
    ),
)


def _add_routes(route: _Route) -> None:
    """Add the routes of a topic."""
    _add_page(route)
    _add_addition(route)
    _add_import(route)
    _add_removal(route)


def _add_page(route: _Route) -> None:
    topic = route.topic

    @router.get(
        route.path,
        name=f"list_{topic.name}",
        summary=f"List {route.plural}",
        response_model=route.page,
        responses=problems(409, 422, 500, 503),
        openapi_extra={"parameters": [_filter_parameter(column) for column in topic.filters]},
    )
    @needs(Scope.READ)
    async def list_entries(
        request: Request, database: AppDatabase, limit: Limit = 100, cursor: Cursor = None
    ) -> Response:
        given = {COLUMN_OF.get(name, name): value for name, value in request.query_params.items()}
        # PostgreSQL cannot store U+0000, so no entry contains it.
        filters = {column: value.replace("\0", "\ufffd") for column, value in given.items() if column in topic.filters}

        from service.lists.repository import page

        rows = await read_from(database, page, topic, filters=filters, after=int(cursor or 0), limit=limit + 1)
        return PlainJson(page_of("entries", rows, limit, partial(shown, topic)))

    list_entries.__doc__ = f"Return {route.plural} that were not removed, in the order of their addition."


def _add_addition(route: _Route) -> None:
    topic, form = route.topic, FORMS[route.topic.name]

    @router.post(
        route.path,
        name=f"add_{topic.name}",
        status_code=201,
        summary=f"Add {route.single}",
        response_model=route.entry,
        responses=problems(409, 413, 415, 422, 500, 503),
        openapi_extra=_json_body(form.members, form.needed, route.example),
    )
    @needs(Scope.PLAN)
    async def add(request: Request, database: AppDatabase, settings: AppSettings) -> Response:
        caller = caller_of(request)
        given = await read_json(request, settings.max_score_bytes)

        def work() -> dict[str, Any]:
            try:
                return add_entry(database, topic, given, caller)
            except Faulty as error:
                raise _unreadable(error) from None

        entry = await asyncio.to_thread(work)
        add_log_fields(request, entry=entry["id"])
        return PlainJson(entry, status_code=201)

    add.__doc__ = f"Add an entry with the members {_quoted(form.members)}. It takes effect within a second."


def _add_import(route: _Route) -> None:
    topic, form = route.topic, FORMS[route.topic.name]

    @router.post(
        f"{route.path}/import",
        name=f"import_{topic.name}",
        summary=f"Import {route.plural} from CSV",
        response_model=ImportedEntries,
        responses=problems(409, 413, 415, 422, 500, 503),
        openapi_extra=_csv_body(form.members, route.example),
    )
    @needs(Scope.PLAN)
    async def import_(
        request: Request,
        database: AppDatabase,
        settings: AppSettings,
        budgets: AppBudgets,
        list_name: Annotated[
            str | None, Query(alias="list", description="Watch lists only: the list of rows without a list name")
        ] = None,
        replace: Annotated[
            bool,
            Query(description="Replace all entries (of watch lists: all entries of `list`) in the same transaction"),
        ] = False,
    ) -> Response:
        caller = caller_of(request)
        kind, _ = media_type(request.headers)
        if kind not in _CSV_TYPES:
            raise NotAcceptedMedia(
                f"Content-Type {kind!r} is not supported; send {_CSV_TYPES[0]}.",
                headers={"Accept": ", ".join(_CSV_TYPES)},
            )
        with budgets.questions.hold() as hold:
            body = await read_body(request, settings.max_batch_bytes, hold)
            options = ImportOptions(list_name or "", replace)
            result = await asyncio.to_thread(_imported, database, topic, body, options, caller)
        add_log_fields(request, added=result["added"], rejected=len(result["rejected"]))
        return PlainJson(result)

    import_.__doc__ = (
        f"Add the rows of a CSV file with the columns {_quoted(form.members)}, in any order. The columns {_quoted(form.needed)} "
        "are required. Invalid lines are skipped and reported."
    )


def _add_removal(route: _Route) -> None:
    topic = route.topic

    @router.delete(
        f"{route.path}/{{id}}",
        name=f"remove_{topic.name}",
        status_code=204,
        summary=f"Remove {route.single}",
        response_class=Response,
        responses=problems(404, 409, 422, 500, 503),
    )
    @needs(Scope.PLAN)
    async def remove(request: Request, database: AppDatabase, id: str) -> Response:
        from service.lists import repository

        caller = caller_of(request)
        removed = await asyncio.to_thread(repository.remove, database, topic, [id.replace("\0", "")], caller)
        if not removed:
            raise NotFound(f"None of the {route.plural} has the id {id[:64]!r}, or it was removed.")
        return Response(status_code=204)

    remove.__doc__ = "Remove an entry. Its row remains in the store, so that earlier decisions can be explained."


def _imported(
    database: Database, topic: Topic, data: bytes, options: ImportOptions, actor: str | None
) -> dict[str, Any]:
    """Import a file, and return `ImportedEntries` as plain values.

    Raises:
        Unprocessable: the file cannot be read, or the name of the list to replace is missing.
    """
    try:
        result = import_csv(database, topic, data, options, actor)
    except Faulty as error:
        raise _unreadable(error) from None
    return {
        "added": result.added,
        "removed": result.removed,
        "rejected": [
            {"line": line, "problems": [{"field": name, "problem": problem} for name, problem in faults]}
            for line, faults in result.rejected[:_MAX_REJECTED]
        ],
    }


def _quoted(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _unreadable(error: Faulty) -> Unprocessable:
    return Unprocessable(
        f"The entries cannot be used: {error}.",
        errors=[{"field": name, "problem": problem} for name, problem in error.faults],
    )


def _filter_parameter(column: str) -> dict[str, Any]:
    name = next((name for name, of in COLUMN_OF.items() if of == column), column)
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": f"Only entries with this {name.replace('_', ' ')}",
        "schema": {"type": "string"},
    }


def _json_body(members: tuple[str, ...], needed: tuple[str, ...], example: dict[str, Any]) -> dict[str, Any]:
    texts: dict[str, Any] = {name: {"type": ["string", "null"]} for name in members}
    if "threshold" in texts:
        texts["threshold"] = {"type": ["number", "string", "null"], "description": "Percent, 60 to 100; default 90"}
    schema = {"type": "object", "required": list(needed), "properties": texts, "additionalProperties": False}
    content = {"application/json": {"schema": schema, "examples": {"one": {"summary": "One entry", "value": example}}}}
    return {"requestBody": {"required": True, "content": content}}


def _csv_body(members: tuple[str, ...], example: dict[str, Any]) -> dict[str, Any]:
    row = ",".join(str(example.get(name, "")) for name in members)
    schema = {
        "type": "string",
        "format": "binary",
        "description": f"CSV, also sent as `text/csv`: `{','.join(members)}`, `{row}`",
    }
    return {"requestBody": {"required": True, "content": {_CSV_TYPES[1]: {"schema": schema}}}}


for _route in _ROUTES:
    _add_routes(_route)
