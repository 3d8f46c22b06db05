"""Table of signed heads of the audit chain."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from service.core.database.tables import Base, RowNumber


class AuditHead(Base):
    """Head of the audit chain at some time, signed with the office's key; see `service.audit.heads`.

    Attributes:
        number: number of the last entry.
        digest: digest of that entry.
        key: SHA-256 of the public key, by which its holder recognises it.
        signature: Ed25519 signature of number, digest and ``signed_at``.
    """

    __tablename__ = "audit_heads"

    position: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
    number: Mapped[int]
    digest: Mapped[bytes]
    signed_at: Mapped[int]
    key: Mapped[str]
    signature: Mapped[bytes]
