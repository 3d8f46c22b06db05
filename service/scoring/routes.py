"""``POST /v1/score`` and ``POST /v1/score/batch``: scoring of shipments in JSON, and the direct way to these endpoints.

For a small request, FastAPI's routing, exit stacks and dependency resolution take more time than the rest of the HTTP handling. A
POST to a fixed path with a query string that FastAPI has parsed before does not need them: the middleware calls the endpoint with
the cached options. All other requests go to FastAPI. Routing every request takes 12 to 23 % more processor time per request.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import orjson
from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request, Response

from models.reasons import ENOUGH
from service.core.errors import ServiceError, TooLarge, Unprocessable, error_response
from service.core.examples import EXAMPLE_PRECURSOR, EXAMPLE_SHIPMENT
from service.core.http.bodies import parse_list, parsed, read_json_text
from service.core.http.dependencies import (
    AppBudgets,
    AppSettings,
    EncodedJson,
    PlainJson,
    add_log_fields,
    caller_of,
    is_alone,
    provided,
)
from service.core.http.openapi import Scope, json_body, needs, problems
from service.core.http.streams import ReleasingStream, count_until_sent
from service.core.settings import Settings
from service.scoring.answers import Explain, Options, Outcome
from service.scoring.schemas import BatchScore, Score
from service.scoring.schemas import request_schemas as request_schemas
from service.scoring.scorer import Scorer

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Send
    from starlette.types import Scope as AsgiScope


class QueryCache:
    """Cache of options that FastAPI parsed, by query string. Most requests repeat an earlier query string.

    The cache contains only query strings that FastAPI accepted. Invalid ones always go to FastAPI.
    """

    #: Maximum number of entries, and maximum bytes of a query string. Ordinary clients stay far below both.
    _MAX_ENTRIES: Final = 256
    _MAX_BYTES: Final = 256

    def __init__(self) -> None:
        self._options: dict[bytes, Options] = {}

    def get(self, query: bytes) -> Options | None:
        """Return the options of a query string, or None if it is not cached."""
        return self._options.get(query)

    def put(self, query: bytes, options: Options) -> None:
        """Cache the options of a query string unless it is too long. A full cache is cleared first."""
        if len(query) > self._MAX_BYTES:
            return
        if len(self._options) >= self._MAX_ENTRIES:
            self._options.clear()
        self._options[query] = options


async def file_options(
    settings: AppSettings,
    explain: Annotated[
        Explain | None,
        Query(
            description="Shipments to explain with reasons: none, shown (red and yellow) or all. "
            "Default: the service's setting"
        ),
    ] = None,
    update_history: Annotated[
        bool, Query(description="false: leave the service's history unchanged, for what-if queries")
    ] = True,
) -> Options:
    """Return the options of a request that scores a file, from its query string."""
    return Options(explain or settings.explain, update_history)


FileOptions = Annotated[Options, Depends(file_options)]


async def score_options(
    request: Request,
    options: FileOptions,
    cache: Annotated[QueryCache, provided(QueryCache)],
    actions: Annotated[
        Literal["acas"] | None, Query(description="acas: add the ACAS style referral of the lane")
    ] = None,
    reasons: Annotated[
        int | None,
        Query(
            ge=0,
            le=100,
            description="Number of reasons with a weight; one reason `OTHER` summarises the others. Default: as many as keep "
            "`OTHER` at or below a tenth of what is shown, at most 12",
        ),
    ] = None,
) -> Options:
    """Return the options of a request that scores shipments, from its query string, and cache them."""
    options = replace(options, actions=actions, reasons=ENOUGH if reasons is None else reasons)
    cache.put(request.scope["query_string"], options)
    return options


ScoreOptions = Annotated[Options, Depends(score_options)]


Endpoint = Callable[..., Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class DirectRoute:
    """Route object in the scope of a direct request. Metrics use its ``path`` as a label."""

    path: str
    endpoint: Endpoint


class Direct:
    """ASGI middleware that answers a POST to one of ``endpoints`` (by path) if its query string is in ``cache``.

    Args:
        parts: arguments of each endpoint after the request and the options.
    """

    def __init__(
        self, app: ASGIApp, endpoints: Mapping[str, Endpoint], cache: QueryCache, parts: Sequence[object]
    ) -> None:
        self._app = app
        self._routes = {path: DirectRoute(path, endpoint) for path, endpoint in endpoints.items()}
        self._cache = cache
        self._parts = parts

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        route = self._routes.get(scope.get("path", "")) if scope.get("method") == "POST" else None
        options = None if route is None else self._cache.get(scope["query_string"])
        if route is None or options is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = route
        request = Request(scope, receive)
        try:
            response = await route.endpoint(request, options, *self._parts)
        except ServiceError as error:
            response = error_response(request, error)
        await response(scope, receive, send)


router = APIRouter(prefix="/v1", tags=["scoring"])

AppScorer = Annotated[Scorer, provided(Scorer)]

#: Goods items per part of a streamed answer.
_ROWS_PER_PART: Final = 500


@router.post(
    "/score",
    name="score",
    summary="Score one shipment",
    response_model=Score,
    responses=problems(409, 413, 415, 422, 500, 503),
    openapi_extra=json_body(
        "Shipment",
        {
            "consumer goods": {"summary": "A consumer parcel", "value": EXAMPLE_SHIPMENT},
            "declared precursor": {"summary": "A listed chemical, openly declared", "value": EXAMPLE_PRECURSOR},
        },
    ),
)
@needs(Scope.SCORE)
async def score_one(
    request: Request, options: ScoreOptions, scorer: AppScorer, settings: AppSettings, budgets: AppBudgets
) -> Response:
    """Score one shipment. The answer contains its calibrated risk, its lane, and the evidence for and against.

    An invalid field is scored as missing and reported as a warning. A shipment without `shipment_id`, without a goods item, or
    with a number that is not finite is refused (422).

    With the store on, a shipment that is sent again within 24 hours with the same content gets its first answer unchanged, if model
    and rules are the same. `explain`, `actions` and `reasons` then have no effect. With `update_history=false`, a shipment is
    always scored anew.
    """
    data = await read_json_text(request, settings.max_score_bytes)
    record = await parsed(data)
    if isinstance(record, dict) and isinstance(record.get("items"), list):
        _check_count("items", len(record["items"]), settings.max_items, "goods items")
    answer = await scorer.one(record, options, len(data), caller_of(request), alone=is_alone(request))
    if answer.result is None:
        add_log_fields(request, scored=0, refused=1, model=answer.digest[:12])
        errors = [{"field": problem.field, "problem": problem.problem} for problem in answer.problems]
        problems_text = "; ".join(
            f"{error['field']}: {error['problem']}" if error["field"] else error["problem"] for error in errors
        )
        raise Unprocessable(f"The shipment cannot be read: {problems_text}.", errors=errors)
    if answer.stored is not None:
        add_log_fields(request, scored=1, refused=0, model=answer.digest[:12], decision_id=answer.stored.id)
        return count_until_sent(EncodedJson(answer.stored.answer), budgets.bodies.hold())
    add_log_fields(request, scored=1, refused=0, model=answer.digest[:12], decision_id=answer.result["decision_id"])
    return count_until_sent(PlainJson(answer.result), budgets.bodies.hold())


@router.post(
    "/score/batch",
    summary="Score up to 1,000 shipments",
    response_model=BatchScore,
    responses=problems(409, 413, 415, 422, 500, 503),
    openapi_extra=json_body(
        "Batch", {"two": {"summary": "Two shipments", "value": {"shipments": [EXAMPLE_SHIPMENT, EXAMPLE_PRECURSOR]}}}
    ),
)
@needs(Scope.SCORE)
async def score_batch(
    request: Request, options: ScoreOptions, scorer: AppScorer, settings: AppSettings, budgets: AppBudgets
) -> Response:
    """Score shipments in the order of the request. `rejected` lists unreadable shipments by their index; they do not affect the
    others. The status is 200 if any shipment was scored, otherwise 422. Earlier shipments count as history of later ones, as if all
    had been sent one after the other. A repeated shipment gets its first answer, see `POST /v1/score`.
    """
    with contextlib.ExitStack() as stack:
        # Hold the bytes of the batch until its answer is sent, because scores and answers take more memory than the body.
        hold = stack.enter_context(budgets.bodies.hold())
        data = await read_json_text(request, settings.max_batch_bytes, hold)
        outcome, digest = await scorer.batch_of(
            partial(_records, data, settings), options, len(data), caller_of(request)
        )
        add_log_fields(request, scored=len(outcome), refused=len(outcome.refused), model=digest[:12])
        if not len(outcome):
            raise _nothing_scored(outcome)
        if outcome.bodies is not None:
            parts = _stored_parts(outcome.bodies, outcome)
            if len(outcome) <= _ROWS_PER_PART:
                return count_until_sent(EncodedJson(b"".join(parts)), hold)
            return ReleasingStream(next(parts), parts, stack.pop_all().close, media_type="application/json")
        if not outcome.is_large:
            return count_until_sent(PlainJson({"results": outcome.results, "rejected": _rejected(outcome)}), hold)
        parts = _parts(outcome)
        first = await to_thread.run_sync(next, parts)
        return ReleasingStream(first, parts, stack.pop_all().close, media_type="application/json")


def _records(data: bytes, settings: Settings) -> list[Any]:
    """Return the shipments of a batch.

    Raises:
        Unprocessable: there is no list of shipments, or it is empty.
        TooLarge: there are too many shipments.
    """
    records = parse_list(data, "shipments")
    if not isinstance(records, list):
        problem = 'an object {"shipments": [...]} is needed'
        raise Unprocessable(
            f"The batch cannot be read: {problem}.", errors=[{"field": "shipments", "problem": problem}]
        )
    if not records:
        problem = "at least one shipment is needed"
        raise Unprocessable(f"The batch is empty: {problem}.", errors=[{"field": "shipments", "problem": problem}])
    _check_count("shipments", len(records), settings.max_batch_shipments, "shipments")
    return records


def _rejected(outcome: Outcome) -> list[dict[str, Any]]:
    return [refused.to_json() for refused in outcome.refused]


def _nothing_scored(outcome: Outcome) -> Unprocessable:
    errors = [
        {"field": f"shipments[{refused.index}].{problem.field}".rstrip("."), "problem": problem.problem}
        for refused in outcome.refused
        for problem in refused.problems
    ]
    return Unprocessable("No shipment of the batch can be read.", errors=errors, extra={"rejected": _rejected(outcome)})


def _parts(outcome: Outcome) -> Iterator[bytes]:
    """Yield the parts of the answer to a large batch. Joined, they equal the JSON of `PlainJson`."""
    separator = b'{"results":['
    for answers in outcome.pieces(_ROWS_PER_PART):
        yield separator + orjson.dumps(answers)[1:-1]
        separator = b","
    yield b'],"rejected":' + orjson.dumps(_rejected(outcome)) + b"}"


def _stored_parts(bodies: list[bytes], outcome: Outcome) -> Iterator[bytes]:
    separator = b'{"results":['
    for start in range(0, len(bodies), _ROWS_PER_PART):
        yield separator + b",".join(bodies[start : start + _ROWS_PER_PART])
        separator = b","
    yield b'],"rejected":' + orjson.dumps(_rejected(outcome)) + b"}"


#: Endpoints by path, for `service.scoring.routes`.
ENDPOINTS: Final = {"/v1/score": score_one, "/v1/score/batch": score_batch}


def _check_count(field: str, count: int, limit: int, what: str) -> None:
    if count > limit:
        problem = f"at most {limit:,} {what} are accepted at once, got {count:,}"
        raise TooLarge(f"{field}: {problem}.", errors=[{"field": field, "problem": problem}])
