"""The page of a shipment: what is known of it, and what an officer records about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from sqlalchemy import select
from starlette.responses import Response

from service.console import people
from service.console.notes import LONGEST, add_note, note_opened, notes_on
from service.console.roles import Role
from service.console.screens.evidence import (
    changes_between,
    contributions,
    fields_of,
    network,
    party_ids,
    timeline,
    trail_of,
)
from service.console.screens.queue import FILTERS, claim_next
from service.console.visit import Page, Problem, Visit, read_view
from service.core.database.times import iso_time, now_us
from service.inspections.queue import entries, hand_over, holder_of, parts_of
from service.inspections.tables import Outcome, QueueEntry

if TYPE_CHECKING:
    from sqlalchemy import Connection

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
_NOT_FOUND: Final = 404


async def shipment(visit: Visit) -> Response:
    """Show the page of a shipment by one of its decisions, and record in the audit chain who opened it."""
    decision_id = visit.path["id"]
    stored = await visit.get(f"/v1/decisions/{decision_id}")
    await visit.run(note_opened, visit.database, decision_id, visit.person.id)
    view = read_view(visit.request.query_params.get("view", ""))
    return await visit.page("shipment.html", **await _shown(visit, stored, view))


async def _shown(visit: Visit, stored: dict[str, Any], view: dict[str, str]) -> dict[str, Any]:
    """Return the values of the template."""
    known = await visit.read(_known, stored["decision_id"], stored["shipment_id"])
    done = visit.request.query_params.get("done")
    about = [stored["decision_id"], *(one["outcome_id"] for one in stored["outcomes"])]
    about += [one["override_id"] for one in stored["overrides"]] + [one.id for one in known["notes"]]
    earlier = stored["earlier_id"]
    before = None if earlier is None else await visit.get(f"/v1/decisions/{earlier}")
    return {
        "stored": stored,
        "answer": stored["answer"],
        "manifest": stored["manifest"],
        "parts_of_manifest": fields_of(stored["manifest"], stored["answer"]["reasons"]),
        "chart": contributions(stored["answer"]),
        "before": before,
        "changed": [] if before is None else changes_between(before["manifest"], stored["manifest"]),
        "trail": await visit.read(trail_of, about),
        "view": urlencode(view),
        "verdicts": VERDICTS,
        "done": None if done is None else await visit.read(_recorded, done),
        "is_mine": known["holder"] == (visit.person.id, visit.person.name),
        **known,
    }


async def neighbours(visit: Visit) -> Response:
    """Show what is known of the parties of a shipment: time line, network and table."""
    stored = await visit.get(f"/v1/decisions/{visit.path['id']}")
    parties = {}
    for role, party_id in party_ids(stored["manifest"]).items():
        try:
            parties[role] = await visit.get(f"/v1/parties/{party_id}")
        except Problem as error:
            # The index of decisions does not know the latest ones yet.
            if error.status != _NOT_FOUND:
                raise
    net, times = network(parties, stored["shipment_id"]), timeline(parties, stored)
    return await visit.page("neighbours.html", parties=parties, net=net, times=times)


async def drawing(visit: Visit) -> Response:
    """Draw the structure of a substance."""
    return visit.forward("/v1/substances/drawing.svg", visit.query("q"))


def _known(connection: Connection, decision_id: str, shipment_id: str) -> dict[str, Any]:
    """Return place in the queue, latest outcome, notes, and names of people."""
    row = connection.execute(select(QueueEntry.__table__).where(QueueEntry.shipment_id == shipment_id)).first()
    waiting = None if row is None else entries(connection, [row], now_us())[0]
    latest = select(Outcome.id, Outcome.content).where(Outcome.shipment_id == shipment_id)
    everybody = people.every(connection)
    return {
        "waiting": waiting,
        "holder": None if waiting is None or waiting.claimed_by is None else parts_of(waiting.claimed_by),
        "latest": connection.execute(latest.order_by(Outcome.position.desc()).limit(1)).first(),
        "notes": notes_on(connection, shipment_id),
        "names": {one.id: one.name for one in everybody} | {people.LOCAL.id: people.LOCAL.name},
        "colleagues": [one for one in everybody if one.ended_at is None and one.role.may(Role.OFFICER)],
    }


def _recorded(connection: Connection, outcome_id: str) -> Any:
    query = select(Outcome.id, Outcome.decision_id, Outcome.shipment_id, Outcome.content, Outcome.corrects)
    return connection.execute(query.where(Outcome.id == outcome_id)).first()


async def record(visit: Visit) -> Response:
    """Record a verdict, and open the next shipment of the view."""
    given = {name: str(value) for name, value in (await visit.form()).items()}
    decision_id = visit.path["id"]
    verdict = next((one for one in VERDICTS if one[0] == given.get("verdict")), None)
    if verdict is None:
        raise Problem(422, {"detail": "Choose a verdict first."})
    stored = await visit.get(f"/v1/decisions/{decision_id}")
    await _check_holder(visit, stored)
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
    recorded = await visit.post(f"/v1/decisions/{decision_id}/outcome", content)
    if text := given.get("note", "").strip():
        await visit.run(add_note, visit.database, decision_id, stored["shipment_id"], text[:LONGEST], visit.person.id)
    return await _go_on(visit, given.get("view", ""), stored["shipment_id"], recorded["outcome_id"])


async def _go_on(visit: Visit, view_text: str, but: str, outcome_id: str) -> Response:
    """Open the next free shipment of a view; the queue if there is none."""
    view = {name: text for name, text in read_view(view_text).items() if name in FILTERS}
    following = await claim_next(visit, view, but)
    if following is None:
        return visit.redirect("/queue", **view)
    params = {"done": outcome_id} | ({"view": urlencode(view)} if view else {})
    return visit.redirect(f"/shipments/{following}", **params)


async def _check_holder(visit: Visit, stored: dict[str, Any]) -> None:
    """Check that no other officer holds a shipment.

    Raises:
        Problem: another one does; it says who.
    """
    known = await visit.read(_known, stored["decision_id"], stored["shipment_id"])
    if known["holder"] not in (None, (visit.person.id, visit.person.name)):
        who = known["holder"][1] or known["holder"][0]
        raise Problem(409, {"detail": f"{who} holds this shipment; ask for a hand-over, or wait until the claim ends."})


async def undo(visit: Visit) -> Response:
    """Withdraw an outcome that was just recorded, and open its shipment again."""
    given = {name: str(value) for name, value in (await visit.form()).items()}
    recorded = await visit.read(_recorded, visit.path["id"])
    if recorded is None:
        raise Problem(404, {"detail": "There is no such outcome."})
    withdrawal = {
        "content": "",
        "corrects": recorded.id,
        "found_at": iso_time(now_us()),
        "by": visit.person.name,
        "seen": recorded.id,
    }
    await visit.post(f"/v1/decisions/{recorded.decision_id}/outcome", withdrawal)
    if held := given.get("held"):
        await visit.post(f"/v1/queue/{held}/release", {"by": visit.person.name})
    await visit.post(f"/v1/queue/{recorded.decision_id}/claim", {"by": visit.person.name})
    view = given.get("view", "")
    return visit.redirect(f"/shipments/{recorded.decision_id}", **({"view": view} if view else {}))


async def change_claim(visit: Visit) -> Response:
    """Claim or release the shipment of the page."""
    given = await visit.form()
    action = "release" if given.get("action") == "release" else "claim"
    await visit.post(f"/v1/queue/{visit.path['id']}/{action}", {"by": visit.person.name})
    view = str(given.get("view", ""))
    if action == "release":
        return visit.redirect("/queue", **read_view(view))
    return visit.redirect(f"/shipments/{visit.path['id']}", **({"view": view} if view else {}))


async def override(visit: Visit) -> Response:
    """Choose another lane, with a reason."""
    given = {name: str(value) for name, value in (await visit.form()).items()}
    chosen = {"lane": given.get("lane", ""), "reason": given.get("reason", "")}
    await visit.post(f"/v1/decisions/{visit.path['id']}/override", chosen)
    view = given.get("view", "")
    return visit.redirect(f"/shipments/{visit.path['id']}", **({"view": view} if view else {}))


async def write_note(visit: Visit) -> Response:
    """Write a note, and hand the shipment over to a colleague if one is chosen."""
    given = {name: str(value) for name, value in (await visit.form()).items()}
    decision_id, text = visit.path["id"], given.get("text", "").strip()
    stored = await visit.get(f"/v1/decisions/{decision_id}")
    colleague = given.get("to", "")
    if not text and not colleague:
        raise Problem(422, {"detail": "Write a note, or choose a colleague."})
    if colleague:
        await _hand_over(visit, decision_id, colleague)
    if text:
        await visit.run(add_note, visit.database, decision_id, stored["shipment_id"], text[:LONGEST], visit.person.id)
    view = given.get("view", "")
    return visit.redirect(f"/shipments/{decision_id}", **({"view": view} if view else {}))


async def _hand_over(visit: Visit, decision_id: str, colleague: str) -> None:
    to = await visit.read(people.with_id, colleague)
    if to is None or not to.role.may(Role.OFFICER):
        raise Problem(422, {"detail": "There is no such colleague."})
    until = now_us() + round(visit.site.settings.claim_seconds * _MICROSECONDS)
    own, theirs = holder_of(visit.person.id, visit.person.name), holder_of(to.id, to.name)
    if not await visit.run(hand_over, visit.database, decision_id, own, theirs, until=until):
        raise Problem(409, {"detail": "You do not hold this shipment any more, so you cannot hand it over."})


PAGES: Final = (
    Page("GET", "/shipments/{id}/neighbours", Role.VIEWER, neighbours),
    Page("GET", "/substances/drawing", Role.VIEWER, drawing),
    Page("GET", "/shipments/{id}", Role.VIEWER, shipment),
    Page("POST", "/shipments/{id}/outcome", Role.OFFICER, record),
    Page("POST", "/shipments/{id}/claim", Role.OFFICER, change_claim),
    Page("POST", "/shipments/{id}/override", Role.OFFICER, override),
    Page("POST", "/shipments/{id}/notes", Role.OFFICER, write_note),
    Page("POST", "/outcomes/{id}/undo", Role.OFFICER, undo),
)
