"""What is known of the parties of a shipment: shipments in time, and the network of shipments, parties, addresses and contacts.

Both drawings are computed here, so that they look the same on every call.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

from starlette.responses import Response

from features.manifest.records import Record
from service.console.roles import Role
from service.console.screens.manifest import record_in
from service.console.texts import time_of
from service.console.visit import Page, Problem, Visit
from service.search.words import parties_of

#: Most nodes of the network: shipments on each side and in the middle, and linked parties with what they share. With the middle
#: and both parties there are at most 60.
_SHIPMENTS, _BOTH, _LINKS = 16, 5, 7
_SHARED: Final = ("address", "phone", "email")
#: Width of the drawing, its lines, and the places of its columns: shipments and linked parties, what they share, the party.
WIDTH: Final = 1000
_LINE, _TOP = 22, 36
_MIDDLE: Final = WIDTH // 2
_COLUMNS: Final = {"consignor": (300, 345, 405), "consignee": (700, 655, 595)}
#: Labels of the axis of time.
_LABELS: Final = 5
_DAY: Final = 86_400
_NOT_FOUND: Final = 404


async def neighbours(visit: Visit) -> Response:
    """Show what is known of the parties of a shipment: time line, network and table."""
    stored = await visit.get(f"/v1/decisions/{visit.path['id']}")
    ids = party_ids(record_in(stored["manifest"]))
    found = await asyncio.gather(*(_party(visit, party_id) for party_id in ids.values()))
    parties = {role: party for role, party in zip(ids, found, strict=True) if party is not None}
    net, times = network(parties, stored["shipment_id"]), timeline(parties, stored)
    return await visit.page("neighbours.html", stored=stored, parties=parties, net=net, times=times)


async def _party(visit: Visit, party_id: str) -> Any:
    """Return what is known of a party: None of one that the index of decisions does not know yet."""
    try:
        return await visit.get(f"/v1/parties/{party_id}")
    except Problem as error:
        if error.status != _NOT_FOUND:
            raise
        return None


def party_ids(record: Record | None) -> dict[str, str]:
    """Return the id of each named party of a manifest by its role."""
    return {} if record is None else {party.role: party.id for party in parties_of(record)}


def network(parties: Mapping[str, Mapping[str, Any]], here: str) -> dict[str, Any]:
    """Return the drawing of the network of the parties of a shipment.

    Args:
        parties: role -> answer of ``GET /v1/parties/{id}``.
        here: id of the shipment in the middle.

    Returns:
        ``nodes`` with ``x``, ``y``, ``kind`` (a lane, ``here``, ``party``, ``link`` or ``shared``), ``text``, ``title``, ``href``,
        ``find`` and ``side`` of the text; ``edges`` with two points; ``height``.
    """
    known = {role: parties[role] for role in _COLUMNS if role in parties}
    rows = {role: _latest(party, here) for role, party in known.items()}
    both = [one for one in rows.get("consignor", {}) if one in rows.get("consignee", {})][:_BOTH]
    sides = {role: _side(known[role], [row for one, row in rows[role].items() if one not in both]) for role in known}
    tallest = max((len(side) for side in sides.values()), default=1)
    height = _TOP + max(_LINE * (tallest + 1), 2 * _LINE * (len(both) + 1) + _LINE)
    middle = _node(_MIDDLE, _TOP, "here", here, side="below")
    nodes, edges = [middle], []
    owners = []
    for role, side in sides.items():
        place, hub, own = _COLUMNS[role]
        owner = _node(own, _TOP, "party", known[role]["names"][0], side="above")
        nodes.append(owner)
        owners.append(owner)
        edges.append(_edge(owner, middle))
        placed = [{**one, "x": place, "y": _TOP + _LINE * number} for number, one in enumerate(side, 1)]
        for one in placed:
            one["side"] = "left" if role == "consignor" else "right"
        hubs = {}
        for by in _SHARED:
            if having := [one["y"] for one in placed if one["by"] == by]:
                hubs[by] = _node(hub, sum(having) // len(having), "shared", by, side="above")
                edges.append(_edge(hubs[by], owner))
        edges += [_edge(one, hubs.get(one["by"], owner)) for one in placed]
        nodes += [*placed, *hubs.values()]
    for number, shipment_id in enumerate(both, 1):
        shared = {**_shipment(rows["consignor"][shipment_id], known["consignor"]), "side": "below"}
        nodes.append(shared | {"x": _MIDDLE, "y": _TOP + 2 * _LINE * number})
        edges += [_edge(nodes[-1], owner) for owner in owners]
    return {"nodes": nodes, "edges": edges, "height": height}


def _latest(party: Mapping[str, Any], here: str) -> dict[str, Mapping[str, Any]]:
    """Return the latest decision on each shipment of a party, without the one in the middle, the latest first."""
    found: dict[str, Mapping[str, Any]] = {}
    for row in party["shipments"]:
        if row["shipment_id"] != here:
            found.setdefault(row["shipment_id"], row)
    return found


def _side(party: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the shipments of a party, finds first, then the parties that share an address or a contact with it."""
    shipments = sorted((_shipment(row, party) for row in rows), key=lambda one: one["find"] is None)[:_SHIPMENTS]
    linked = [link for link in party["links"] if link["by"] in _SHARED][:_LINKS]
    ordered = sorted(linked, key=lambda link: _SHARED.index(link["by"]))
    return shipments + [
        _node(0, 0, "link", _named(link), by=link["by"], title=f"{_named(link)}: {link['by']}") for link in ordered
    ]


