"""All checks of entries against the tables. Entries of kinds without a check are only parts of the chain.

Each subject has the checks of its rows beside its tables. Here is that of erasures: the rows that they name have no salt, and all
other rows have one. Without it, a person who deletes a salt by hand could change a manifest or an answer unnoticed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import func, select

from service import subjects
from service.core.database.proof import Check, Entry, Fault, Tally, as_text, in_chunks, readable
from service.core.database.tables import AuditEntry
from service.scoring.tables import NO_DIGEST, Decision, remains_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

_ROWS_AT_ONCE: Final = 500


def all_checks() -> dict[str, Check]:
    """Return the checks of all subjects, and that of erasures: kind of entry -> check."""
    checks = [check for some in subjects.attributes("tables", "CHECKS") for check in some]
    return {check.kind: check for check in (*checks, ErasureCheck())}


class ErasureCheck(Check):
    """Check of erasures."""

    kind = "erasure"

    def __init__(self) -> None:
        self._tables: dict[str, Any] = {table.__tablename__: table for table in subjects.tables() if table.erased}

    def problem(self, connection: Connection, entry: Entry, tally: Tally) -> str | None:
        changed = _changed(connection, entry)
        if changed is not None:
            return f"{changed} of the table decisions was changed after its erasure"
        for name, table in self._tables.items():
            for ids in in_chunks(_ids(entry.facts, name), _ROWS_AT_ONCE):
                tally.rows += len(ids)
                with_salt = select(table.id).where(table.id.in_(ids), table.salt.is_not(None)).limit(1)
                subject = connection.execute(with_salt).scalar()
                if subject is not None:
                    return f"{as_text(subject)} of the table {table.__tablename__} was erased, but has a salt again"
        return None

    def unrecorded(self, connection: Connection, tally: Tally) -> Fault | None:
        # Each row is erased once, and all rows that erasures name were found without a salt. So equal numbers mean the same rows.
        without_salt = sum(
            connection.execute(select(func.count()).where(table.salt.is_(None))).scalar_one()
            for table in self._tables.values()
        )
        return None if without_salt == tally.rows else self._first_unrecorded(connection)

    def _first_unrecorded(self, connection: Connection) -> Fault | None:
        facts = connection.execute(select(AuditEntry.facts).where(AuditEntry.kind == "erasure")).scalars()
        recorded: dict[str, set[str]] = {name: set() for name in self._tables}
        for content in facts:
            for name in self._tables:
                recorded[name].update(_ids(orjson.loads(content), name))
        for name, table in self._tables.items():
            erased = select(table.id).where(table.salt.is_(None)).execution_options(yield_per=_ROWS_AT_ONCE)
            with connection.execute(erased) as found:
                for subject in found.scalars():
                    if subject not in recorded[name]:
                        problem = f"no erasure names this row of the table {table.__tablename__}, which has no salt"
                        return Fault(None, "erasure", as_text(subject), problem)
        return None


def _changed(connection: Connection, entry: Entry) -> str | None:
    """Return the first decision that differs from the digest in its erasure. Entries of earlier versions have no such digests."""
    ids, remains = _ids(entry.facts, "decisions"), entry.facts.get("remains")
    if remains is None:
        return None
    expected = dict(zip(ids, remains, strict=False))
    columns = [
        Decision.__table__.c[name] for name in ("id", "shipment_id", "channel", "site", "answer", "content_digest")
    ]
    for chunk in in_chunks(ids, _ROWS_AT_ONCE):
        query = select(*readable(connection, columns)).where(Decision.id.in_(chunk)).order_by(Decision.position)
        for row in connection.execute(query):
            if row.unreadable is not None or bytes(row.content_digest) != NO_DIGEST:
                return str(row.id)
            if remains_of(row.shipment_id, row.channel, row.site, bytes(row.answer)) != expected.get(row.id):
                return str(row.id)
    return None


def _ids(facts: Mapping[str, Any], table: str) -> list[str]:
    """Return the ids of the rows of a table that an erasure names.

    Raises:
        TypeError: the facts are not a list of texts.
    """
    ids = facts.get(table, [])
    if not isinstance(ids, list) or not all(isinstance(id_, str) for id_ in ids):
        raise TypeError
    return ids
