"""Checks of entries against the tables, by the kind of entry.

A new kind of entry about rows of a table needs a check in `CHECKS`. Entries of other kinds are only checked as parts of the chain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Label, and_, select

from service.audit.entry import Check, Entry, Fault, Tally, as_text, in_chunks, readable
from service.audit.erasure_check import ErasureCheck
from service.audit.list_checks import LIST_CHECKS
from service.core.database.audit import salted
from service.core.database.tables import AuditEntry, Base
from service.decisions.repository import facts_of, plain_facts_of
from service.inspections.tables import Outcome, Override
from service.jobs.repository import END_FACTS
from service.jobs.repository import salted_facts_of as salted_facts_of_job
from service.jobs.tables import Job
from service.keys.tables import ApiKey
from service.scoring.tables import Decision
from service.webhooks.tables import Webhook

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: Rows per query. A decision on a large shipment takes a megabyte.
_ROWS_AT_ONCE: Final = 200

Values = Mapping[str, Any]


class RowCheck(Check):
    """Check that the row with the id of an entry has the values and salted digests of its facts.

    Args:
        kind: kind of the entries.
        table: table of the rows, with a column ``id``.
        plain: names of columns, or a function that returns the facts of a row that need no salt.
        private: function that returns the salted digests of a row. Rows whose salt was erased have none.
        columns: names of the columns that the functions need.
        unerased: function that returns what is wrong with a row without salt, or with a salt and without personal data; None if
            nothing is.
        required: names of columns. Each row with a value in all of them needs an entry of this kind.
        related: labelled values from other tables that the functions also need.
    """

    def __init__(
        self,
        kind: str,
        table: type[Base],
        plain: Sequence[str] | Callable[[Values], Values],
        private: Callable[[Values], Values] | None = None,
        *,
        columns: Iterable[str] = (),
        unerased: Callable[[Values, Entry], str | None] | None = None,
        required: Sequence[str] = ("id",),
        related: Sequence[Label[Any]] = (),
    ) -> None:
        self._kind, self._private, self._unerased, self._related = kind, private, unerased, related
        self._table = table.__table__
        self._name = table.__tablename__
        names = () if callable(plain) else plain
        self._plain = plain if callable(plain) else lambda row: {name: row[name] for name in names}
        # New rows must be in the order of their entries, because the order decides which row is the latest.
        self._is_ordered = private is not None and "position" in self._table.c
        needed = ("id", *names, *columns, *(("position",) if self._is_ordered else ()))
        self._columns = [self._table.c[name] for name in dict.fromkeys(needed)]
        self._rows: Mapping[Any, Values] = {}
        self._required = [self._table.c[name].is_not(None) for name in required]

    def faults(self, connection: Connection, entries: Sequence[Entry], tally: Tally) -> Iterator[Fault]:
        for chunk in in_chunks(entries, _ROWS_AT_ONCE):
            columns = [*readable(connection, self._columns), *self._related]
            query = select(*columns).where(self._table.c.id.in_([entry.subject for entry in chunk]))
            self._rows = {row["id"]: {**row} for row in connection.execute(query).mappings()}
            yield from super().faults(connection, chunk, tally)

    def problem(self, connection: Connection, entry: Entry, tally: Tally) -> str | None:
        row = self._rows.get(entry.subject)
        if row is None:
            return f"its row is missing in the table {self._name}"
        if row["unreadable"] is not None:
            return f"the table holds a value of another type of {row['unreadable']}"
        if self._unerased is not None and (problem := self._unerased(row, entry)):
            return problem
        found = {**self._plain(row)}
        if self._private is not None and _has_salt(row):
            found |= self._private(row)
        tally.erased += self._private is not None and not _has_salt(row)
        problem = _differing(entry, found)
        if problem is None and self._is_ordered:
            if row["position"] <= tally.position:
                return "its row lies before that of an earlier entry"
            tally.position = row["position"]
        return problem

    def unrecorded(self, connection: Connection, tally: Tally) -> Fault | None:
        entry = AuditEntry.__table__
        of_this_row = and_(entry.c.kind == self._kind, entry.c.subject == self._table.c.id)
        unrecorded = select(self._table.c.id).outerjoin(entry, of_this_row).where(entry.c.number.is_(None))
        subject = connection.execute(unrecorded.where(*self._required).limit(1)).scalar()
        if subject is None:
            return None
        return Fault(None, self._kind, as_text(subject), f"no entry records this row of the table {self._name}")


#: Facts that entries of earlier versions lack. Those versions wrote none of them.
_LATER_FACTS: Final = frozenset(
    {
        *("declared_s", "duration_us", "features", "history_order", "percentile", "request", "version", "via"),
        *("what_if", "recorded_at"),
    }
)


def _differing(entry: Entry, found: Values) -> str | None:
    """Return which values differ from the entry, without facts that its version did not write yet."""
    at_the_time = {"created_at": entry.at, "removed_at": entry.at, "caller": entry.actor, "created_by": entry.actor}
    facts = {**at_the_time, **entry.facts}
    names = sorted(name for name, value in found.items() if facts.get(name) != value)
    names = [name for name in names if name in entry.facts or name not in _LATER_FACTS]
    return f"the table holds other values of {', '.join(names)}" if names else None


def _has_salt(row: Values) -> bool:
    return bool(row["secret"] if "secret" in row else row["salt"])


def _decision_unerased(row: Values, _: Entry) -> str | None:
    if not _has_salt(row) and row["manifest"] is not None:
        return "its salt is missing, but its manifest is not erased"
    if _has_salt(row) and row["manifest"] is None:
        return "its manifest is missing, but its salt is not erased"
    return None


def _key(row: Values) -> Values:
    plain = ("expires_at", "prefix", "requests_per_minute", "created_at", "created_by")
    digest, scopes = bytes(row["digest"]).hex(), row["scopes"].split()
    return {**{name: row[name] for name in plain}, "digest": digest, "scopes": scopes}


def _key_unerased(row: Values, entry: Entry) -> str | None:
    # The salt of a name is never erased. Keys of earlier versions have no salt, and their entries contain no name.
    return "its salt is missing" if not _has_salt(row) and "name" in entry.facts else None


def _job_unerased(row: Values, _: Entry) -> str | None:
    is_kept = not _has_salt(row) and row["files_deleted_at"] is None
    return "its salt is missing, but its files are not deleted" if is_kept else None


def _webhook_unerased(row: Values, _: Entry) -> str | None:
    # The removal of an address deletes its secret, so its URL can no longer be checked.
    return None if _has_salt(row) or row["removed_at"] is not None else "the table holds other values of url"


def _salted_texts(names: Sequence[str]) -> Callable[[Values], Values]:
    """Return a function for the salted digests of texts that may be personal."""

    def private(row: Values) -> Values:
        salt = bytes(row["salt"])
        return {name: None if row[name] is None else salted(salt, row[name].encode()) for name in names}

    return private


def _of_decision(kind: str, table: type[Outcome | Override], plain: Sequence[str], texts: Sequence[str]) -> RowCheck:
    """Return the check of rows that belong to a decision and contain its shipment again."""

    def unerased(row: Values, _: Entry) -> str | None:
        kept = [name for name in texts if row[name] is not None]
        if kept and not _has_salt(row):
            return f"its salt is missing, but {kept[0]} is not erased"
        same = row["shipment_id"] == row["decided"]
        return None if same else "the table holds other values of shipment_id"

    decided = select(Decision.shipment_id).where(Decision.id == table.decision_id).scalar_subquery()
    return RowCheck(
        kind,
        table,
        (*plain, "caller", "decision_id", "recorded_at"),
        _salted_texts(texts),
        columns=(*texts, "salt", "shipment_id"),
        unerased=unerased,
        related=[decided.label("decided")],
    )


#: Kind of entry -> its check.
CHECKS: Final[Mapping[str, Check]] = {
    "decision": RowCheck(
        "decision",
        Decision,
        lambda row: {"caller": row["caller"], **plain_facts_of(row)},
        lambda row: facts_of(row, bytes(row["salt"])),
        columns=Decision.__table__.c.keys(),
        unerased=_decision_unerased,
    ),
    "erasure": ErasureCheck(),
    # Jobs of earlier versions have no entries and no salt.
    "job_created": RowCheck(
        "job_created",
        Job,
        ("caller", "created_at", "explain", "result_format", "upload_ending"),
        salted_facts_of_job,
        columns=("file_name", "files_deleted_at", "mapping", "salt"),
        unerased=_job_unerased,
        required=("salt",),
    ),
    "job_ended": RowCheck("job_ended", Job, END_FACTS, required=("salt", "finished_at")),
    "key_created": RowCheck(
        "key_created",
        ApiKey,
        _key,
        _salted_texts(("name",)),
        columns=(
            "digest",
            "expires_at",
            "name",
            "prefix",
            "requests_per_minute",
            "salt",
            "scopes",
            "created_at",
            "created_by",
        ),
        unerased=_key_unerased,
    ),
    "key_revoked": RowCheck("key_revoked", ApiKey, ("revoked_at",), required=("revoked_at",)),
    "outcome": _of_decision(
        "outcome",
        Outcome,
        ("content", "corrects", "found_at", "quantity", "substance", "unit"),
        ("by", "method"),
    ),
    "override": _of_decision("override", Override, ("lane",), ("reason",)),
    "webhook_added": RowCheck(
        "webhook_added",
        Webhook,
        (),
        lambda row: {"url": salted(row["secret"].encode(), row["url"].encode())},
        columns=("url", "secret", "removed_at"),
        unerased=_webhook_unerased,
    ),
    "webhook_removed": RowCheck("webhook_removed", Webhook, ("removed_at",), required=("removed_at",)),
    **LIST_CHECKS,
}
