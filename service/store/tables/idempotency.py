"""Table of requests with an ``Idempotency-Key``."""

from __future__ import annotations

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from service.store.tables.base import Base


class IdempotentRequest(Base):
    """A request that is answered once, and its answer. Rows live for 24 hours.

    Attributes:
        caller: id of the API key; empty without keys.
        key: the header's value.
        digest: SHA-256 of method, path, query string and body; of a job, of the file and the fields of the form.
        created_at: when a process began to work on it.
        status: status of the answer; None while the request is in work.
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
