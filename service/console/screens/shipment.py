"""The page of a shipment: what is known of it, and what an officer records about it."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from sqlalchemy import select
from starlette.responses import Response

from service.console import people
from service.console.notes import LONGEST, add_note, note_opened
from service.console.roles import Role
from service.console.screens import parties
from service.console.screens.evidence import reasons_of, recorded_of, trail_of, versions_of
from service.console.screens.manifest import countries_of, day_of, parts_of, record_in, substances_of
from service.console.screens.queue import FILTERS, claim_next, lane_chosen
from service.console.texts import _
from service.console.visit import Page, Problem, Visit, read_view
from service.core.database.times import iso_time, now_us
from service.inspections.outcomes import overrides_of
from service.inspections.queue import entries, hand_over, holder_of
from service.inspections.queue import parts_of as parts_of_holder
from service.inspections.tables import Outcome, QueueEntry
from service.scoring.tables import Decision

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from features.manifest.records import Record

#: Verdicts in the order of their keys: key, content, kind of other contraband, words.
VERDICTS: Final = (
    ("1", "none", None, "Clean"),
    ("2", "fentanyl", None, "Fentanyl"),
    ("3", "analogue", None, "Analogue"),
    ("4", "other_opioid", None, "Other opioid"),
    ("5", "precursor", None, "Precursor"),
    ("6", "equipment", None, "Press or equipment"),
    ("7", "other_contraband", "other_drug", "Other drug"),
    ("8", "other_contraband", "counterfeit", "Counterfeit"),
    ("9", "other_contraband", "other", "Other contraband"),
)
_MICROSECONDS: Final = 1_000_000
_NOT_FOUND, _CONFLICT, _BUSY = 404, 409, 503
#: Substances of a shipment that are shown with their law.
_SUBSTANCES: Final = 3


async def shipment(visit: Visit) -> Response:
    """Show the page of a shipment by one of its decisions, and record in the audit chain who opened it."""
    decision_id = visit.path["id"]
    stored = await visit.get(f"/v1/decisions/{decision_id}")
    await visit.run(note_opened, visit.database, decision_id, visit.person.id)
    view = read_view(visit.request.query_params.get("view", ""))
    done = visit.request.query_params.get("done")
    recorded = None if done is None else await visit.read(_recorded, done)
    return await visit.page("shipment.html", **await _shown(visit, stored, view) | {"done": recorded})


async def _shown(visit: Visit, stored: dict[str, Any], view: dict[str, str]) -> dict[str, Any]:
    """Return the values of the template."""
    answer, record = stored["answer"], record_in(stored["manifest"])
    known = await visit.read(_known, stored, visit.person.role.may(Role.LEAD))
    return {
        "stored": stored,
        "answer": answer,
        "parts_of_manifest": parts_of(record, answer),
        "reasons": reasons_of(answer),
        "substances": await _substances(visit, stored, record),
        "view": urlencode(view),
        "verdicts": VERDICTS,
        "is_mine": known["holder"] == (visit.person.id, visit.person.name),
        "told": None,
        "refused": None,
        "done": None,
        **known,
    }


async def _substances(visit: Visit, stored: dict[str, Any], record: Record | None) -> list[dict[str, Any]]:
    """Return the substances of the goods with the law of the countries concerned; ``law`` None: it could not be read now."""
    found = substances_of(stored["answer"], _SUBSTANCES)
    as_of = day_of(record) or stored["received_at"][:10]
    for one in found:
        asked = {"q": one["substance"].get("cas") or one["substance"]["name"], "as_of": as_of}
        try:
            one["law"] = [
                {"country": name, **await visit.get("/v1/substances", {**asked, "jurisdiction": code})}
                for code, name in countries_of(record)
            ]
        except Problem as error:
            if error.status not in (422, _BUSY):
                raise
            one["law"] = None
    return found


async def drawing(visit: Visit) -> Response:
    """Draw the structure of a substance."""
    return visit.forward("/v1/substances/drawing.svg", visit.query("q"))


def _known(connection: Connection, stored: dict[str, Any], with_trail: bool) -> dict[str, Any]:
    """Return place in the queue, declarations, latest outcome, all that was recorded, and names of people."""
    shipment_id = stored["shipment_id"]
    row = connection.execute(select(QueueEntry.__table__).where(QueueEntry.shipment_id == shipment_id)).first()
    waiting = None if row is None else entries(connection, [row], now_us())[0]
    columns = (Outcome.id, Outcome.decision_id, Outcome.content, Outcome.kind, Outcome.by, Outcome.recorded_at)
    latest = select(*columns).where(Outcome.shipment_id == shipment_id)
    versions = versions_of(connection, shipment_id)
    decisions = list(dict.fromkeys([stored["decision_id"], *(one["id"] for one in versions)]))
    recorded = recorded_of(connection, shipment_id, decisions)
    about = [*decisions, *(one["one"].id for one in recorded)]
    names, overrides = people.names(connection), overrides_of(connection, [stored["decision_id"]])
    chosen = lane_chosen(overrides.get(stored["decision_id"], ()), names)
    return {
        "chosen": chosen,
        "lane_now": chosen["lane"] if chosen else stored["lane"] if waiting is None else waiting.lane,
        "waiting": waiting,
        "holder": None if waiting is None or waiting.claimed_by is None else parts_of_holder(waiting.claimed_by),
        "latest": connection.execute(latest.order_by(Outcome.position.desc()).limit(1)).first(),
        "versions": versions,
        "recorded": recorded,
        "trail": trail_of(connection, about) if with_trail else None,
        "names": names,
        "colleagues": [one for one in people.every(connection) if one.ended_at is None and one.role.may(Role.OFFICER)],
    }


def _recorded(connection: Connection, outcome_id: str) -> Any:
    query = select(
        Outcome.id, Outcome.decision_id, Outcome.shipment_id, Outcome.content, Outcome.kind, Outcome.corrects
    )
    return connection.execute(query.where(Outcome.id == outcome_id)).first()


async def record(visit: Visit) -> Response:
    """Record a verdict, and open the next shipment of the view, or stay."""
    given = await _given(visit)
    decision_id = visit.path["id"]
    verdict = next((one for one in VERDICTS if one[0] == given.get("verdict")), None)
    if verdict is None:
        raise Problem(422, {"detail": "Choose a verdict first."})
    content: dict[str, Any] = {
        "content": verdict[1],
        "kind": verdict[2],
        "found_at": iso_time(now_us()),
        "by": visit.person.name,
        "seen": given.get("seen", ""),
    }
    for name in ("substance", "method", "unit"):
        content[name] = given.get(name, "").strip() or None
    if quantity := given.get("quantity", "").strip():
        try:
            content["quantity"] = float(quantity)
        except ValueError:
            problem = {"field": "quantity", "problem": f"{quantity!r} is no number"}
            raise Problem(422, {"detail": "The verdict was not recorded.", "errors": [problem]}) from None
    try:
        recorded = await _record(visit, decision_id, content, given.get("note", "").strip())
    except Problem as error:
        return await _refused(visit, error, given)
    if "stay" in given:
        return await _again(visit, given, told=_("The verdict is recorded."))
    return await _go_on(visit, given.get("view", ""), recorded)


async def _record(visit: Visit, decision_id: str, content: dict[str, Any], note: str) -> dict[str, Any]:
    """Record a verdict and a note. A shipment that does not wait any more was inspected, so the verdict corrects the latest one.

    Raises:
        Problem: another officer holds the shipment or has recorded meanwhile; it says who. Nothing is recorded.
    """
    stored = await visit.get(f"/v1/decisions/{decision_id}")
    known = await visit.read(_known, stored, with_trail=False)
    if known["holder"] not in (None, (visit.person.id, visit.person.name)):
        who = known["holder"][1] or known["holder"][0]
        detail = f"{who} holds this shipment; ask for a hand-over, or wait until the claim ends."
        raise Problem(_CONFLICT, {"detail": detail})
    latest = known["latest"]
    is_correction = (
        known["waiting"] is None
        and latest is not None
        and latest.content != ""
        and (latest.id, latest.decision_id) == (content["seen"], decision_id)
    )
    corrects = {"corrects": latest.id} if is_correction else {}
    recorded: dict[str, Any] = await visit.post(f"/v1/decisions/{decision_id}/outcome", content | corrects)
    if note:
        await visit.run(add_note, visit.database, decision_id, stored["shipment_id"], note[:LONGEST], visit.person.id)
    return recorded | {"shipment_id": stored["shipment_id"]}


async def _go_on(visit: Visit, view_text: str, recorded: dict[str, Any]) -> Response:
    """Open the next free shipment of a view; the same one if none waits, so that the verdict can still be undone."""
    view = {name: text for name, text in read_view(view_text).items() if name in FILTERS}
    following = await claim_next(visit, view, recorded["shipment_id"])
    params = {"done": recorded["outcome_id"]} | ({"view": urlencode(view)} if view else {})
    return visit.redirect(f"/shipments/{following or recorded['decision_id']}", **params)


async def _given(visit: Visit) -> dict[str, str]:
    return {name: str(value) for name, value in (await visit.form()).items()}


async def _again(visit: Visit, given: dict[str, str], *, told: str) -> Response:
    """Show the page after a change: to htmx only what differs is new, so that typed text remains."""
    view = given.get("view", "")
    if not visit.is_part:
        return visit.redirect(f"/shipments/{visit.path['id']}", **({"view": view} if view else {}))
    stored = await visit.get(f"/v1/decisions/{visit.path['id']}")
    return await visit.page("shipment.html", "main", **await _shown(visit, stored, read_view(view)) | {"told": told})


async def _refused(visit: Visit, error: Problem, given: dict[str, str]) -> Response:
    """Show what others did meanwhile, and keep what is typed.

    Raises:
        Problem: nobody did anything meanwhile, or the browser asks for a whole page.
    """
    if error.status != _CONFLICT or not visit.is_part:
        raise error
    stored = await visit.get(f"/v1/decisions/{visit.path['id']}")
    values = await _shown(visit, stored, read_view(given.get("view", ""))) | {"refused": error.detail}
    return await visit.page("shipment.html", "main", status=_CONFLICT, **values)


async def _changed(visit: Visit, work: Awaitable[Any], told: str) -> Response:
    """Wait for a change of the shipment, and show the page again."""
    given = await _given(visit)
    try:
        await work
    except Problem as error:
        return await _refused(visit, error, given)
    return await _again(visit, given, told=told)


async def undo(visit: Visit) -> Response:
    """Withdraw an outcome that was just recorded, and open its shipment again."""
    given = await _given(visit)
    recorded = await visit.read(_recorded, visit.path["id"])
    if recorded is None:
        raise Problem(_NOT_FOUND, {"detail": "There is no such outcome."})
    withdrawal = {
        "content": "",
        "corrects": recorded.id,
        "found_at": iso_time(now_us()),
        "by": visit.person.name,
        "seen": recorded.id,
    }
    await visit.post(f"/v1/decisions/{recorded.decision_id}/outcome", withdrawal)
    held = given.get("held")
    claims = [("release", held)] if held and held != recorded.decision_id else []
    for action, decision_id in (*claims, ("claim", recorded.decision_id)):
        try:
            await visit.post(f"/v1/queue/{decision_id}/{action}", {"by": visit.person.name})
        except Problem as error:
            # A green shipment does not wait, and another officer may hold one by now: the outcome is withdrawn all the same.
            if error.status not in (_NOT_FOUND, _CONFLICT):
                raise
    view = given.get("view", "")
    return visit.redirect(f"/shipments/{recorded.decision_id}", **({"view": view} if view else {}))


async def change_claim(visit: Visit) -> Response:
    """Claim or release the shipment of the page."""
    action = "release" if (await _given(visit)).get("action") == "release" else "claim"
    work = visit.post(f"/v1/queue/{visit.path['id']}/{action}", {"by": visit.person.name})
    return await _changed(
        visit, work, _("You hold this shipment.") if action == "claim" else _("The shipment is released.")
    )


async def override(visit: Visit) -> Response:
    """Choose another lane, with a reason."""
    given = await _given(visit)
    chosen = {"lane": given.get("lane", ""), "reason": " ".join(given.get("reason", "").split())}
    work = visit.post(f"/v1/decisions/{visit.path['id']}/override", chosen)
    return await _changed(visit, work, _("The lane is chosen."))


async def write_note(visit: Visit) -> Response:
    """Write a note, and hand the shipment over to a colleague if one is chosen."""
    given = await _given(visit)
    text, colleague = given.get("text", "").strip(), given.get("to", "")
    if not text and not colleague:
        raise Problem(422, {"detail": "Write a note, or choose a colleague."})
    told = _("The shipment is handed over.") if colleague else _("The note is saved.")
    return await _changed(visit, _noted(visit, text, colleague), told)


async def _noted(visit: Visit, text: str, colleague: str) -> None:
    stored = await visit.get(f"/v1/decisions/{visit.path['id']}")
    if colleague:
        await _hand_over(visit, stored["decision_id"], colleague, bool(text))
    if text:
        about = (stored["decision_id"], stored["shipment_id"])
        await visit.run(add_note, visit.database, *about, text[:LONGEST], visit.person.id)


async def _hand_over(visit: Visit, decision_id: str, colleague: str, is_explained: bool) -> None:
    """Give a shipment that the person holds to a colleague. A lead gives what anybody holds, and says why."""
    to = await visit.read(people.with_id, colleague)
    if to is None or not to.role.may(Role.OFFICER):
        raise Problem(422, {"detail": "There is no such colleague."})
    until = now_us() + round(visit.site.settings.claim_seconds * _MICROSECONDS)
    own, theirs = holder_of(visit.person.id, visit.person.name), holder_of(to.id, to.name)
    giver = own
    if visit.person.role.may(Role.LEAD):
        held_by: str | None = await visit.read(_claimed_by, decision_id)
        giver = held_by or own
        if giver != own and not is_explained:
            raise Problem(422, {"detail": "Write in the note why another officer gets the shipment."})
    if not await visit.run(hand_over, visit.database, decision_id, giver, theirs, until=until):
        raise Problem(409, {"detail": "You do not hold this shipment any more, so you cannot hand it over."})


def _claimed_by(connection: Connection, decision_id: str) -> str | None:
    query = select(QueueEntry.claimed_by).join(Decision, Decision.shipment_id == QueueEntry.shipment_id)
    return connection.execute(query.where(Decision.id == decision_id)).scalar()


PAGES: Final = (
    *parties.PAGES,
    Page("GET", "/substances/drawing", Role.VIEWER, drawing),
    Page("GET", "/shipments/{id}", Role.VIEWER, shipment),
    Page("POST", "/shipments/{id}/outcome", Role.OFFICER, record),
    Page("POST", "/shipments/{id}/claim", Role.OFFICER, change_claim),
    Page("POST", "/shipments/{id}/override", Role.OFFICER, override),
    Page("POST", "/shipments/{id}/notes", Role.OFFICER, write_note),
    Page("POST", "/outcomes/{id}/undo", Role.OFFICER, undo),
)
