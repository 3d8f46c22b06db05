"""Table of the audit chain."""

from __future__ import annotations

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from service.store.tables.base import Base


class AuditEntry(Base):
    """Entry of the audit chain. Entries are only added, never changed; see `service.store.audit`.

    Attributes:
        number: position in the chain, from 1, without gaps.
        at: time of the entry.
        kind: kind of the event, such as ``decision`` or ``key_created``.
        subject: id of the object of the event.
        actor: id of the API key, or the name of the command.
        facts: JSON with sorted keys of what the entry proves: digests, and values without personal data.
        previous: digest of the previous entry; 32 zero bytes for the first.
        digest: SHA-256 of all values above, see `service.store.audit`.
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
