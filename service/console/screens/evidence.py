"""A shipment as an officer reads it: fields with the reasons that rest on them, contributions, and the network of its parties."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import select

from service.console.texts import time_of
from service.core.database.tables import AuditEntry
from service.scoring.summary import record_of
from service.search.words import parties_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: Parts of a manifest in the order of the page.
_PARTIES: Final = ("consignor", "consignee")
#: Nodes of the network on each side: shipments of a party and parties linked to it. With the middle it has at most 60.
_SHIPMENTS, _LINKS = 18, 8
#: Size of the drawing, and the places of its columns.
WIDTH: Final = 1000
_ROW: Final = 26
_COLUMNS: Final = {"consignor": (75, 210, 345), "consignee": (925, 790, 655)}
#: Kinds of entries of the audit chain that are about a decision.
_KINDS: Final = ("decision", "opened", "outcome", "override", "note")


def fields_of(manifest: Mapping[str, Any] | None, reasons: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the parts of a manifest with their declared fields, and the reasons that rest on each field.

    Returns:
        Parts with ``title`` and ``fields``: flat ``name``, ``label``, ``value``, and ``reasons``, numbers from 1.
    """
    if manifest is None:
        return []
    by_field: dict[str, list[int]] = {}
    for number, reason in enumerate(reasons, 1):
        for name in reason["fields"]:
            by_field.setdefault(name, []).append(number)

    def part(title: str, values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
        fields = [
            {
                "name": f"{prefix}{name}",
                "label": name.replace("_", " "),
                "value": ", ".join(map(str, value)) if isinstance(value, list) else str(value),
                "reasons": by_field.get(f"{prefix}{name}", []),
            }
            for name, value in values.items()
            if value not in (None, "") and not isinstance(value, Mapping)
        ]
        return {"title": title, "fields": fields}

    head = {name: value for name, value in manifest.items() if name != "items" and not name.startswith(_PARTIES)}
    parts = [part("Shipment", head)]
    for role in _PARTIES:
        nested = manifest.get(role)
        flat = {name[len(role) + 1 :]: value for name, value in manifest.items() if name.startswith(f"{role}_")}
        parts.append(part(role.capitalize(), flat | (nested if isinstance(nested, dict) else {}), f"{role}_"))
    items = [item for item in manifest.get("items") or () if isinstance(item, dict)]
    for number, item in enumerate(items[:50], 1):
        parts.append(part(f"Goods item {item.get('item_number') or number}", item))
    return [one for one in parts if one["fields"]]


def contributions(answer: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the bars of the reasons with weights, in log-odds; None if the answer was not explained.

    Returns:
        ``bars`` with ``number``, ``text``, ``weight``, ``x`` and ``width`` in a drawing 100 wide; ``base`` and ``raw``, ``zero``.
    """
    weighted = [(number, one) for number, one in enumerate(answer["reasons"], 1) if one["weight"] is not None]
    if not weighted:
        return None
    low = min(0.0, *(one["weight"] for _, one in weighted))
    high = max(0.0, *(one["weight"] for _, one in weighted))
    scale = 100 / ((high - low) or 1.0)
    bars = [
        {
            "number": number,
            "text": one["text"],
            "weight": one["weight"],
            "x": round((min(0.0, one["weight"]) - low) * scale, 2),
            "width": max(0.4, round(abs(one["weight"]) * scale, 2)),
        }
        for number, one in weighted
    ]
    explained = answer.get("explains") or {}
    return {
        "bars": bars,
        "base": explained.get("base_value"),
        "raw": explained.get("raw_score"),
        "zero": round(-low * scale, 2),
    }


def party_ids(manifest: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the id of each named party of a manifest by its role."""
    record = None if manifest is None else record_of(orjson.dumps(manifest))
    return {} if record is None else {party.role: party.id for party in parties_of(record)}


def network(parties: Mapping[str, Mapping[str, Any]], here: str) -> dict[str, Any]:
    """Return the drawing of the network of the parties of a shipment, the same on every call.

    Args:
        parties: role -> answer of ``GET /v1/parties/{id}``.
        here: id of the shipment in the middle.

    Returns:
        ``nodes`` with ``x``, ``y``, ``kind``, ``text``, ``href`` and ``find``; ``edges`` with two points; ``height``.
    """
    sides = {role: _side(of, here) for role, of in parties.items() if role in _COLUMNS}
    tallest = max((len(column) for side in sides.values() for column in side), default=1)
    height = max(120, (tallest + 1) * _ROW)
    middle = {"x": WIDTH // 2, "y": height // 2, "kind": "here", "text": here, "href": None, "find": False}
    nodes, edges = [middle], []
    for role, (shipments, links) in sides.items():
        far, near, own = _COLUMNS[role]
        name = (parties[role]["names"] or ["?"])[0]
        party = {"x": own, "y": height // 2, "kind": role, "text": name, "href": None, "find": False}
        nodes.append(party)
        edges.append(_edge(party, middle))
        for column, x in ((shipments, near), (links, far)):
            for number, node in enumerate(column, 1):
                placed = {**node, "x": x, "y": round(height * number / (len(column) + 1))}
                nodes.append(placed)
                edges.append(_edge(placed, party))
    return {"nodes": nodes, "edges": edges, "height": height}


def _side(party: Mapping[str, Any], here: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    found = {one["decision_id"] for one in party["finds"]}
    latest = {row["shipment_id"]: row for row in reversed(party["shipments"]) if row["shipment_id"] != here}
    shipments = [
        {
            "kind": row["lane"],
            "text": row["shipment_id"],
            "href": f"/shipments/{row['decision_id']}",
            "find": row["decision_id"] in found,
        }
        for row in list(latest.values())[-_SHIPMENTS:]
    ]
    links = [
        {"kind": "link", "text": f"{link['name']} ({link['by']})", "href": None, "find": False}
        for link in party["links"]
        if link["by"] != "shipment"
    ][:_LINKS]
    return shipments, links


def _edge(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[int, int, int, int]:
    return one["x"], one["y"], other["x"], other["y"]


def timeline(parties: Mapping[str, Mapping[str, Any]], of: Mapping[str, Any]) -> dict[str, Any]:
    """Return the shipments of both parties in time.

    Returns:
        ``rows``, the latest first, with ``role``, ``find`` and ``x`` in a drawing 100 wide; ``first`` and ``last`` time.
    """
    found = {one["decision_id"]: one for party in parties.values() for one in party["finds"]}
    rows: dict[str, dict[str, Any]] = {}
    for role, party in parties.items():
        for row in party["shipments"]:
            known = rows.setdefault(row["decision_id"], {**row, "roles": [], "find": found.get(row["decision_id"])})
            known["roles"].append(role)
    ordered = sorted(rows.values(), key=lambda row: str(row["received_at"]), reverse=True)
    times = [_seconds(row["received_at"]) for row in ordered] + [_seconds(of["received_at"])]
    first, last = min(times), max(times)
    for row in ordered:
        row["x"] = round(2 + 96 * (_seconds(row["received_at"]) - first) / ((last - first) or 1.0), 2)
        row["is_here"] = row["shipment_id"] == of["shipment_id"]
    return {"rows": ordered, "first": first, "last": last}


def _seconds(text: str) -> float:
    return time_of(text).timestamp()


def changes_between(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[dict[str, str]]:
    """Return the fields that differ between two manifests: ``field``, ``old`` and ``new``, blank where one lacks it."""
    old, new = _flat(before or {}), _flat(after or {})
    return [
        {"field": name.replace("_", " "), "old": old.get(name, ""), "new": new.get(name, "")}
        for name in dict.fromkeys((*old, *new))
        if old.get(name) != new.get(name)
    ]


def _flat(value: Any, name: str = "") -> dict[str, str]:
    if isinstance(value, Mapping):
        parts = (_flat(inner, f"{name}.{key}" if name else str(key)) for key, inner in value.items())
    elif isinstance(value, list):
        parts = (_flat(inner, f"{name} {number}") for number, inner in enumerate(value, 1))
    else:
        return {} if value is None else {name: str(value)}
    return {key: text for part in parts for key, text in part.items()}


def trail_of(connection: Connection, subjects: Iterable[str]) -> list[dict[str, Any]]:
    """Return the entries of the audit chain about a decision, its outcomes, overrides and notes, the latest first."""
    columns = (AuditEntry.number, AuditEntry.at, AuditEntry.kind, AuditEntry.subject, AuditEntry.actor)
    query = select(*columns).where(AuditEntry.kind.in_(_KINDS), AuditEntry.subject.in_(list(subjects)))
    return [row._asdict() for row in connection.execute(query.order_by(AuditEntry.number.desc()).limit(200))]
