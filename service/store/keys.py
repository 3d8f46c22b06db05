"""API keys: make, list and revoke them.

A key is ``tw_``, a prefix of 8 characters, ``_`` and a secret of 256 random bits. The store keeps its SHA-256. A slow hash would
protect passwords, which can be guessed; 256 random bits cannot, and a fast hash costs a request less than a microsecond.
"""

from __future__ import annotations

import hashlib
import secrets
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, insert, or_, select, update

from service.identifiers import new_ids
from service.store import audit
from service.store.audit import Fact
from service.store.tables import ApiKey
from service.store.times import now_us

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from service.store.database import Database

#: Keys that are valid at the same time, so that each worker can hold all of them.
MOST_KEYS: Final = 1_000
#: Characters of a name.
MOST_NAME: Final = 200
#: Of all keys. Scanners of leaked secrets recognise keys by it.
MARK: Final = "tw_"
PREFIX_LENGTH: Final = 8
_PREFIX_LETTERS: Final = string.ascii_lowercase + string.digits
_SECRET_BYTES: Final = 32


class KeyRefused(ValueError):
    """Error for a key that cannot be made; the message says why."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key, without its secret. Attributes are those of `service.store.tables.ApiKey`."""

    id: str
    prefix: str
    digest: bytes
    name: str
    scopes: frozenset[str]
    requests_per_minute: int | None
    created_at: int
    created_by: str | None
    expires_at: int | None
    revoked_at: int | None

    def is_valid(self, now: int) -> bool:
        """Return whether the key is neither revoked nor expired at ``now``, in microseconds since 1970."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class KeyWishes:
    """What a new key should be.

    Attributes:
        expires_at: in microseconds since 1970; None: it does not expire.
        requests_per_minute: limit per worker; None: no limit.
    """

    name: str
    scopes: frozenset[str]
    expires_at: int | None = None
    requests_per_minute: int | None = None


def new_key(wishes: KeyWishes, created_by: str | None) -> tuple[Key, str]:
    """Return a new key and its text, which is kept nowhere.

    Raises:
        KeyRefused: the name is empty or too long, there is no scope, or the key would never be valid.
    """
    name = wishes.name.strip()
    if not 0 < len(name) <= MOST_NAME or not name.isprintable():
        raise KeyRefused(f"name: 1 to {MOST_NAME} printable characters are needed")
    if not wishes.scopes:
        raise KeyRefused("scopes: at least one is needed")
    if wishes.requests_per_minute is not None and wishes.requests_per_minute < 1:
        raise KeyRefused("requests_per_minute: at least 1 is needed")
    now = now_us()
    if wishes.expires_at is not None and wishes.expires_at <= now:
        raise KeyRefused("expires_at: it lies in the past")
    prefix = MARK + "".join(secrets.choice(_PREFIX_LETTERS) for _ in range(PREFIX_LENGTH))
    text = f"{prefix}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    key = Key(
        id=new_ids(1)[0],
        prefix=prefix,
        digest=digest_of(text.encode()),
        name=name,
        scopes=wishes.scopes,
        requests_per_minute=wishes.requests_per_minute,
        created_at=now,
        created_by=created_by,
        expires_at=wishes.expires_at,
        revoked_at=None,
    )
    return key, text


def digest_of(text: bytes) -> bytes:
    """Return the digest by which a key is known."""
    return hashlib.sha256(text).digest()


def prefix_of(text: bytes) -> str | None:
    """Return the prefix of a key's text; None if it has not the form of a key."""
    end = len(MARK) + PREFIX_LENGTH
    if len(text) <= end or text[end] != ord("_") or not text.startswith(MARK.encode()):
        return None
    return text[:end].decode("latin-1")


