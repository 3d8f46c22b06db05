"""``/v1/webhooks``: addresses that receive messages about decisions, jobs, outcomes and list hits, and their deliveries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from anyio import to_thread
from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from service.core.database.times import iso_time_or_none, now_us
from service.core.errors import NotFound, Unprocessable
from service.core.http.bodies import read_json
from service.core.http.dependencies import (
    AppDatabase,
    AppSettings,
    PlainJson,
    add_log_fields,
    caller_of,
    provided,
    read_from,
)
from service.core.http.openapi import Scope, needs, problems
from service.core.http.schemas import Answer, Cursor, answer_of, page_of
from service.webhooks.sending import Policy, Refused, check_url, policy_of

if TYPE_CHECKING:
    from service.webhooks.repository import Outbox

#: Key of the outbox among the parts of the application.
OUTBOX = "outbox"
if TYPE_CHECKING:
    AppOutbox = Annotated[Outbox, provided(OUTBOX)]
else:
    AppOutbox = Annotated[Any, provided(OUTBOX)]

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])

#: Bytes of a request, and characters of a description.
_MAX_BODY_BYTES = 16 << 10
_MAX_TEXT = 300
_NOT_THERE = "There is no such webhook, or it was removed."


Event = Literal["decision.red", "decision.yellow", "job.done", "job.failed", "outcome.recorded", "list.hit"]


class WebhookDescription(Answer):
    """An address that receives messages."""

    id: str = Field(examples=["5f0c1a52-9a4e-4d0b-8d5b-0c3c5a4f9f10"])
    url: str = Field(examples=["https://office.example/tidewaiter"])
    description: str = Field(examples=["Duty officer"])
    events: list[Event] = Field(description="Kinds of its messages", examples=[["decision.red", "list.hit"]])
    added_by: str | None
    added_at: str
    failing_since: str | None = Field(
        description="First failure since the last success; null while messages are accepted"
    )
    problem: str | None = Field(description="Why the latest message was not accepted; null if it was")
    disabled_at: str | None = Field(description="When the address was disabled, after three days without a success")


class NewWebhook(WebhookDescription):
    """A new address with its secret, which is shown only once."""

    secret: str = Field(description="Key of the signatures", examples=["whsec_..."])


class Webhooks(Answer):
    """All addresses."""

    webhooks: list[WebhookDescription]


class DeliveryDescription(Answer):
    """One message to one address."""

    id: str
    event: Event
    decision_id: str | None = Field(description="Null for a message about a job")
    state: Literal["waiting", "delivered", "failed"]
    created_at: str
    attempts: int
    next_at: str | None = Field(description="Time of the next attempt; null unless the message waits")
    status: int | None = Field(description="HTTP status of the latest answer")
    problem: str | None
    delivered_at: str | None


class Deliveries(Answer):
    """A page of messages, latest first."""

    deliveries: list[DeliveryDescription]
    next: str | None = Field(description="`cursor` of the next page; null on the last page")


def _webhook(row: Any, schema: type[WebhookDescription] = WebhookDescription) -> dict[str, Any]:
    return answer_of(schema, row, events=row.events.split(","))


def _delivery(row: Any) -> dict[str, Any]:
    from service.webhooks.repository import WAITING

    next_at = iso_time_or_none(row.next_at if row.state == WAITING else None)
    return answer_of(DeliveryDescription, row, next_at=next_at, decision_id=row.decision_id or None)


_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["url"],
                    "properties": {
                        "url": {"type": "string", "description": "https, without user and fragment"},
                        "description": {"type": ["string", "null"], "maxLength": _MAX_TEXT},
                        "events": {
                            "type": "array",
                            "items": {"enum": list(get_args(Event))},
                            "minItems": 1,
                            "default": ["decision.red"],
                            "description": "Kinds of messages: decisions by lane, ended jobs, outcomes, hits on watch lists",
                        },
                    },
                    "additionalProperties": False,
                },
                "examples": {
                    "one": {
                        "summary": "The duty officer",
                        "value": {
                            "url": "https://office.example/tidewaiter",
                            "description": "Duty officer",
                            "events": ["decision.red", "list.hit"],
                        },
                    }
                },
            }
        },
    }
}


def _read(given: object, policy: Policy) -> tuple[str, str, list[str]]:
    """Return URL, description and kinds of messages.

    Raises:
        Unprocessable: a member is invalid, unknown or missing.
    """
    members: dict[str, Any] = given if isinstance(given, dict) else {}
    errors = [
        {"field": str(name)[:_MAX_TEXT], "problem": "is unknown; expected url, description, events"}
        for name in members
        if name not in ("url", "description", "events")
    ]
    url, description = members.get("url"), members.get("description") or ""
    if not isinstance(url, str):
        errors.append({"field": "url", "problem": "is missing"})
    else:
        try:
            check_url(url, policy)
        except Refused as error:
            errors.append({"field": "url", "problem": str(error)})
    if not isinstance(description, str) or len(description) > _MAX_TEXT or not description.isprintable():
        errors.append(
            {"field": "description", "problem": f"must be a text of at most {_MAX_TEXT} printable characters"}
        )
    events = members.get("events", ["decision.red"])
    if not isinstance(events, list) or not events or not all(event in get_args(Event) for event in events):
        errors.append({"field": "events", "problem": f"must be a list of one or more of {', '.join(get_args(Event))}"})
    if errors:
        problems = "; ".join(f"{error['field']}: {error['problem']}" for error in errors)
        raise Unprocessable(f"The webhook cannot be used: {problems}.", errors=errors)
    return str(url), str(description), list(events)


@router.get("", summary="List webhooks", response_model=Webhooks, responses=problems(409, 500, 503))
@needs(Scope.ADMIN)
async def list_webhooks(request: Request, database: AppDatabase) -> Response:
    """Return all addresses, without their secrets."""
    from service.webhooks import repository

    rows = await read_from(database, repository.webhooks)
    return PlainJson({"webhooks": [_webhook(row) for row in rows]})


@router.post(
    "",
    status_code=201,
    summary="Add a webhook",
    response_model=NewWebhook,
    responses=problems(409, 413, 415, 422, 500, 503),
    openapi_extra=_BODY,
)
@needs(Scope.ADMIN)
async def add_webhook(request: Request, database: AppDatabase, settings: AppSettings, outbox: AppOutbox) -> Response:
    """Add an address that receives a message about each of `events` from now on, by default about each red decision. Only this
    answer shows the secret. To change the kinds, add the address again and remove the old one.

    Private, loopback and link-local addresses are refused each time a message is sent, unless the service allows them.
    """
    from service.webhooks import repository

    caller = caller_of(request)
    url, description, events = _read(await read_json(request, _MAX_BODY_BYTES), policy_of(settings))

    def work() -> Any:
        row = repository.add(database, url, description, caller, now_us(), events)
        outbox.look()
        return row

    row = await to_thread.run_sync(work)
    add_log_fields(request, webhook=row.id)
    return PlainJson(_webhook(row, NewWebhook), status_code=201)


@router.delete(
    "/{id}",
    status_code=204,
    summary="Remove a webhook",
    response_class=Response,
    responses=problems(404, 409, 422, 500, 503),
)
@needs(Scope.ADMIN)
async def remove_webhook(request: Request, database: AppDatabase, id: str) -> Response:
    """Remove an address. Its waiting messages are not sent."""
    from service.webhooks import repository

    caller = caller_of(request)
    if not await to_thread.run_sync(repository.remove, database, _plain(id), caller, now_us()):
        raise NotFound(_NOT_THERE)
    return Response(status_code=204)


@router.post(
    "/{id}/enable",
    status_code=204,
    summary="Enable a disabled webhook",
    response_class=Response,
    responses=problems(404, 409, 422, 500, 503),
)
@needs(Scope.ADMIN)
async def enable_webhook(request: Request, database: AppDatabase, id: str) -> Response:
    """Enable an address that was disabled after long failure. Its waiting messages are sent."""
    from service.webhooks import repository

    caller = caller_of(request)
    if not await to_thread.run_sync(repository.enable, database, _plain(id), caller, now_us()):
        raise NotFound(_NOT_THERE)
    return Response(status_code=204)


@router.get(
    "/{id}/deliveries",
    summary="List the messages to a webhook",
    response_model=Deliveries,
    responses=problems(404, 409, 422, 500, 503),
)
@needs(Scope.ADMIN)
async def list_deliveries(
    request: Request,
    database: AppDatabase,
    id: str,
    state: Annotated[
        Literal["waiting", "delivered", "failed"] | None, Query(description="Only messages in this state")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="Maximum number of messages per page")] = 100,
    cursor: Cursor = None,
) -> Response:
    """Return the messages to an address, latest first, with the result of the latest attempt."""
    from service.webhooks import repository

    before = None if cursor is None else int(cursor)

    if not await read_from(database, repository.exists, _plain(id)):
        raise NotFound(_NOT_THERE)
    rows = await read_from(database, repository.deliveries, id, state=state, before=before, limit=limit + 1)
    return PlainJson(page_of("deliveries", rows, limit, _delivery))


@router.post(
    "/{id}/deliveries/{delivery_id}/redeliver",
    status_code=202,
    summary="Send a message again",
    response_class=Response,
    responses=problems(404, 409, 422, 500, 503),
)
@needs(Scope.ADMIN)
async def redeliver(request: Request, database: AppDatabase, id: str, delivery_id: str) -> Response:
    """Send a delivered or failed message again, with the same id and body and a new signature."""
    from service.webhooks import repository

    caller = caller_of(request)
    if not await to_thread.run_sync(repository.send_again, database, _plain(id), _plain(delivery_id), caller, now_us()):
        raise NotFound("There is no such message to this webhook.")
    return Response(status_code=202)


def _plain(id_: str) -> str:
    # PostgreSQL cannot store U+0000, so no id contains it.
    return id_.replace("\0", "")
