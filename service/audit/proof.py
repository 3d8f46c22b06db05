"""`prove`: read the whole audit chain, and return the first broken entry, if any.

Each subject has the checks of its rows beside its tables. Here is that of erasures: the rows that they name have no salt, and all
other rows have one. Without it, a person who deletes a salt by hand could change a manifest or an answer unnoticed. Entries of
kinds without a check are only parts of the chain.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import func, select

from service import subjects
from service.audit.heads import BadHead, Head, SignedHead, key_name, signed_heads
from service.core.database.audit import START, digest_of
from service.core.database.proof import UNREADABLE, Check, Entry, Fault, Tally, as_text, in_chunks, readable
from service.core.database.tables import AuditEntry
from service.scoring.tables import NO_DIGEST, Decision, remains_of

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from service.core.database.engine import Database

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


#: Entries per query.
_PAGE: Final = 2_000
#: Smallest number that the column can contain.
_MIN_NUMBER: Final = -(2**63)


@dataclass(slots=True)
class Proof:
    """Result of `prove`.

    Attributes:
        fault: the first broken entry; None if the chain is proven.
        number: number of the last entry that was read; 0 for an empty chain.
        digest: digest of that entry.
        tallies: kind of entry -> counts of its check. Entries of other kinds need no check against tables.
        heads: number of heads found in the chain.
        signed: number of heads whose signature was verified.
    """

    fault: Fault | None = None
    number: int = 0
    digest: bytes = START
    tallies: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    heads: int = 0
    signed: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain JSON values, as the command prints it."""
        fault = self.fault
        return {
            "state": "proven" if fault is None else "broken",
            "entries": self.number,
            "head": None if self.number == 0 else {"number": self.number, "digest": self.digest.hex()},
            "broken": None
            if fault is None
            else {"number": fault.number, "kind": fault.kind, "subject": fault.subject, "problem": fault.problem},
            "checked": {
                kind: {"entries": tally.entries, "erased": tally.erased} for kind, tally in sorted(self.tallies.items())
            },
            "heads": {"found": self.heads, "signatures": self.signed},
        }


def prove(
    database: Database,
    *,
    expected: Iterable[Head | SignedHead] = (),
    public_key: bytes | None = None,
    progress: Callable[[int], None] | None = None,
) -> Proof:
    """Check the chain from its first entry, and each entry against the tables. Memory does not grow with the chain.

    The proof reads one state of the database. It stops at the first broken entry.

    Args:
        expected: heads that the chain must contain, besides those of the table.
        public_key: PEM. Heads of this key must have a valid signature, and there must be at least one.
        progress: called with the number of entries read.

    Raises:
        models.bundle.BadKey: the key cannot be used.
    """
    proof, checks = Proof(), all_checks()
    with database.snapshot() as connection, _any_text(connection):
        awaited, proof.fault = _awaited(connection, expected, public_key, proof)
        # Start below 1, so that forged entries with such numbers are found.
        while proof.fault is None and (page := _page(connection, proof.number or _MIN_NUMBER)):
            proof.fault = _prove_page(connection, page, awaited, checks, proof)
            if progress is not None:
                progress(proof.number)
        if proof.fault is None:
            proof.fault = _cut_off(awaited, proof) or _unrecorded(connection, checks, proof)
    return proof


