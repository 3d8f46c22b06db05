"""``/v1/proposals``: rules drafted from finds, which a person accepts or declines."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Final

from anyio import to_thread
from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from service.core.database.times import iso_time, iso_time_or_none, now_us
from service.core.errors import Conflict, NotFound, Unprocessable
from service.core.http.bodies import read_json
from service.core.http.dependencies import AppDatabase, PlainJson, add_log_fields, caller_of, provided, read_from
from service.core.http.openapi import Scope, json_body, needs, problems
from service.core.http.schemas import Answer, Probability, read_request
from service.proposals.current import CurrentProposals
from service.scoring.model_host import ModelHost

router = APIRouter(prefix="/v1/proposals", tags=["proposals"])

_MAX_BYTES: Final = 16 * 1024
ProposalId = Annotated[str, Path(max_length=100, pattern=r"^[^\x00]+$", description="`id` of the proposal")]
Proposals_ = Annotated[CurrentProposals, provided(CurrentProposals)]


class ProposalRequest(BaseModel):
    """Finds to draft from."""

    model_config = ConfigDict(extra="forbid")

    outcome_ids: list[Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00]+$")]] = Field(
        min_length=1, max_length=100, description="Ids of outcomes that are finds, of one scheme"
    )


class ProposalReason(BaseModel):
    """Why a proposal is accepted or declined."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=1_000, pattern=r"^[^\x00]*\S[^\x00]*$")


class BacktestAnswer(Answer):
    """What the proposal would have opened in the past."""

    opened: int = Field(description="Shipments that it would have made red", examples=[12])
    drafted_from: int = Field(description="Those of them from which it was drafted", examples=[2])
    inspected: int = Field(description="Others with a result", examples=[5])
    finds: int = Field(description="Others with a find", examples=[4])
    precision: Probability | None = Field(description="Finds per inspection; null without an inspection")
    low: Probability | None = Field(description="Interval of 90 %")
    high: Probability | None
    already_red: Probability = Field(description="Share of the opened shipments that were red without it")
    shipments: int = Field(description="Shipments on which it was tried", examples=[20_000])
    days: float = Field(description="Days that they cover", examples=[27.9])


class ProposalAnswer(Answer):
    """A proposal."""

    id: str = Field(examples=["0b3c7a4e-93a0-4f0e-9f0b-0f4f6e2f3f11"])
    state: str = Field(description="`drafted`, `accepted`, `declined` or `retired`", examples=["drafted"])
    text: str = Field(description="What the finds share, in plain words")
    conditions: list[dict[str, Any]] = Field(
        description="Conditions of a rule, which must all hold",
        examples=[[{"field": "goods_description", "op": "matches", "value": r"\bflanges\b"}]],
    )
    weight: float = Field(description="Log-lift over other traffic, shrunk for few finds", examples=[4.2])
    until: str = Field(description="When it ends by itself", examples=["2026-08-02T09:31:12Z"])
    floor: Probability = Field(description="It is retired once its precision lies below this", examples=[0.01])
    rule_id: str = Field(description="Id of the rule in answers", examples=["proposal-0b3c7a4e"])
    outcome_ids: list[str]
    backtest: BacktestAnswer
    created_at: str
    created_by: str | None
    decided_at: str | None
    decided_by: str | None
    reason: str | None


class ProposalsAnswer(Answer):
    """Proposals, the latest or best first."""

    proposals: list[ProposalAnswer]


_EXAMPLE: Final = {"outcome_ids": ["5f0c1a52-9a4e-4d0b-8d5b-0c3c5a4f9f10"]}
_REASON: Final = {"reason": "Agreed with the laboratory"}


