"""``GET /v1/decisions`` and ``GET /v1/decisions/{id}``: stored decisions."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import Field, WithJsonSchema

from service.core.database.times import microseconds_of
from service.core.errors import NotFound
from service.core.http.bodies import checked
from service.core.http.dependencies import AppDatabase, PlainJson, read_from
from service.core.http.openapi import Scope, needs, problems
from service.core.http.schemas import Answer, Lane, Probability, answer_of, page_of
from service.inspections.schemas import OutcomeAnswer, OverrideAnswer, outcome_answer, override_answer
from service.scoring.decision import Selection
from service.scoring.schemas import Score

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row


_TIME = "2026-05-04T09:31:12.402113Z"


class DecisionSummary(Answer):
    """Summary of a decision in a list."""

    decision_id: str = Field(examples=["0b3c7a4e-93a0-4f0e-9f0b-0f4f6e2f3f11"])
    shipment_id: str = Field(examples=["HB-2026-000184"])
    received_at: str = Field(description="Time of receipt, ISO 8601, UTC", examples=[_TIME])
    lane: Lane = Field(description="Lane of the answer", examples=["yellow"])
    selected_by: str | None = Field(description="What set the lane; null for a plain green", examples=["score"])
    risk: Probability = Field(examples=[0.000412])
    percentile: Probability = Field(examples=[0.9871])
    channel: str | None = Field(
        description="Code of the channel; the declared text if the channel is unknown", examples=["express"]
    )
    site: str | None = Field(
        description="UN/LOCODE of the unloading location; the declared text if the location is unknown",
        examples=["USJFK"],
    )
    what_if: bool = Field(description="Whether the request left the history unchanged (`update_history=false`)")
    via: str = Field(
        description="How the shipment was scored: score, batch or csv (the routes), job, or file (the command line)",
        examples=["score"],
    )
    caller: str | None = Field(
        description="Id of the API key, or the name of the command; null without keys", examples=[None]
    )
    model_version: str = Field(examples=["1"])
    earlier_id: str | None = Field(
        description="Id of the previous decision on the same shipment; null if it is the first", examples=[None]
    )


class Decisions(Answer):
    """A page of decisions in the order in which they were stored."""

    decisions: list[DecisionSummary]
    next: str | None = Field(description="`cursor` of the next page; null on the last page", examples=["100"])


class Versions(Answer):
    """Versions of model, features and rules that a decision used."""

    model: str = Field(description="Version of the model", examples=["1"])
    model_digest: str = Field(description="SHA-256 of its bundle", examples=["9f2c..."])
    features_digest: str = Field(description="SHA-256 of the ordered names of its features", examples=["41d0..."])
    rules_digest: str | None = Field(description="SHA-256 of the rules; null without rules", examples=["c7a9..."])


class StoredDecision(DecisionSummary):
    """A decision with all its stored data."""

    answer: Score = Field(description="The answer as it was sent; without personal fields after erasure")
    manifest: dict[str, Any] | None = Field(
        description="The manifest as received; for a shipment of a file, the declared texts. Null after erasure"
    )
    versions: Versions
    duration_us: int = Field(description="Duration of scoring in microseconds", examples=[412])
    later: list[str] = Field(description="Ids of later decisions on the same shipment, oldest first", examples=[[]])
    outcomes: list[OutcomeAnswer] = Field(description="Results of inspections, with all corrections", examples=[[]])
    overrides: list[OverrideAnswer] = Field(description="Lanes that officers set, with reasons", examples=[[]])


router = APIRouter(prefix="/v1/decisions", tags=["decisions"])

#: Default and maximum number of decisions per page. A page of 1,000 decisions has about 350 kB.
_DEFAULT_LIMIT: Final = 100
_MAX_LIMIT: Final = 1_000
#: Largest position that both databases can hold.
_LAST_POSITION: Final = 2**63 - 1
#: PostgreSQL cannot store U+0000 in texts.
_TEXT: Final = r"^[^\x00]+$"


def read_time(text: str) -> int:
    """Return a time as microseconds since 1970. A time without an offset is in UTC; a date alone means 00:00.

    Raises:
        ValueError: the text is not a time in ISO 8601.
    """
    try:
        time = dt.datetime.fromisoformat(text.strip())
        return microseconds_of(time if time.tzinfo else time.replace(tzinfo=dt.UTC))
    except (ValueError, OverflowError):
        raise ValueError("is not a time in ISO 8601, such as 2026-05-04T09:30:00Z or 2026-05-04") from None


def _read_cursor(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text[:20]) > _LAST_POSITION:
        raise ValueError("is not a cursor; send the `next` of an earlier page")
    return int(text)


_Time = Annotated[int, checked(read_time), WithJsonSchema({"type": "string", "maxLength": 40})]
_Cursor = Annotated[int, checked(_read_cursor), WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,18}$"})]


def _selection(
    lane: Annotated[Lane | None, Query(description="Lane of the answer")] = None,
    since: Annotated[
        _Time | None, Query(description="Received at or after this time, ISO 8601", examples=["2026-05-04"])
    ] = None,
    until: Annotated[
        _Time | None, Query(description="Received before this time, ISO 8601", examples=["2026-05-05T00:00:00Z"])
    ] = None,
    shipment_id: Annotated[
        str | None,
        Query(
            max_length=1000, pattern=_TEXT, description="Decisions on this shipment only", examples=["HB-2026-000184"]
        ),
    ] = None,
) -> Selection:
    return Selection(lane, since, until, shipment_id)


@router.get("", summary="List decisions", response_model=Decisions, responses=problems(409, 422, 500, 503))
@needs(Scope.READ)
async def decisions(
    request: Request,
    database: AppDatabase,
    selection: Annotated[Selection, Depends(_selection)],
    cursor: Annotated[_Cursor | None, Query(description="`next` of the previous page")] = None,
    limit: Annotated[int, Query(ge=1, le=_MAX_LIMIT, description="Decisions per page")] = _DEFAULT_LIMIT,
) -> Response:
    """Return a page of decisions in the order in which they were stored. New decisions appear on later pages, so pages never repeat
    or omit a decision. `GET /v1/decisions/{decision_id}` returns manifest and answer.
    """
    from service.decisions import repository

    rows = await read_from(database, repository.page, selection, after=cursor or 0, limit=limit + 1)
    return PlainJson(page_of("decisions", rows, limit, _summary))


@router.get(
    "/{decision_id}", summary="One decision", response_model=StoredDecision, responses=problems(404, 409, 422, 500, 503)
)
@needs(Scope.READ)
async def decision(
    request: Request,
    database: AppDatabase,
    decision_id: Annotated[
        str,
        Path(
            max_length=100,
            pattern=_TEXT,
            examples=["0b3c7a4e-93a0-4f0e-9f0b-0f4f6e2f3f11"],
            description="`decision_id`",
        ),
    ],
) -> Response:
    """Return a decision: the answer as it was sent, the manifest as received, the versions of model, features and rules, the ids of
    the previous and all later decisions on the same shipment, outcomes and overrides.
    """
    stored = await read_from(database, _detailed, decision_id)
    if stored is None:
        raise NotFound(f"There is no decision {decision_id!r}.")
    return PlainJson(stored)


def _summary(row: Row[Any]) -> dict[str, Any]:
    return answer_of(DecisionSummary, row, "microseconds", decision_id=row.id)


def _detailed(connection: Connection, decision_id: str) -> dict[str, Any] | None:
    from service.decisions import repository
    from service.inspections import outcomes

    row = repository.one(connection, decision_id)
    if row is None:
        return None
    manifest = row.manifest
    return {
        **_summary(row),
        "answer": orjson.Fragment(bytes(row.answer)),
        "manifest": None if manifest is None else orjson.Fragment(bytes(manifest)),
        "versions": answer_of(Versions, row, model=row.model_version),
        "duration_us": row.duration_us,
        "later": repository.later_ids(connection, row),
        "outcomes": [outcome_answer(one) for one in outcomes.outcomes_of(connection, [row.id]).get(row.id, [])],
        "overrides": [override_answer(one) for one in outcomes.overrides_of(connection, [row.id]).get(row.id, [])],
    }