def _named(party: Mapping[str, Any]) -> str:
    return f"{party['name']} ({party['country']})" if party["country"] else str(party["name"])


def _shipment(row: Mapping[str, Any], party: Mapping[str, Any]) -> dict[str, Any]:
    find = next((one for one in party["finds"] if one["shipment_id"] == row["shipment_id"]), None)
    return _node(
        0, 0, row["lane"], row["shipment_id"], href=f"/shipments/{row['decision_id']}",
        find=None if find is None else find["content"], title=row["goods"] or row["shipment_id"],
    )  # fmt: skip


def _node(x: int, y: int, kind: str, text: str, **more: Any) -> dict[str, Any]:
    empty = {"title": text, "href": None, "find": None, "by": None, "side": "left"}
    return {"x": x, "y": y, "kind": kind, "text": text} | empty | more


def _edge(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[int, int, int, int]:
    return one["x"], one["y"], other["x"], other["y"]


def timeline(parties: Mapping[str, Mapping[str, Any]], of: Mapping[str, Any]) -> dict[str, Any]:
    """Return the shipments of both parties in time.

    Returns:
        ``rows``, the latest first, with ``roles``, ``find``, ``is_here`` and ``x`` in a drawing `WIDTH` wide; ``labels`` of the
        axis with ``x`` and ``at``; ``is_short`` if they lie less than a day apart.
    """
    found = {one["decision_id"]: one for party in parties.values() for one in party["finds"]}
    rows: dict[str, dict[str, Any]] = {}
    for role, party in parties.items():
        for row in party["shipments"]:
            known = rows.setdefault(row["decision_id"], {**row, "roles": [], "find": found.get(row["decision_id"])})
            known["roles"].append(role)
    ordered = sorted(rows.values(), key=lambda row: str(row["received_at"]), reverse=True)
    times = [time_of(row["received_at"]).timestamp() for row in ordered] + [time_of(of["received_at"]).timestamp()]
    first, last = min(times), max(times)
    for row, at in zip(ordered, times, strict=False):
        row["x"] = _place(at, first, last)
        row["is_here"] = row["decision_id"] == of["decision_id"]
    steps = [first + (last - first) * step / (_LABELS - 1) for step in range(_LABELS)] if last > first else [first]
    labels = [{"x": _place(at, first, last), "at": dt.datetime.fromtimestamp(at, dt.UTC)} for at in steps]
    return {"rows": ordered, "labels": labels, "is_short": last - first < _LABELS * _DAY}


def _place(at: float, first: float, last: float) -> int:
    return round(110 + (WIDTH - 160) * (at - first) / ((last - first) or 1.0))


PAGES: Final = (Page("GET", "/shipments/{id}/neighbours", Role.VIEWER, neighbours),)
