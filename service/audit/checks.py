"""Checks of entries against the tables, by the kind of entry.

A new kind of entry about rows of a table needs a check in `CHECKS`. Entries of other kinds are only checked as parts of the chain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Label, RowMapping, and_, select

from service.audit.entry import Check, Entry, Fault, Tally, differing, in_chunks
from service.audit.erasure_check import ErasureCheck
from service.audit.list_checks import LIST_CHECKS
from service.core.database.audit import salted
from service.core.database.tables import AuditEntry, Base
from service.decisions.repository import facts_of, plain_facts_of
from service.inspections.tables import Outcome, Override
from service.jobs.repository import END_FACTS
from service.jobs.repository import plain_facts_of as plain_facts_of_job
from service.jobs.repository import salted_facts_of as salted_facts_of_job
from service.jobs.tables import Job
from service.keys.tables import ApiKey
from service.scoring.tables import Decision
from service.webhooks.tables import Webhook

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: Rows per query. A decision on a large shipment takes a megabyte.
_ROWS_AT_ONCE: Final = 200

#: Function that returns how a row differs from the facts (None if it does not), and whether its personal fields were erased.
Compare = Callable[[RowMapping, Entry], tuple[str | None, bool]]


class RowCheck(Check):
    """Check of entries whose subject is the id of one row.

    Args:
        kind: kind of the entries.
        table: table of the rows, with a column ``id``.
        columns: names of the columns that ``compare`` needs.
        required: names of columns. Each row with a value in all of them needs an entry of this kind.
        ordered: whether rows with positions must be in the order of their entries.
        related: labelled values from other tables that ``compare`` also needs.
    """

    def __init__(
        self,
        kind: str,
        table: type[Base],
        columns: Sequence[str],
        compare: Compare,
        *,
        required: Sequence[str] = ("id",),
        related: Sequence[Label[Any]] = (),
        ordered: bool = True,
    ) -> None:
        self._kind = kind
        self._name = table.__tablename__
        self._table = table.__table__
        #: Whether the rows must be in the order of their entries, because the order decides which row is the latest.
        self._is_ordered = ordered and "position" in self._table.c
        needed = ("id", *columns, *(("position",) if self._is_ordered else ()))
        self._columns = [*(self._table.c[name] for name in dict.fromkeys(needed)), *related]
        self._compare = compare
        self._required = [self._table.c[name].is_not(None) for name in required]

    def faults(self, connection: Connection, entries: Sequence[Entry], tally: Tally) -> Iterator[Fault]:
        for chunk in in_chunks(entries, _ROWS_AT_ONCE):
            query = select(*self._columns).where(self._table.c.id.in_([entry.subject for entry in chunk]))
            rows = {row["id"]: row for row in connection.execute(query).mappings()}
            for entry in chunk:
                tally.entries += 1
                row = rows.get(entry.subject)
                if row is None:
                    problem: str | None = f"its row is missing in the table {self._name}"
                else:
                    problem, erased = self._compare(row, entry)
                    tally.erased += erased
                    if problem is None and self._is_ordered:
                        problem = _out_of_order(row["position"], tally)
                if problem is not None:
                    yield Fault(entry.number, entry.kind, entry.subject, problem)

    def unrecorded(self, connection: Connection, tally: Tally) -> Fault | None:
        entry = AuditEntry.__table__
        of_this_row = and_(entry.c.kind == self._kind, entry.c.subject == self._table.c.id)
        unrecorded = select(self._table.c.id).outerjoin(entry, of_this_row).where(entry.c.number.is_(None))
        subject = connection.execute(unrecorded.where(*self._required).limit(1)).scalar()
        if subject is None:
            return None
        return Fault(None, self._kind, subject, f"no entry records this row of the table {self._name}")


def _out_of_order(position: int, tally: Tally) -> str | None:
    if position <= tally.position:
        return "its row lies before that of an earlier entry"
    tally.position = position
    return None


#: Facts that entries of earlier versions lack. Those versions wrote none of them.
_LATER_FACTS: Final = frozenset(
    {
        *("declared_s", "duration_us", "features", "history_order", "percentile", "request", "version", "via"),
        *("what_if", "recorded_at"),
    }
)


def _differing(entry: Entry, found: Mapping[str, Any]) -> str | None:
    """Return how the values found differ from the entry, without facts that its version did not write yet."""
    known = {name: value for name, value in found.items() if name in entry.facts or name not in _LATER_FACTS}
    return differing({"caller": entry.actor, **entry.facts}, known)


def _decision(row: RowMapping, entry: Entry) -> tuple[str | None, bool]:
    values: dict[str, Any] = {**row}
    found = {"caller": values["caller"]}
    salt, manifest = values["salt"], values["manifest"]
    if salt is None:
        if manifest is not None:
            return "its salt is missing, but its manifest is not erased", True
        return _differing(entry, found | plain_facts_of(values)), True
    if manifest is None:
        return "its manifest is missing, but its salt is not erased", False
    return _differing(entry, found | facts_of(values, bytes(salt))), False


def _key_created(row: RowMapping, entry: Entry) -> tuple[str | None, bool]:
    found = {
        "digest": bytes(row["digest"]).hex(),
        "expires_at": row["expires_at"],
        "prefix": row["prefix"],
        "requests_per_minute": row["requests_per_minute"],
        "scopes": row["scopes"].split(),
        "created_at": row["created_at"],
        "created_by": row["created_by"],
    }
    # The salt of a name is never erased. Keys of earlier versions have no salt, and their entries contain no name.
    if row["salt"] is not None:
        found["name"] = salted(bytes(row["salt"]), row["name"].encode())
    elif "name" in entry.facts:
        return "its salt is missing", False
    return differing({"created_at": entry.at, "created_by": entry.actor, **entry.facts}, found), False


def _key_revoked(row: RowMapping, entry: Entry) -> tuple[str | None, bool]:
    return differing(entry.facts, {"revoked_at": row["revoked_at"]}), False


def _job_created(row: RowMapping, entry: Entry) -> tuple[str | None, bool]:
    values: dict[str, Any] = {**row}
    found = {"caller": values["caller"], **plain_facts_of_job(values)}
    are_deleted = values["files_deleted_at"] is not None
    if values["salt"] is not None:
        found |= salted_facts_of_job(values)
    elif not are_deleted:
        return "its salt is missing, but its files are not deleted", False
    return differing({"caller": entry.actor, **entry.facts}, found), are_deleted


def _job_ended(row: RowMapping, entry: Entry) -> tuple[str | None, bool]:
    return differing(entry.facts, {name: row[name] for name in END_FACTS}), False


def _webhook_added(row: RowMapping, entry: Entry) -> tuple[str | None, bool]:
    # The removal of an address deletes its secret, so its URL can no longer be checked.
    secret, is_removed = row["secret"].encode(), row["removed_at"] is not None
    if is_removed and not secret:
        return None, True
    return differing(entry.facts, {"url": salted(secret, row["url"].encode())}), False


def _webhook_removed(row: RowMapping, entry: Entry) -> tuple[str | None, bool]:
    return differing({"removed_at": entry.at}, {"removed_at": row["removed_at"]}), False


_OUTCOME_COLUMNS: Final = (
    "content",
    "corrects",
    "decision_id",
    "found_at",
    "quantity",
    "recorded_at",
    "substance",
    "unit",
)


def _outcome(row: RowMapping, entry: Entry) -> tuple[str | None, bool]:
    found = {name: row[name] for name in _OUTCOME_COLUMNS} | {"caller": row["caller"]}
    return _with_texts(row, entry, found, ("by", "method"))


def _override(row: RowMapping, entry: Entry) -> tuple[str | None, bool]:
    found = {name: row[name] for name in ("caller", "decision_id", "lane", "recorded_at")}
    return _with_texts(row, entry, found, ("reason",))


def _with_texts(row: RowMapping, entry: Entry, found: dict[str, Any], names: Sequence[str]) -> tuple[str | None, bool]:
    """Compare values, and texts that may be personal. The chain contains salted digests of the texts, and erasure deletes them."""
    salt = row["salt"]
    for name in names:
        text = row[name]
        if salt is None and text is not None:
            return f"its salt is missing, but {name} is not erased", True
        if salt is not None:
            found[name] = None if text is None else salted(bytes(salt), text.encode())
    if row["shipment_id"] != row["decided"]:
        return "the table holds other values of shipment_id", salt is None
    return _differing(entry, found), salt is None


def _with_decision(kind: str, table: type[Outcome | Override], columns: Sequence[str], compare: Compare) -> RowCheck:
    """Return the check of rows that belong to a decision and contain its shipment again."""
    decided = select(Decision.shipment_id).where(Decision.id == table.decision_id).scalar_subquery()
    needed = (*columns, "caller", "decision_id", "recorded_at", "salt", "shipment_id")
    return RowCheck(kind, table, needed, compare, related=[decided.label("decided")])


#: Kind of entry -> its check.
CHECKS: Final[Mapping[str, Check]] = {
    "decision": RowCheck("decision", Decision, Decision.__table__.c.keys(), _decision),
    "erasure": ErasureCheck(),
    # Jobs of earlier versions have no entries and no salt.
    "job_created": RowCheck(
        "job_created",
        Job,
        (
            *("caller", "created_at", "explain", "file_name", "files_deleted_at", "mapping", "result_format", "salt"),
            "upload_ending",
        ),
        _job_created,
        required=("salt",),
    ),
    "job_ended": RowCheck("job_ended", Job, END_FACTS, _job_ended, required=("salt", "finished_at"), ordered=False),
    "key_created": RowCheck(
        "key_created",
        ApiKey,
        ("digest", "expires_at", "name", "prefix", "requests_per_minute", "salt", "scopes", "created_at", "created_by"),
        _key_created,
    ),
    "key_revoked": RowCheck("key_revoked", ApiKey, ("revoked_at",), _key_revoked, required=("revoked_at",)),
    "outcome": _with_decision("outcome", Outcome, (*_OUTCOME_COLUMNS, "by", "method"), _outcome),
    "override": _with_decision("override", Override, ("lane", "reason"), _override),
    "webhook_added": RowCheck("webhook_added", Webhook, ("url", "secret", "removed_at"), _webhook_added),
    "webhook_removed": RowCheck(
        "webhook_removed", Webhook, ("removed_at",), _webhook_removed, required=("removed_at",)
    ),
    **LIST_CHECKS,
}
