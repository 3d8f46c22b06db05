"""What was in service at a time: model, rules, settings, lists and proposals, from the entries of the audit chain.

The last entry of a kind up to the time counts, whichever worker wrote it. The chain says what was taken into service and when, but
not when a service ended. So the answer also names the decisions nearest to the time, whose answers name the model that made them,
and says in words what cannot be told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import func, select

from service.core.database.audit import salted
from service.core.database.tables import AuditEntry
from service.core.database.times import iso_time, iso_time_or_none, now_us
from service.lists.matching import TOPICS, Topic
from service.lists.tables import table_of
from service.scoring.tables import Decision, versions_of

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

#: Kinds of entries whose latest one says what is in service.
STATES: Final = ("model", "rules", "settings", "history_key", "keys_file", "capacity")
PROMOTION: Final = "promotion"
PROPOSALS: Final = ("proposal", "proposal_decided")
_LISTS: Final = tuple(f"{topic.kind}_{change}" for topic in TOPICS for change in ("added", "removed"))
#: Kinds of few entries, which one query reads by the index of kinds. There may be a million decisions.
_KINDS: Final = (*STATES, PROMOTION, *PROPOSALS, *_LISTS)
#: Promotions to show before the time; one after it is shown too.
_PROMOTIONS_BEFORE: Final = 3
#: Most ids of entries of a list to show.
MOST_IDS: Final = 1_000
#: Microseconds without a decision after which the answer says that nothing proves a running service: an hour.
_QUIET: Final = 3_600 * 1_000_000


def served_at(connection: Connection, at: int | None = None) -> dict[str, Any]:
    """Return what was in service at a time, as the JSON of `service.audit.schemas.Served`.

    Args:
        connection: connection that reads one state of the database.
        at: microseconds since 1970; default now.
    """
    now = now_us()
    at = now if at is None else at
    begins = connection.execute(select(AuditEntry.at).where(AuditEntry.number == 1)).scalar()
    ends = connection.execute(select(func.max(AuditEntry.number))).scalar()
    entries = _entries(connection)
    until = [entry for entry in entries if entry.at <= at]
    last = {entry.kind: entry for entry in until}
    before, after = (_nearest(connection, at, later=later) for later in (False, True))
    answer: dict[str, Any] = {
        "at": iso_time(at),
        "known": "model" in last,
        "model": _state(last.get("model"), name="name", version="version", folder="folder"),
        "rules": _state(last.get("rules"), rules="rules"),
        "settings": _state(last.get("settings")),
        "further": {kind: _state(last[kind], facts=None) for kind in STATES[3:] if kind in last},
        "lists": {topic.name: _list(connection, topic, until, at) for topic in TOPICS},
        "proposals": _proposals(until, at),
        "promotions": _promotions(entries, at),
        "decisions": {"before": _decision(before), "after": _decision(after)},
        "chain": {"entries": ends or 0, "begins_at": iso_time_or_none(begins)},
    }
    notes = [*_of_chain((at, now, begins), last), *_of_lists(answer["lists"])]
    if begins is not None and at >= begins:
        notes += _of_decisions(at, last.get("model"), before, after)
    return answer | {"notes": notes}


def _entries(connection: Connection) -> Sequence[Row[Any]]:
    query = select(*(AuditEntry.__table__.c[name] for name in ("number", "at", "kind", "subject", "actor", "facts")))
    # Sorted here: with LIMIT or ORDER BY, an engine may walk the whole chain instead of the few entries of these kinds.
    return sorted(connection.execute(query.where(AuditEntry.kind.in_(_KINDS))), key=lambda entry: entry.number)


def _facts(entry: Row[Any]) -> dict[str, Any]:
    facts: dict[str, Any] = orjson.loads(bytes(entry.facts))
    return facts


def _state(entry: Row[Any] | None, **members: str | None) -> dict[str, Any] | None:
    """Return an entry about the service itself.

    Args:
        members: member of the answer -> name of the fact; None for all facts.
    """
    if entry is None:
        return None
    facts = _facts(entry)
    told = {name: facts if fact is None else facts.get(fact) for name, fact in members.items()}
    return {"digest": entry.subject, **told, "since": iso_time(entry.at), "entry": entry.number}


def _list(connection: Connection, topic: Topic, until: Iterable[Row[Any]], at: int) -> dict[str, Any]:
    """Return the entries of a list in force. The chain says how many, the table which; its rows are proven by the chain."""
    count, revision, since = 0, 0, None
    for entry in until:
        if entry.kind.startswith(f"{topic.kind}_"):
            facts = _facts(entry)
            count += facts["entries"] if entry.kind.endswith("_added") else -facts["entries"]
            revision, since = facts["revision"], entry.at
    table = table_of(topic)
    there = select(table.id, table.expires_at).where(
        table.added_at <= at, (table.removed_at.is_(None)) | (table.removed_at > at)
    )
    rows = connection.execute(there.order_by(table.position)).all() if count else []
    ids = [row.id for row in rows if row.expires_at is None or row.expires_at > at]
    return {
        "entries": len(ids),
        "expired": len(rows) - len(ids),
        "recorded": count,
        "revision": revision,
        "since": iso_time_or_none(since),
        "digest": salted(b"", "\n".join(ids).encode()) if ids else None,
        "ids": ids[:MOST_IDS],
    }


def _proposals(until: Iterable[Row[Any]], at: int) -> list[dict[str, Any]]:
    """Return the accepted proposals that had not ended, in the order of their acceptance."""
    ends: dict[str, int] = {}
    decided: dict[str, tuple[Row[Any], str]] = {}
    for entry in until:
        if entry.kind == PROPOSALS[0]:
            ends[entry.subject] = _facts(entry)["until"]
        elif entry.kind == PROPOSALS[1]:
            facts = _facts(entry)
            decided[facts["proposal"]] = entry, facts["state"]
    return [
        {
            "id": proposal,
            "by": entry.actor,
            "since": iso_time(entry.at),
            "until": iso_time(ends[proposal]),
            "entry": entry.number,
        }
        for proposal, (entry, state) in sorted(decided.items(), key=lambda one: one[1][0].number)
        if state == "accepted" and ends.get(proposal, at) > at
    ]


def _promotions(entries: Iterable[Row[Any]], at: int) -> list[dict[str, Any]]:
    """Return the last promotions and rollbacks up to a time, and the first after it."""
    all_of = [entry for entry in entries if entry.kind == PROMOTION]
    before = [entry for entry in all_of if entry.at <= at]
    shown = [*before[-_PROMOTIONS_BEFORE:], *[entry for entry in all_of if entry.at > at][:1]]
    return [_promotion(entry, _facts(entry)) for entry in shown]


def _promotion(entry: Row[Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "at": iso_time(entry.at),
        "digest": entry.subject,
        "version": facts.get("version"),
        "by": entry.actor,
        "reason": facts.get("forced_because", facts.get("reason")),
        "entry": entry.number,
    }


def _nearest(connection: Connection, at: int, *, later: bool) -> Row[Any] | None:
    """Return the last decision of the service up to a time, or the first after it. A command may use a model of its own."""
    received = Decision.received_at
    query = select(Decision.__table__).where(Decision.via != "file", received > at if later else received <= at)
    return connection.execute(query.order_by(received if later else received.desc()).limit(1)).first()


def _decision(row: Row[Any] | None) -> dict[str, Any] | None:
    if row is None:
        return None
    versions = versions_of(row)
    return {
        "id": row.id,
        "at": iso_time(row.received_at),
        "version": versions.model,
        "digest": versions.model_digest,
        "rules_digest": versions.rules_digest,
    }


def _of_chain(times: tuple[int, int, int | None], last: Mapping[str, Row[Any]]) -> Iterator[str]:
    """Yield in words what the chain cannot tell at a time, given the present time and the time of the first entry."""
    at, now, begins = times
    if at > now:
        yield "This time lies in the future; the answer is what is in force now."
    if begins is None:
        yield "The chain has no entry yet: it cannot tell what was in service."
        return
    if at < begins:
        yield f"The chain begins at {iso_time(begins)}: it cannot tell what was in service before."
        return
    model, promotion = last.get("model"), last.get(PROMOTION)
    if model is None:
        yield "No service had put a model into service by then."
    if promotion is not None and (model is None or (promotion.at > model.at and promotion.subject != model.subject)):
        yield (
            f"The promotion at {iso_time(promotion.at)} to {promotion.subject[:12]} was not in effect: no service had loaded that "
            "model by then. It was not running, or had refused it."
        )


def _of_lists(lists: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, one in lists.items():
        there = one["entries"] + one["expired"]
        if there != one["recorded"]:
            yield f"The chain records {one['recorded']} entries of {name}, the table has {there}: run `tidewaiter audit verify`."


def _of_decisions(at: int, model: Row[Any] | None, before: Row[Any] | None, after: Row[Any] | None) -> Iterator[str]:
    """Yield what the decisions nearest to a time do not prove."""
    if before is None or before.received_at < at - _QUIET:
        spans = [
            f"{name} was at {iso_time(one.received_at)}" for name, one in (("last", before), ("next", after)) if one
        ]
        which = f"; the {' and the '.join(spans)}" if spans else ""
        yield f"No decision in the hour before proves that a service was running{which}. The chain records no end of a service."
    if before is not None and model is not None and (used := versions_of(before).model_digest) != model.subject:
        yield (
            f"The last decision, at {iso_time(before.received_at)}, used the model {used[:12]}: no request had come "
            "since the change, or its worker had not taken it over."
        )
