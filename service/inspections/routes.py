"""``POST /v1/decisions/{id}/outcome`` and ``.../override``, and the queue with its claims."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request, Response

from service.core.database.times import iso_time, now_us
from service.core.errors import Conflict, NotFound, Unprocessable
from service.core.http.bodies import parse_json, read_body, read_json
from service.core.http.dependencies import AppDatabase, AppSettings, PlainJson, add_log_fields, caller_of, read_from
from service.core.http.openapi import Scope, json_body, needs, problems
from service.core.http.pages import CSV_CONTENT, Format, OpaqueCursor, csv_page, cursor_of, place_of
from service.core.http.schemas import read_request
from service.inspections.schemas import (
    EXAMPLE_CLEAN,
    EXAMPLE_OTHER,
    EXAMPLE_OUTCOME,
    EXAMPLE_OVERRIDE,
    QUEUE_COLUMNS,
    ClaimRequest,
    OutcomeAnswer,
    OutcomeRequest,
    OverrideAnswer,
    OverrideRequest,
    QueueAnswer,
    QueueItem,
    outcome_answer,
    override_answer,
    queue_item,
)
from service.scoring.selecting import Selection, selection_of
from service.scoring.summary import flat

if TYPE_CHECKING:
    from service.inspections.outcomes import NotRecorded
    from service.inspections.queue import Waiting

router = APIRouter(prefix="/v1", tags=["inspections"])

T = TypeVar("T")

#: Largest body. A reason of 1,000 characters takes 6 KB if each is escaped.
_MAX_BYTES: Final = 16 * 1024
_MICROSECONDS: Final = 1_000_000


@router.post(
    "/decisions/{decision_id}/outcome",
    status_code=201,
    summary="Record what an inspection found",
    response_model=OutcomeAnswer,
    responses=problems(404, 409, 413, 415, 422, 500, 503),
    openapi_extra=json_body(
        "OutcomeRequest",
        {
            "find": {"summary": "A find", "value": EXAMPLE_OUTCOME},
            "clean": {"summary": "Inspected and clean", "value": EXAMPLE_CLEAN},
            "other": {"summary": "Other contraband", "value": EXAMPLE_OTHER},
        },
    ),
)
@needs(Scope.OUTCOME)
async def outcome(request: Request, database: AppDatabase, decision_id: str) -> Response:
    """Record the outcome of an inspection. The shipment leaves the queue. The history of its parties includes the outcome from the
    UTC day after `found_at` on, unless it is `other_contraband`, which is neither a find nor clean. A stored outcome never changes:
    a correction is a new outcome whose `corrects` is the id of the corrected one. The answer is 409 if that outcome already has a
    correction.
    """
    from service.inspections import queue as waiting_shipments

    requested = read_request(OutcomeRequest, await read_json(request, _MAX_BYTES))
    work = partial(
        waiting_shipments.record_outcome,
        database,
        decision_id,
        requested.finding(),
        caller=caller_of(request),
        at=now_us(),
        seen=requested.seen,
    )
    recorded = await _recording(work)
    add_log_fields(request, decision_id=decision_id, content=recorded.content)
    return PlainJson(outcome_answer(recorded), 201)


@router.post(
    "/decisions/{decision_id}/override",
    status_code=201,
    summary="Choose another lane",
    response_model=OverrideAnswer,
    responses=problems(404, 409, 413, 415, 422, 500, 503),
    openapi_extra=json_body(
        "OverrideRequest", {"green": {"summary": "No inspection needed", "value": EXAMPLE_OVERRIDE}}
    ),
)
@needs(Scope.OUTCOME)
async def override(request: Request, database: AppDatabase, decision_id: str) -> Response:
    """Choose a lane for a decision, with a reason. The stored decision does not change; the queue uses the lane of the latest
    override. A later decision on the shipment starts without overrides.
    """
    from service.inspections import queue as waiting_shipments

    requested = read_request(OverrideRequest, await read_json(request, _MAX_BYTES))
    work = partial(
        waiting_shipments.record_override,
        database,
        decision_id,
        requested.lane,
        requested.reason,
        caller=caller_of(request),
        at=now_us(),
    )
    overridden = await _recording(work)
    add_log_fields(request, decision_id=decision_id, lane=overridden.lane)
    return PlainJson(override_answer(overridden), 201)


@router.get(
    "/queue",
    summary="Shipments that wait for an inspection",
    response_model=QueueAnswer,
    responses={**CSV_CONTENT, **problems(409, 422, 500, 503)},
)
@needs(Scope.READ)
async def queue(
    request: Request,
    database: AppDatabase,
    selection: Annotated[Selection, Depends(selection_of)],
    held: Annotated[
        bool | None, Query(description="true: only shipments that an officer holds; false: only others")
    ] = None,
    sort: Annotated[
        Literal["riskiest", "newest"],
        Query(
            description="riskiest: red before yellow, then by falling risk, then the oldest first; newest: last received first"
        ),
    ] = "riskiest",
    cursor: OpaqueCursor = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="Shipments per page")] = 100,
    format: Format = "json",
) -> Response:
    """Return a page of the queue: the waiting shipments that meet all filters. It contains shipments with a declaration that is red
    or yellow since the latest override, which counts as one. Shipments with an outcome are left out, unless an override followed.
    """
    from service.inspections import pages

    chosen = (selection, held, sort)
    page = await read_from(
        database,
        pages.waiting,
        selection,
        sort,
        held=held,
        after=place_of(cursor, chosen, pages.kinds_of(sort)),
        limit=limit,
        now=now_us(),
    )
    items = [queue_item(one) for one in page.rows]
    following = None if page.following is None else cursor_of(page.following, chosen)
    if format == "csv":
        return csv_page("queue", QUEUE_COLUMNS, map(flat, items), following)
    return PlainJson({"items": items, "next": following, "total": page.total})


@router.post(
    "/queue/{decision_id}/claim",
    summary="Claim a shipment for inspection",
    response_model=QueueItem,
    responses=problems(404, 409, 413, 415, 422, 500, 503),
    openapi_extra=json_body("ClaimRequest", {"name": {"summary": "Name of the holder", "value": {"by": "desk 3"}}}),
)
@needs(Scope.OUTCOME)
async def claim(request: Request, database: AppDatabase, settings: AppSettings, decision_id: str) -> Response:
    """Hold a shipment of the queue, so that no other officer inspects it. The claim ends after `TIDEWAITER_CLAIM_SECONDS`, with an
    outcome, or with a release; claiming again extends it. If another holder has the claim, the answer is 409 and names the holder.
    The holder is the API key with the name in the body, if any: officers who share a key give their names. Without keys, the name
    is required.
    """
    from service.inspections import queue as waiting_shipments

    holder = await _holder(request)
    now = now_us()
    until = now + round(settings.claim_seconds * _MICROSECONDS)
    claimed = await to_thread.run_sync(
        partial(waiting_shipments.claim, database, decision_id, holder, now=now, until=until)
    )
    return PlainJson(queue_item(_check_holder(holder, claimed, decision_id)))


@router.post(
    "/queue/{decision_id}/release",
    status_code=204,
    summary="Release a claimed shipment",
    response_class=Response,
    responses=problems(404, 409, 413, 415, 422, 500, 503),
    openapi_extra=json_body("ClaimRequest", {"name": {"summary": "Name of the holder", "value": {"by": "desk 3"}}}),
)
@needs(Scope.OUTCOME)
async def release(request: Request, database: AppDatabase, decision_id: str) -> Response:
    """End a claim. Key and name must be those of the claim: the claim of another holder remains, and the answer is 409. Releasing a
    shipment without a claim changes nothing.
    """
    from service.inspections import queue as waiting_shipments

    holder = await _holder(request)
    released = await to_thread.run_sync(partial(waiting_shipments.release, database, decision_id, holder, now=now_us()))
    _check_holder(holder, released, decision_id)
    return Response(status_code=204)


def _check_holder(holder: str, waiting: Waiting | None, decision_id: str) -> Waiting:
    """Return the shipment, unless another holder has it.

    Raises:
        NotFound: the shipment is not in the queue.
        Conflict: another holder has the shipment.
    """
    from service.inspections.queue import parts_of

    if waiting is None:
        raise NotFound(
            f"Decision {decision_id} is not in the queue: it is unknown or green, or its shipment has an outcome."
        )
    if waiting.claimed_by not in (None, holder):
        assert waiting.claimed_until is not None
        until = iso_time(waiting.claimed_until)
        claimed_by, name = parts_of(waiting.claimed_by)
        who = claimed_by if name is None else f"{name} ({claimed_by})"
        raise Conflict(
            f"{who} holds this shipment until {until}.",
            extra={"claimed_by": claimed_by, "by": name, "claimed_until": until},
        )
    return waiting


async def _holder(request: Request) -> str:
    """Return the holder of a claim: the API key, the name in the body, or both.

    Raises:
        Unprocessable: there is neither a key nor a name, or the body cannot be read.
    """
    from service.inspections.queue import holder_of

    caller = caller_of(request)
    data = await read_body(request, _MAX_BYTES)
    name = read_request(ClaimRequest, parse_json(data) if data else {}).by
    if caller is None and name is None:
        problem = "is missing; a service without API keys needs the name of the holder"
        raise Unprocessable(f"by: {problem}.", errors=[{"field": "by", "problem": problem}])
    return holder_of(caller, name)


async def _recording(work: Callable[[], T]) -> T:
    from service.inspections.outcomes import AlreadyCorrected, NewerOutcome, NotRecorded, UnknownDecision

    try:
        return await to_thread.run_sync(work)
    except UnknownDecision as error:
        raise NotFound(f"{str(error).capitalize()}.") from None
    except (AlreadyCorrected, NewerOutcome) as error:
        raise Conflict(f"{error}.", errors=_errors(error)) from None
    except NotRecorded as error:
        raise Unprocessable(f"{error.field}: {error}.", errors=_errors(error)) from None


def _errors(error: NotRecorded) -> list[dict[str, Any]]:
    return [{"field": error.field, "problem": str(error)}]


def request_schemas() -> dict[str, dict[str, Any]]:
    """Return the schemas of request bodies, by component name."""
    return {kind.__name__: kind.model_json_schema() for kind in (OutcomeRequest, OverrideRequest, ClaimRequest)}