@contextmanager
def _any_text(connection: Connection) -> Iterator[None]:
    """Within the context, read texts of SQLite that are not UTF-8 too. They equal no fact, and have no digest."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name != "sqlite":
        yield
        return
    before = driver.text_factory
    driver.text_factory = lambda content: content.decode(errors="surrogateescape")
    try:
        yield
    finally:
        driver.text_factory = before


def _page(connection: Connection, after: int) -> Sequence[Row[Any]]:
    columns = readable(connection, AuditEntry.__table__.c)
    query = select(*columns).where(AuditEntry.number > after).order_by(AuditEntry.number)
    return connection.execute(query.limit(_PAGE)).all()


def _awaited(
    connection: Connection, expected: Iterable[Head | SignedHead], public_key: bytes | None, proof: Proof
) -> tuple[dict[int, list[Head]], Fault | None]:
    """Return the heads by number, and a fault if a signature is wrong or missing."""
    try:
        heads: list[tuple[Head | SignedHead, str]] = [(head, "a signed head") for head in signed_heads(connection)]
    except BadHead as error:
        return {}, Fault(None, None, None, str(error))
    heads += [(head, "the given head") for head in expected]
    name = None if public_key is None else key_name(public_key)
    awaited: dict[int, list[Head]] = defaultdict(list)
    for head, origin in heads:
        if isinstance(head, SignedHead):
            if public_key is not None and head.key == name:
                if not head.is_signed_with(public_key):
                    return awaited, Fault(head.number, None, None, f"{origin} of it has a wrong signature")
                proof.signed += 1
            origin = f"{origin} of {head.key[:12]}"
        awaited[head.number].append(Head(head.number, head.digest, origin))
    if public_key is not None and proof.signed == 0:
        return awaited, Fault(None, None, None, "no head is signed with the given key")
    return awaited, None


def _prove_page(
    connection: Connection,
    page: Sequence[Row[Any]],
    awaited: Mapping[int, Sequence[Head]],
    checks: Mapping[str, Check],
    proof: Proof,
) -> Fault | None:
    """Check a page of entries. Afterwards ``proof`` ends with the last of them, or before the broken one."""
    broken = None
    by_kind: dict[str, list[Entry]] = defaultdict(list)
    for row in page:
        problem, facts = _problem_of(row, awaited, proof)
        if problem is not None:
            missing = row.number != proof.number + 1
            broken = (
                Fault(proof.number + 1, None, None, problem)
                if missing
                else Fault(row.number, as_text(row.kind), as_text(row.subject), problem)
            )
            break
        proof.number, proof.digest = row.number, bytes(row.digest)
        if row.kind in checks:
            by_kind[row.kind].append(Entry(row.number, row.at, row.kind, row.subject, row.actor, facts))
    faults = [] if broken is None else [broken]
    for kind, entries in by_kind.items():
        faults += checks[kind].faults(connection, entries, proof.tallies[kind])
    return min(faults, key=lambda fault: fault.number or 0, default=None)


def _problem_of(
    row: Row[Any], awaited: Mapping[int, Sequence[Head]], proof: Proof
) -> tuple[str | None, Mapping[str, Any]]:
    """Return why an entry breaks the chain, None if it does not, and its facts."""
    if row.unreadable == "number":
        return "it is missing; an entry with an unreadable number comes next", {}
    if row.number != proof.number + 1:
        return f"it is missing; entry {row.number} comes next", {}
    if row.unreadable is not None:
        return f"its {row.unreadable} is not readable", {}
    if bytes(row.previous) != proof.digest:
        return "it does not continue the entry before", {}
    try:
        digest = digest_of(row.number, row.at, row.kind, row.subject, row.actor, bytes(row.facts), proof.digest)
        if bytes(row.digest) != digest:
            return "its digest is not that of its content", {}
        facts = {**orjson.loads(row.facts)}
    except UNREADABLE:
        return "its facts are not readable", {}
    for head in awaited.get(row.number, ()):
        if head.digest != digest:
            return f"{head.origin} names another digest", {}
        proof.heads += 1
    return None, facts


def _cut_off(awaited: Mapping[int, Sequence[Head]], proof: Proof) -> Fault | None:
    beyond = sorted(number for number in awaited if number > proof.number)
    if not beyond:
        return None
    head = awaited[beyond[-1]][0]
    return Fault(proof.number + 1, None, None, f"it is missing; {head.origin} says that there were {head.number}")


def _unrecorded(connection: Connection, checks: Mapping[str, Check], proof: Proof) -> Fault | None:
    for kind, check in checks.items():
        fault = check.unrecorded(connection, proof.tallies.get(kind, Tally()))
        if fault is not None:
            return fault
    return None
