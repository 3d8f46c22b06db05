"""Base of the mapped classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Double, Index, Integer, MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

#: Patterns of the names of constraints, so that migrations can refer to them on both engines.
NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "pk": "pk_%(table_name)s",
}

#: Number that the engine assigns to each row. SQLite assigns numbers only to columns of the type INTEGER.
RowNumber = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """Base of all tables of the store.

    Attributes:
        erased: values that an erasure gives to personal columns besides ``salt``, which becomes None. It erases the rows of a table
            with ``decision_id`` together with their decision, and those of a table with ``removed_at`` once they were removed. The
            audit chain names the erased rows. Empty for a table that an erasure leaves alone, or changes by a function.
        unproven: columns of a table with checks whose changes the proof of the audit chain does not find.
    """

    metadata = MetaData(naming_convention=NAMES)
    #: `int` is 64 bits wide, because times are microseconds.
    type_annotation_map: ClassVar[dict[Any, Any]] = {int: BigInteger, float: Double}
    erased: ClassVar[Mapping[str, Any]] = {}
    unproven: ClassVar[frozenset[str]] = frozenset()


class AuditEntry(Base):
    """Entry of the audit chain. Entries are only added, never changed; see `service.core.database.audit`.

    Attributes:
        number: position in the chain, from 1, without gaps.
        at: time of the entry.
        kind: kind of the event, such as ``decision`` or ``key_created``.
        subject: id of the object of the event.
        actor: id of the API key, or the name of the command.
        facts: JSON with sorted keys of what the entry proves: digests, and values without personal data.
        previous: digest of the previous entry; 32 zero bytes for the first.
        digest: SHA-256 of all values above, see `service.core.database.audit`.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (Index(None, "kind", "subject"),)

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[int]
    kind: Mapped[str]
    subject: Mapped[str]
    actor: Mapped[str | None]
    facts: Mapped[bytes]
    previous: Mapped[bytes]
    digest: Mapped[bytes]


class IdempotentRequest(Base):
    """A request that is answered once, and its answer. Rows are deleted after 24 hours.

    Attributes:
        caller: id of the API key; empty if keys are not required.
        key: value of the header.
        digest: SHA-256 of method, path, query string and body; for a job, of the file and the fields of the form.
        created_at: time at which a process began to work on the request.
        status: status of the answer; None while a process works on the request.
        media_type: ``Content-Type`` of the answer.
        body: the answer.
    """

    __tablename__ = "idempotent_requests"
    __table_args__ = (Index(None, "created_at"),)

    caller: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[bytes]
    created_at: Mapped[int]
    status: Mapped[int | None]
    media_type: Mapped[str | None]
    body: Mapped[bytes | None]
