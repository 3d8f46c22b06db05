"""Table of API keys."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from service.core.database.tables import Base


class ApiKey(Base):
    """API key. Rows are never deleted, so that the callers of decisions can still be named.

    Attributes:
        id: identifies the key in decisions, in the audit chain and in logs.
        prefix: first characters of the key, by which its holder recognises it.
        digest: SHA-256 of the whole key; see `service.keys.key`.
        scopes: separated by spaces, sorted.
        requests_per_minute: limit per worker; None for no limit.
        created_by: id of the key, or name of the command, that made it.
        expires_at: end of its validity; None if it does not expire.
        revoked_at: time of its revocation; None if it is not revoked.
        salt: random bytes in the audit chain's digest of the name; None for a key of an earlier version.
    """

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    prefix: Mapped[str] = mapped_column(unique=True)
    digest: Mapped[bytes]
    name: Mapped[str]
    scopes: Mapped[str]
    requests_per_minute: Mapped[int | None]
    created_at: Mapped[int]
    created_by: Mapped[str | None]
    expires_at: Mapped[int | None]
    revoked_at: Mapped[int | None]
    salt: Mapped[bytes | None]
