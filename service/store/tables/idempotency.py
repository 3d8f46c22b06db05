"""Table of requests with an ``Idempotency-Key``."""

from __future__ import annotations

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from service.store.tables.base import Base


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
