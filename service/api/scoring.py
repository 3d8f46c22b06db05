"""``POST /v1/score`` and ``POST /v1/score/batch``: score shipments sent as JSON."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response

from service.api.bodies import read_json
from service.api.dependencies import PlainJson, ScoreOptions, add_log_fields, state_of
from service.api.openapi import json_body, problems
from service.api.schemas import BatchScore, Score
from service.errors import TooLarge, Unprocessable
from service.examples import EXAMPLE_PRECURSOR, EXAMPLE_SHIPMENT

router = APIRouter(prefix="/v1", tags=["scoring"])


@router.post(
    "/score",
    summary="Score one shipment",
    response_model=Score,
    responses=problems(413, 415, 422, 500, 503),
    openapi_extra=json_body(
        "Shipment",
        {
            "consumer goods": {"summary": "A consumer parcel", "value": EXAMPLE_SHIPMENT},
            "declared precursor": {"summary": "A listed chemical, openly declared", "value": EXAMPLE_PRECURSOR},
        },
    ),
)
async def score_one(request: Request, options: ScoreOptions) -> Response:
    """Score one shipment: its calibrated risk, its lane, and the evidence for and against.

    An invalid field is scored as missing and reported as a warning. A shipment without `shipment_id`, without a goods item, or
    with a number that is not finite is refused (422).
    """
    state = state_of(request)
    record = await read_json(request, state.settings.max_score_bytes)
    if isinstance(record, dict) and isinstance(record.get("items"), list):
        _check_count("items", len(record["items"]), state.settings.max_items, "goods items")
    answer = await state.scorer.one(record, options)
    if answer.result is None:
        add_log_fields(request, scored=0, refused=1, model=answer.digest[:12])
        errors = [{"field": problem.field, "problem": problem.problem} for problem in answer.problems]
        problems_text = "; ".join(
            f"{error['field']}: {error['problem']}" if error["field"] else error["problem"] for error in errors
        )
        raise Unprocessable(f"The shipment cannot be read: {problems_text}.", errors=errors)
    add_log_fields(request, scored=1, refused=0, model=answer.digest[:12], decision_id=answer.result["decision_id"])
    return PlainJson(answer.result)


@router.post(
    "/score/batch",
    summary="Score up to 1,000 shipments",
    response_model=BatchScore,
    responses=problems(413, 415, 422, 500, 503),
    openapi_extra=json_body(
        "Batch", {"two": {"summary": "Two shipments", "value": {"shipments": [EXAMPLE_SHIPMENT, EXAMPLE_PRECURSOR]}}}
    ),
)
async def score_batch(request: Request, options: ScoreOptions) -> Response:
    """Score shipments in the order of the request. `rejected` lists those that cannot be read, by their index; they do not
    affect the others. The status is 200 if any shipment was scored and 422 otherwise. Later shipments see earlier ones as
    history, as if they had been sent one after the other.
    """
    state = state_of(request)
    data = await read_json(request, state.settings.max_batch_bytes)
    records = data.get("shipments") if isinstance(data, dict) else None
    if not isinstance(records, list):
        problem = 'an object {"shipments": [...]} is needed'
        raise Unprocessable(
            f"The batch cannot be read: {problem}.", errors=[{"field": "shipments", "problem": problem}]
        )
    if not records:
        problem = "at least one shipment is needed"
        raise Unprocessable(f"The batch is empty: {problem}.", errors=[{"field": "shipments", "problem": problem}])
    _check_count("shipments", len(records), state.settings.max_batch_shipments, "shipments")
    outcome, digest = await state.scorer.batch(records, options)
    add_log_fields(request, scored=len(outcome.results), refused=len(outcome.refused), model=digest[:12])
    rejected = [refused.to_json() for refused in outcome.refused]
    if not outcome.results:
        errors = [
            {"field": f"shipments[{refused.index}].{problem.field}".rstrip("."), "problem": problem.problem}
            for refused in outcome.refused
            for problem in refused.problems
        ]
        raise Unprocessable("No shipment of the batch can be read.", errors=errors, extra={"rejected": rejected})
    return PlainJson({"results": outcome.results, "rejected": rejected})


#: Endpoints by path, for `service.api.direct`.
ENDPOINTS: Final = {"/v1/score": score_one, "/v1/score/batch": score_batch}


def _check_count(field: str, count: int, limit: int, what: str) -> None:
    if count > limit:
        problem = f"at most {limit:,} {what} are accepted at once, got {count:,}"
        raise TooLarge(f"{field}: {problem}.", errors=[{"field": field, "problem": problem}])
