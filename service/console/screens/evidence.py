"""The evidence of a decision: contributions, versions of the declaration, all that was recorded, and entries of the audit chain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import select

from service.console.notes import notes_on
from service.console.screens.manifest import label_of, tokens_of
from service.console.texts import _
from service.core.database.tables import AuditEntry
from service.inspections.outcomes import outcomes_of, overrides_of
from service.scoring.tables import Decision

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: Most declarations of a shipment on its page: the latest.
_VERSIONS: Final = 12
#: Fields that differ in each declaration and say nothing.
_ALWAYS: Final = frozenset({"declared_at"})
#: Kinds of entries of the audit chain that are about a decision, in words.
_KINDS: Final = {
    "decision": _("scored"),
    "opened": _("page opened"),
    "outcome": _("outcome recorded"),
    "override": _("lane chosen"),
    "note": _("note written"),
}
#: Codes of reasons that concern the lane and never the score, in words.
_RULES: Final = {
    "RULE": _("rule"),
    "WATCH_LIST": _("watch list"),
    "DISMISSED": _("dismissed"),
    "SUPPRESSED": _("suppression"),
    "UNREAD": _("not read"),
    "CHANGED": _("changed"),
    "EXPLORATION": _("exploration"),
}


def reasons_of(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the reasons with the bars of their weights: each begins where the one before ends, from the base value to the score.

    Returns:
        ``rows`` with ``number``, ``text`` (the code after erasure), ``source``, ``tokens`` for ``data-fields``, ``rule`` (words
        of a rule or list, otherwise None), ``weight`` in log-odds, and ``x`` and ``width`` in a drawing 100 wide (None without a
        weight); ``base`` and ``raw`` in log-odds and ``zero``, the place of the base value, all None if nothing was explained.
    """
    explained = answer.get("explains") or {}
    base, raw = explained.get("base_value"), explained.get("raw_score")
    ends = [base or 0.0]
    for one in answer["reasons"]:
        ends.append(ends[-1] + (one["weight"] or 0.0))
    low, high = min(ends), max(ends)
    scale = 100 / ((high - low) or 1.0)
    rows = []
    for number, (one, start, end) in enumerate(zip(answer["reasons"], ends, ends[1:], strict=False), 1):
        bar = {"x": round((min(start, end) - low) * scale, 2), "width": max(0.8, round(abs(end - start) * scale, 2))}
        shown = {
            "number": number,
            "text": one["text"] or one["code"].replace("_", " ").lower(),
            "source": one["source"],
            "tokens": tokens_of(one, answer),
            "rule": _RULES.get(one["code"], _("rule")) if one["weight"] is None else None,
            "weight": one["weight"],
        }
        rows.append(shown | (bar if one["weight"] is not None else {"x": None, "width": None}))
    return {"rows": rows, "base": base, "raw": raw, "zero": None if base is None else round((base - low) * scale, 2)}


def versions_of(connection: Connection, shipment_id: str) -> list[dict[str, Any]]:
    """Return the latest declarations of a shipment, the latest first, each with what it changed.

    Returns:
        At most 12, with the columns of the decision and ``changed`` of `changes_between`; None for the earliest and after erasure.
    """
    columns = (Decision.id, Decision.received_at, Decision.lane, Decision.selected_by, Decision.risk, Decision.manifest)
    query = select(*columns).where(Decision.shipment_id == shipment_id, Decision.what_if.is_(False))
    rows = connection.execute(query.order_by(Decision.position.desc()).limit(_VERSIONS)).all()
    manifests = [None if row.manifest is None else orjson.loads(row.manifest) for row in rows]
    found = []
    for row, manifest, before in zip(rows, manifests, [*manifests[1:], None], strict=True):
        changed = None
        if manifest is not None and before is not None:
            changed = [one for one in changes_between(before, manifest) if one["name"] not in _ALWAYS]
        values = row._asdict()
        del values["manifest"]
        found.append({**values, "changed": changed})
    return found


def changes_between(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[dict[str, str]]:
    """Return the fields that differ between two manifests: ``name``, ``field``, ``old`` and ``new``, blank where one lacks it."""
    old, new = _flat(before or {}), _flat(after or {})
    return [
        {"name": name, "field": _in_words(name), "old": old.get(name, ""), "new": new.get(name, "")}
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


def _in_words(name: str) -> str:
    """Return the name of a nested field in words, such as ``Goods item 2, HS code``."""
    of, _dot, key = name.rpartition(".")
    if of.startswith("items "):
        # Babel finds no text inside an f-string under every Python.
        item = _("Goods item")
        return f"{item} {of.removeprefix('items ')}, {label_of(key)}"
    return f"{of.capitalize()}, {label_of(f'{of}_{key}')}" if of else label_of(key)


def recorded_of(connection: Connection, shipment_id: str, decision_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return all that people recorded about a shipment, the latest first.

    Args:
        decision_ids: the decisions whose outcomes and overrides are read.

    Returns:
        Rows with ``what`` (``outcome``, ``override`` or ``note``), ``one`` (the stored row), ``at`` and ``who``.
    """
    found: list[dict[str, Any]] = [
        {"what": "outcome", "one": one, "at": one.recorded_at, "who": one.by or one.caller}
        for some in outcomes_of(connection, decision_ids).values()
        for one in some
    ]
    for some in overrides_of(connection, decision_ids).values():
        found += [{"what": "override", "one": one, "at": one.recorded_at, "who": one.caller} for one in some]
    found += [
        {"what": "note", "one": one, "at": one.recorded_at, "who": one.author}
        for one in notes_on(connection, shipment_id)
    ]
    return sorted(found, key=lambda row: row["at"], reverse=True)


def trail_of(connection: Connection, subjects: Iterable[str]) -> list[dict[str, Any]]:
    """Return the entries of the audit chain about decisions, outcomes, overrides and notes, the latest first, at most 200."""
    columns = (AuditEntry.number, AuditEntry.at, AuditEntry.kind, AuditEntry.actor)
    query = select(*columns).where(AuditEntry.kind.in_(list(_KINDS)), AuditEntry.subject.in_(list(subjects)))
    rows = connection.execute(query.order_by(AuditEntry.number.desc()).limit(200))
    return [row._asdict() | {"what": _KINDS[row.kind]} for row in rows]
