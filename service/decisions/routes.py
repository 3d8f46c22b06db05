"""``GET /v1/decisions`` and ``GET /v1/decisions/{id}``: stored decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import orjson
from anyio import to_thread
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import Field

from service.core.errors import NotFound
from service.core.http.dependencies import AppDatabase, PlainJson, read_from
from service.core.http.openapi import Scope, needs, problems
from service.core.http.pages import CSV_CONTENT, Format, OpaqueCursor, csv_page, cursor_of, place_of
from service.core.http.schemas import Answer, Lane, Probability, answer_of
from service.inspections.schemas import Content, OutcomeAnswer, OverrideAnswer, outcome_answer, override_answer
from service.scoring.schemas import Score
from service.scoring.selecting import TEXT, Selection, selection_of
from service.scoring.summary import FLAT, Summary, flat, summary_of

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row


_TIME = "2026-05-04T09:31:12.402113Z"


class ListedDecision(Answer):
    """Columns of a decision."""

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


class DecisionSummary(Summary, ListedDecision):
    """Summary of a decision in a list."""


class Decisions(Answer):
    """A page of decisions."""

    decisions: list[DecisionSummary]
    next: str | None = Field(description="`cursor` of the next page; null on the last page", examples=[None])
    total: int = Field(description="Number of decisions on all pages", examples=[1])


class Versions(Answer):
    """Versions of model, features and rules that a decision used."""

    model: str = Field(description="Version of the model", examples=["1"])
    model_digest: str = Field(description="SHA-256 of its bundle", examples=["9f2c..."])
    features_digest: str = Field(description="SHA-256 of the ordered names of its features", examples=["41d0..."])
    rules_digest: str | None = Field(description="SHA-256 of the rules; null without rules", examples=["c7a9..."])


class EarlierFind(Answer):
    """A find in an earlier shipment with the same party, address or contact."""

    decision_id: str = Field(examples=["0b3c1d20-5c1e-7d55-8b1a-2a9d3f0c6e41"])
    shipment_id: str = Field(examples=["HB-2026-000187"])
    content: Content = Field(examples=["fentanyl"])
    substance: str | None = Field(examples=["4-fluorofentanyl"])
    found_at: str = Field(examples=["2026-04-12T08:40:00Z"])
    shared: list[str] = Field(
        description="What both shipments have in common: `consignor`, `consignee`, `address`, `consignor_phone`, "
        "`consignor_email`, `consignee_phone`, `consignee_email`",
        examples=[["consignee", "address"]],
    )


class StoredDecision(ListedDecision):
    """A decision with all its stored data."""

    answer: Score = Field(description="The answer as it was sent; without personal fields after erasure")
    manifest: dict[str, Any] | None = Field(
        description="The manifest as received; for a shipment of a file, the declared texts. Null after erasure"
    )
    versions: Versions
    duration_us: int = Field(description="Duration of scoring in microseconds", examples=[412])
    later: list[str] = Field(description="Ids of later decisions on the same shipment, oldest first", examples=[[]])
    finds: list[EarlierFind] | None = Field(
        description="If a reason is `EARLIER_FINDS` or `LINKED_FINDS`: the latest finds, at most 5, known when this decision was "
        "made. Corrected finds and erased shipments are left out. Null while the index of decisions is being built"
    )
    outcomes: list[OutcomeAnswer] = Field(description="Results of inspections, with all corrections", examples=[[]])
    overrides: list[OverrideAnswer] = Field(description="Lanes that officers set, with reasons", examples=[[]])


router = APIRouter(prefix="/v1/decisions", tags=["decisions"])

#: Default and maximum number of decisions per page. A page of 1,000 decisions has about 700 kB.
_DEFAULT_LIMIT: Final = 100
_MAX_LIMIT: Final = 1_000


@router.get(
    "", summary="List decisions", response_model=Decisions, responses={**CSV_CONTENT, **problems(409, 422, 500, 503)}
)
@needs(Scope.READ)
async def decisions(
    request: Request,
    database: AppDatabase,
    selection: Annotated[Selection, Depends(selection_of)],
    sort: Annotated[
        Literal["newest", "oldest", "riskiest"],
        Query(description="By the order in which they were stored, or by risk"),
    ] = "newest",
    cursor: OpaqueCursor = None,
    limit: Annotated[int, Query(ge=1, le=_MAX_LIMIT, description="Decisions per page")] = _DEFAULT_LIMIT,
    format: Format = "json",
) -> Response:
    """Return a page of the decisions that meet all filters. The pages together are the decisions that were stored when the first
    page was read, each once; with `sort=oldest` those that arrive meanwhile follow. `GET /v1/decisions/{decision_id}` returns
    manifest and answer.
    """
    from service.decisions import repository

    after = place_of(cursor, (selection, sort), repository.kinds_of(sort))
    page = await read_from(database, repository.page, selection, sort, after=after, limit=limit)
    following = None if page.following is None else cursor_of(page.following, (selection, sort))
    rows = await to_thread.run_sync(lambda: [summary(row) for row in page.rows])
    if format == "csv":
        return csv_page("decisions", [*ListedDecision.model_fields, *FLAT], map(flat, rows), following)
    return PlainJson({"decisions": rows, "next": following, "total": page.total})


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
            pattern=TEXT,
            examples=["0b3c7a4e-93a0-4f0e-9f0b-0f4f6e2f3f11"],
            description="`decision_id`",
        ),
    ],
) -> Response:
    """Return a decision: the answer as it was sent, the manifest as received, the versions of model, features and rules, the ids of
    the previous and all later decisions on the same shipment, the earlier finds that its reasons count, outcomes and overrides.
    """
    stored = await read_from(database, _detailed, decision_id)
    if stored is None:
        raise NotFound(f"There is no decision {decision_id!r}.")
    return PlainJson(stored)


def summary(row: Row[Any]) -> dict[str, Any]:
    """Return the JSON of `DecisionSummary` of a row of `service.decisions.repository.SUMMARY`."""
    return _listed(row) | summary_of(row.manifest, row.answer)


def _listed(row: Row[Any]) -> dict[str, Any]:
    from service.scoring.tables import versions_of

    return answer_of(ListedDecision, row, "microseconds", decision_id=row.id, model_version=versions_of(row).model)


def _detailed(connection: Connection, decision_id: str) -> dict[str, Any] | None:
    from service.decisions import repository
    from service.decisions.finds import finds_before
    from service.inspections import outcomes
    from service.scoring.tables import versions_of

    row = repository.one(connection, decision_id)
    if row is None:
        return None
    manifest, finds = row.manifest, finds_before(connection, row)
    return {
        **_listed(row),
        "answer": orjson.Fragment(bytes(row.answer)),
        "manifest": None if manifest is None else orjson.Fragment(bytes(manifest)),
        "versions": versions_of(row)._asdict() | {"features_digest": repository.features_of(connection, row)},
        "duration_us": row.duration_us,
        "later": repository.later_ids(connection, row),
        "finds": None if finds is None else [answer_of(EarlierFind, one) for one in finds],
        "outcomes": [outcome_answer(one) for one in outcomes.outcomes_of(connection, [row.id]).get(row.id, [])],
        "overrides": [override_answer(one) for one in outcomes.overrides_of(connection, [row.id]).get(row.id, [])],
    }
