"""Table of API keys, and the proof of its rows."""

from __future__ import annotations

from typing import Final

from sqlalchemy.orm import Mapped, mapped_column

from service.core.database.proof import Entry, RowCheck, Values, has_salt, salted_texts
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


def _plain(row: Values) -> Values:
    plain = ("expires_at", "prefix", "requests_per_minute", "created_at", "created_by")
    digest, scopes = bytes(row["digest"]).hex(), row["scopes"].split()
    return {**{name: row[name] for name in plain}, "digest": digest, "scopes": scopes}


def _unerased(row: Values, entry: Entry) -> str | None:
    # The salt of a name is never erased. Keys of earlier versions have no salt, and their entries contain no name.
    return "its salt is missing" if not has_salt(row) and "name" in entry.facts else None


CHECKS: Final = (
    RowCheck(
        "key_created",
        ApiKey,
        _plain,
        salted_texts(("name",)),
        columns=[column.name for column in ApiKey.__table__.c if column.name != "revoked_at"],
        unerased=_unerased,
    ),
    RowCheck("key_revoked", ApiKey, ("revoked_at",), required=("revoked_at",)),
)
