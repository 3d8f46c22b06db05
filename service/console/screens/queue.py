"""The queue: what to open next, claims on it, and the news of arrivals."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import orjson
from sqlalchemy import func, select
from starlette.responses import Response, StreamingResponse

from service.console import people
from service.console.roles import Role
from service.console.texts import _
from service.console.visit import Page, Problem, Visit, read_view
from service.core.database.times import now_us
from service.inspections.outcomes import Overridden, overrides_of
from service.inspections.queue import HIDDEN, RANKS, holder_of
from service.inspections.tables import QueueEntry
from service.scoring.tables import Decision

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: Rows of a page. An officer reads the top; more would only make the page heavy.
ROWS: Final = 50
#: Shipments that a person holds which the queue names.
_HELD: Final = 8
_DAY: Final = 86_400 * 1_000_000
#: Filters of a view, which its address has.
FILTERS: Final = ("q", "lane", "site", "channel", "origin", "destination", "selected_by", "held", "sort")
#: Seconds between looks for arrivals, and seconds for which a stream of news stays open. A browser opens the next one by itself.
_LOOK, _OPEN = 2.0, 9.0


async def queue(visit: Visit) -> Response:
    """Show a page of the queue, or its list alone for htmx."""
    return await shown(visit, visit.query(*FILTERS, "cursor"))


async def shown(visit: Visit, view: Mapping[str, str], /, **values: Any) -> Response:
    """Return the page of a view, or its list alone for htmx."""
    found = await visit.get("/v1/queue", {**view, "limit": ROWS})
    ids = [row["decision_id"] for row in found["items"]]
    more = await visit.read(_more_of, ids)
    filters = {name: text for name, text in view.items() if name != "cursor"}
    context: dict[str, Any] = {
        "rows": [row | more.get(row["decision_id"], _NOTHING) for row in found["items"]],
        "total": found["total"],
        "following": found["next"],
        "capacity": await visit.get("/v1/capacity"),
        "is_first": view.keys() <= {"lane"} and view.get("lane") != "yellow",
        "filters": filters,
        "address": urlencode(filters),
        "now": await visit.recent(_waiting),
        "mine": await visit.read(_held_by, holder_of(visit.person.id, visit.person.name)),
        **values,
    }
    if visit.is_part:
        return await visit.page("queue.html", "list", **context)
    context["plan"] = visit.site.settings.capacity
    context["counts"] = await visit.recent(_counts)
    return await visit.page("queue.html", **context)


_NOTHING: Final[dict[str, Any]] = {"value": None, "currency": None, "substance": None, "chosen": None}


def _more_of(connection: Connection, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the declared value of decisions, their substance, and the lane that a person chose."""
    query = select(Decision.id, Decision.manifest, Decision.answer).where(Decision.id.in_(ids))
    chosen = overrides_of(connection, ids)
    names = people.names(connection) if chosen else {}
    return {
        row.id: _value(row.manifest) | _substance(row.answer) | {"chosen": lane_chosen(chosen.get(row.id, ()), names)}
        for row in connection.execute(query)
    }


def lane_chosen(overrides: Sequence[Overridden], names: Mapping[str, str]) -> dict[str, str | None] | None:
    """Return the lane that a person chose last: ``lane``, ``who`` and ``reason`` (None after erasure); None if nobody did."""
    if not overrides:
        return None
    last = overrides[-1]
    who = names.get(last.caller or "", last.caller or _("A person"))
    return {"lane": last.lane, "who": who, "reason": last.reason}


def _value(manifest: bytes | None) -> dict[str, Any]:
    if manifest is None:
        return {"value": None, "currency": None}
    declared = orjson.loads(manifest)
    values = []
    for item in declared.get("items") or ():
        try:
            values.append(float(item.get("customs_value")))
        except (TypeError, ValueError, AttributeError):
            continue
    currency = declared.get("currency")
    return {"value": sum(values) if values else None, "currency": currency if isinstance(currency, str) else None}


def _substance(answer: bytes) -> dict[str, Any]:
    """Return the substance of the riskiest item that has one, with whether some law lists it."""
    items = [item for item in orjson.loads(answer).get("items", ()) if item.get("substance")]
    if not items:
        return {"substance": None}
    found = max(items, key=lambda item: item["risk"])["substance"]
    return {"substance": {name: found.get(name) for name in ("name", "group", "hit", "kind")}}


def _held_by(connection: Connection, holder: str) -> list[tuple[str, str]]:
    """Return decision and shipment of what a holder has claimed, in order of the ends of the claims."""
    query = select(QueueEntry.decision_id, QueueEntry.shipment_id).where(
        QueueEntry.claimed_until > now_us(), QueueEntry.claimed_by == holder
    )
    return [(row[0], row[1]) for row in connection.execute(query.order_by(QueueEntry.claimed_until).limit(_HELD))]


