"""Routes ``GET /v1/audit``, which lists the entries of the audit chain, and ``GET /v1/served``, what was in service at a time."""

from __future__ import annotations

from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from service.audit.schemas import Served
from service.core.database.times import iso_time
from service.core.http.dependencies import AppDatabase, PlainJson, read_from
from service.core.http.openapi import Scope, needs, problems
from service.core.http.schemas import Answer, answer_of, page_of
from service.scoring.selecting import Time

router = APIRouter(prefix="/v1", tags=["audit"])

#: Default and maximum number of entries per page. A page of 1,000 entries has about 500 kB.
_DEFAULT_LIMIT: Final = 100
_MAX_LIMIT: Final = 1_000
#: Largest number that both databases can hold.
_LAST_NUMBER: Final = 2**63 - 1


class AuditEntryAnswer(Answer):
    """Entry of the chain."""

    number: int = Field(description="Position in the chain, from 1 without gaps", examples=[4711])
    at: str = Field(description="Time, ISO 8601, UTC", examples=["2026-05-04T09:31:12.402113Z"])
    kind: str = Field(description="Kind of event", examples=["decision"])
    subject: str = Field(description="Id of the object of the event", examples=["0b3c7a4e-93a0-4f0e-9f0b-0f4f6e2f3f11"])
    actor: str | None = Field(description="Id of the API key, or the name of the command", examples=[None])
    facts: dict[str, Any] = Field(
        description="Facts that the entry proves, without personal data", examples=[{"lane": "red"}]
    )
    previous: str = Field(description="Digest of the previous entry; zeros for the first", examples=["9f2c..."])
    digest: str = Field(
        description="SHA-256 of the JSON `[number, microseconds since 1970, kind, subject, actor, facts as text, previous]`",
        examples=["c7a9..."],
    )


class AuditEntries(Answer):
    """Page of entries, ordered by number."""

    entries: list[AuditEntryAnswer]
    next: str | None = Field(description="`cursor` of the next page; null on the last page", examples=["100"])


@router.get(
    "/audit",
    name="audit",
    summary="List audit entries",
    response_model=AuditEntries,
    responses=problems(409, 422, 500, 503),
)
@needs(Scope.ADMIN)
async def entries(
    request: Request,
    database: AppDatabase,
    cursor: Annotated[int, Query(ge=0, le=_LAST_NUMBER, description="`next` of the previous page")] = 0,
    limit: Annotated[int, Query(ge=1, le=_MAX_LIMIT, description="Entries per page")] = _DEFAULT_LIMIT,
) -> Response:
    """Return a page of the audit chain, ordered by number. `tidewaiter audit verify` verifies the chain."""
    from service.core.database import audit

    rows = await read_from(database, audit.page, after=cursor, limit=limit + 1)
    return PlainJson(page_of("entries", rows, limit, _entry, "number"))


@router.get(
    "/served",
    name="served",
    summary="Say what was in service at a time",
    response_model=Served,
    responses=problems(409, 422, 500, 503),
)
@needs(Scope.READ)
async def served(
    database: AppDatabase,
    at: Annotated[Time | None, Query(description="ISO 8601; by default now", examples=["2026-05-04T09:30:00Z"])] = None,
) -> Response:
    """Return the model, rules, settings, lists and proposals in force, as the audit chain records them, and what it cannot tell."""
    from service.audit.served import served_at

    return PlainJson(await read_from(database, served_at, at))


def _entry(row: Any) -> dict[str, Any]:
    return answer_of(
        AuditEntryAnswer,
        row,
        at=iso_time(row.at),
        facts=orjson.Fragment(bytes(row.facts)),
        previous=bytes(row.previous).hex(),
        digest=bytes(row.digest).hex(),
    )