def create(database: Database, wishes: KeyWishes, actor: str | None) -> tuple[Key, str]:
    """Make a key, keep its digest, and append it to the audit chain.

    Returns:
        The key and its text, which cannot be read again.

    Raises:
        KeyRefused: see `new_key`; or `MOST_KEYS` keys are valid.
    """
    key, text = new_key(wishes, actor)
    with database.write() as connection:
        valid = connection.execute(
            select(func.count()).select_from(ApiKey).where(_is_valid(key.created_at))
        ).scalar_one()
        if valid >= MOST_KEYS:
            raise KeyRefused(f"{MOST_KEYS:,} keys are valid already; revoke those that nobody uses")
        _insert(database, connection, key)
    return key, text


def create_first(
    database: Database, wishes: KeyWishes, actor: str, shown: Callable[[str], None] | None = None
) -> tuple[Key, str] | None:
    """Make a key if there has never been one. Of several processes that do so together, one makes it.

    Args:
        shown: called with the key's text before the key is kept. If it raises, no key is made.

    Returns:
        The key and its text; None if there are keys.
    """
    with database.write() as connection:
        # On PostgreSQL, writers do not wait for each other without it.
        database.lock_audit(connection)
        if connection.execute(select(ApiKey.id).limit(1)).first() is not None:
            return None
        key, text = new_key(wishes, actor)
        _insert(database, connection, key)
        if shown is not None:
            shown(text)
    return key, text


def every(database: Database) -> list[Key]:
    """Return all keys, the newest first."""
    with database.read() as connection:
        rows = connection.execute(select(ApiKey.__table__).order_by(ApiKey.created_at.desc(), ApiKey.id))
        return [_key(row._mapping) for row in rows]


def valid(database: Database) -> list[Key]:
    """Return the keys that are neither revoked nor expired."""
    with database.read() as connection:
        rows = connection.execute(select(ApiKey.__table__).where(_is_valid(now_us())))
        return [_key(row._mapping) for row in rows]


def revoke(database: Database, name: str, actor: str | None) -> Key | None:
    """Revoke the key with an id or prefix. A key that is revoked already stays as it is.

    Returns:
        The key; None if there is none of that id or prefix.
    """
    if not name.isprintable():
        # PostgreSQL refuses a NUL.
        return None
    now = now_us()
    with database.write() as connection:
        row = connection.execute(
            select(ApiKey.__table__).where(or_(ApiKey.id == name, ApiKey.prefix == name)).with_for_update()
        ).first()
        if row is None:
            return None
        if row.revoked_at is not None:
            return _key(row._mapping)
        connection.execute(update(ApiKey).where(ApiKey.id == row.id).values(revoked_at=now))
        audit.append(database, connection, [Fact("key_revoked", row.id, {"revoked_at": now}, actor)], now)
        return _key({**row._mapping, "revoked_at": now})


def facts_of(key: Key) -> dict[str, Any]:
    """Return what the audit chain says about a new key. Its name is left out, because it may name a person."""
    return {
        "digest": key.digest.hex(),
        "expires_at": key.expires_at,
        "prefix": key.prefix,
        "requests_per_minute": key.requests_per_minute,
        "scopes": sorted(key.scopes),
    }


def scopes_text(scopes: Iterable[str]) -> str:
    """Return scopes as the table keeps them."""
    return " ".join(sorted(scopes))


def _insert(database: Database, connection: Connection, key: Key) -> None:
    row = {name: getattr(key, name) for name in Key.__slots__}
    connection.execute(insert(ApiKey), [row | {"scopes": scopes_text(key.scopes)}])
    facts: Sequence[Fact] = [Fact("key_created", key.id, facts_of(key), key.created_by)]
    audit.append(database, connection, facts, key.created_at)


def _is_valid(now: int) -> Any:
    return ApiKey.revoked_at.is_(None) & (ApiKey.expires_at.is_(None) | (ApiKey.expires_at > now))


def _key(row: Mapping[Any, Any]) -> Key:
    values = {name: row[name] for name in Key.__slots__}
    return Key(**values | {"digest": bytes(row["digest"]), "scopes": frozenset(row["scopes"].split())})