@router.post(
    "",
    status_code=201,
    summary="Draft rules from finds",
    response_model=ProposalsAnswer,
    responses=problems(409, 413, 415, 422, 500, 503),
    openapi_extra=json_body("ProposalRequest", {"find": {"summary": "One find", "value": _EXAMPLE}}),
)
@needs(Scope.PLAN)
async def propose(request: Request, database: AppDatabase, host: Annotated[ModelHost, provided(ModelHost)]) -> Response:
    """Draft at most three rules: what the finds share and other traffic does not, in at most three conditions, tried on the last
    90 days of the store. No condition is about a country, a place or a party. Nothing is in force before a person accepts it. The
    answer takes some seconds. It has no proposals if the finds share nothing rare.
    """
    from service.proposals import repository
    from service.proposals.past import BadOutcomes

    wanted = read_request(ProposalRequest, await read_json(request, _MAX_BYTES))
    work = partial(
        repository.propose,
        database,
        host.served.model,
        wanted.outcome_ids,
        caller=caller_of(request),
        now=now_us(),
    )
    try:
        proposed = await to_thread.run_sync(work)
    except BadOutcomes as error:
        raise Unprocessable(
            f"outcome_ids: {error}.", errors=[{"field": "outcome_ids", "problem": str(error)}]
        ) from None
    add_log_fields(request, proposals=len(proposed))
    return PlainJson({"proposals": [shown(one) for one in proposed]}, 201)


@router.get("", summary="List proposals", response_model=ProposalsAnswer, responses=problems(409, 422, 500, 503))
@needs(Scope.PLAN)
async def list_proposals(request: Request, database: AppDatabase) -> Response:
    """Return all proposals, the latest first. Those that have ended or find too little are retired first."""
    from service.proposals import repository

    await to_thread.run_sync(repository.retire, database, now_us())
    known = await read_from(database, repository.every)
    return PlainJson({"proposals": [shown(one) for one in known]})


@router.post(
    "/{proposal_id}/accept",
    summary="Accept a proposal",
    response_model=ProposalAnswer,
    responses=problems(404, 409, 413, 415, 422, 500, 503),
    openapi_extra=json_body("ProposalReason", {"accept": {"summary": "A reason", "value": _REASON}}),
)
@needs(Scope.PLAN)
async def accept_proposal(
    request: Request, database: AppDatabase, current: Proposals_, proposal_id: ProposalId
) -> Response:
    """Put a proposal into force, in every worker within a second, until it ends or finds too little."""
    return await _decided(request, database, current, proposal_id, "accepted")


@router.post(
    "/{proposal_id}/decline",
    summary="Decline a proposal",
    response_model=ProposalAnswer,
    responses=problems(404, 409, 413, 415, 422, 500, 503),
    openapi_extra=json_body("ProposalReason", {"decline": {"summary": "A reason", "value": _REASON}}),
)
@needs(Scope.PLAN)
async def decline_proposal(
    request: Request, database: AppDatabase, current: Proposals_, proposal_id: ProposalId
) -> Response:
    """Decline a proposal, or end one that is in force."""
    return await _decided(request, database, current, proposal_id, "declined")


async def _decided(
    request: Request, database: Any, current: CurrentProposals, proposal_id: str, state: Any
) -> Response:
    from service.proposals import repository

    why = read_request(ProposalReason, await read_json(request, _MAX_BYTES)).reason
    work = partial(repository.decide, database, proposal_id, state, why, caller=caller_of(request), now=now_us())
    try:
        proposed = await to_thread.run_sync(work)
    except repository.Unknown as error:
        raise NotFound(f"{error}.") from None
    except repository.NotOpen as error:
        raise Conflict(f"{error}.") from None
    await to_thread.run_sync(current.refresh)
    add_log_fields(request, proposal_id=proposal_id, state=state)
    return PlainJson(shown(proposed))


def shown(one: Any) -> dict[str, Any]:
    """Return a proposal as the API and the command line show it."""
    values = {name: getattr(one, name) for name in ProposalAnswer.model_fields}
    return values | {
        "until": iso_time(one.until),
        "created_at": iso_time(one.created_at),
        "decided_at": iso_time_or_none(one.decided_at),
    }


def request_schemas() -> dict[str, dict[str, Any]]:
    """Return the schemas of request bodies, by component name."""
    return {kind.__name__: kind.model_json_schema() for kind in (ProposalRequest, ProposalReason)}