def _waiting(connection: Connection) -> dict[str, Any]:
    """Return how many shipments wait by lane, how many red ones came today, and the position of the latest decision among them."""
    # The lane of an entry is the name of its rank, which an index has beside the position.
    query = select(QueueEntry.rank, func.count(), func.max(QueueEntry.position)).where(QueueEntry.rank < HIDDEN)
    rows = {row[0]: row for row in connection.execute(query.group_by(QueueEntry.rank))}
    # The day of the capacity is that of UTC.
    is_new = (QueueEntry.rank == RANKS["red"], QueueEntry.received_at >= now_us() // _DAY * _DAY)
    return {
        "red_today": connection.execute(select(func.count()).where(*is_new)).scalar_one(),
        **{lane: rows[rank][1] if rank in rows else 0 for lane, rank in RANKS.items()},
        "latest": max((row[2] or 0 for row in rows.values()), default=0),
    }


def _counts(connection: Connection) -> dict[str, list[tuple[str, int]]]:
    """Return how many shipments wait at each site and in each channel, the most first."""
    columns = {"site": QueueEntry.site, "channel": QueueEntry.channel}
    found = {}
    for name, column in columns.items():
        query = select(column, func.count()).where(QueueEntry.rank < HIDDEN, column.is_not(None)).group_by(column)
        found[name] = [
            (str(row[0]), row[1]) for row in connection.execute(query.order_by(func.count().desc()).limit(40))
        ]
    return found


async def change_claims(visit: Visit) -> Response:
    """Claim or release the chosen shipments, and show the list again with what could not be done."""
    given = await visit.form()
    action = "release" if given.get("action") == "release" else "claim"
    chosen = [str(value) for value in given.getlist("chosen")][:ROWS]
    refused = []
    for decision_id in chosen:
        try:
            await visit.post(f"/v1/queue/{decision_id}/{action}", {"by": visit.person.name})
        except Problem as error:
            refused.append((decision_id, error))
    view = {name: text for name, text in read_view(str(given.get("view", ""))).items() if name in FILTERS}
    return await shown(visit, view, refused=refused)


async def open_next(visit: Visit) -> Response:
    """Claim the first free shipment of a view, and open it."""
    given = await visit.form()
    view = {name: text for name, text in read_view(str(given.get("view", ""))).items() if name in FILTERS}
    decision_id = await claim_next(visit, view)
    if decision_id is None:
        return visit.redirect("/queue", **view)
    return visit.redirect(f"/shipments/{decision_id}", **({"view": urlencode(view)} if view else {}))


async def claim_next(visit: Visit, view: Mapping[str, str], but: str | None = None) -> str | None:
    """Claim the first shipment of a view that nobody holds.

    Args:
        but: shipment that is passed over.

    Returns:
        Its decision; None if there is none.
    """
    free = {name: text for name, text in view.items() if name in FILTERS} | {"held": "false", "limit": "20"}
    for _try in range(5):
        found = await visit.get("/v1/queue", free)
        for row in found["items"]:
            if row["shipment_id"] == but:
                continue
            try:
                await visit.post(f"/v1/queue/{row['decision_id']}/claim", {"by": visit.person.name})
            except Problem:
                # Another officer was faster, or the shipment has left the queue.
                continue
            return str(row["decision_id"])
        if len(found["items"]) < int(free["limit"]):
            return None
    return None


async def events(visit: Visit) -> Response:
    """Send the numbers of waiting shipments when they change."""
    since = int(visit.request.headers.get("last-event-id", "0") or 0)

    async def news() -> AsyncIterator[bytes]:
        last, end = since, time.monotonic() + _OPEN
        yield b"retry: 1000\n\n"
        while time.monotonic() < end:
            state = await visit.recent(_waiting)
            mark = hash((state["red"], state["yellow"], state["latest"])) & 0x7FFF_FFFF
            if mark != last:
                last = mark
                yield b"event: queue\nid: %d\ndata: %s\n\n" % (mark, orjson.dumps(state | {"at": now_us()}))
            await asyncio.sleep(_LOOK)

    return StreamingResponse(news(), media_type="text/event-stream")


PAGES: Final = (
    Page("GET", "/queue", Role.VIEWER, queue),
    Page("POST", "/queue/claims", Role.OFFICER, change_claims),
    Page("POST", "/queue/next", Role.OFFICER, open_next),
    Page("GET", "/events", Role.VIEWER, events),
)
