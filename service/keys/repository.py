"""API keys in the database: make, list and revoke them (see `service.keys.key`)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, insert, or_, select, update

from service.core.database import audit
from service.core.database.audit import Fact, salted
from service.core.database.times import now_us
from service.keys.key import MOST_KEYS, Key, KeyRefused, KeyWishes, new_key
from service.keys.tables import ApiKey

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from service.core.database.engine import Database

_SALT_BYTES: Final = 16


def create(database: Database, wishes: KeyWishes, actor: str | None) -> tuple[Key, str]:
    """Make a key, store its digest, and record it in the audit chain.

    Returns:
        The key and its text, which cannot be read again.

    Raises:
        KeyRefused: see `new_key`; also if `MOST_KEYS` keys are valid already.
    """
    key, text = new_key(wishes, actor)
    with database.write() as connection:
        valid = connection.execute(
            select(func.count()).select_from(ApiKey).where(_is_valid(key.created_at))
        ).scalar_one()
        if valid >= MOST_KEYS:
            raise KeyRefused(f"{MOST_KEYS:,} keys are valid already; revoke unused ones")
        _insert(connection, key)
    return key, text


def create_first(
    database: Database, wishes: KeyWishes, actor: str, shown: Callable[[str], None] | None = None
) -> tuple[Key, str] | None:
    """Make a key if there has never been one. If several processes do so together, one of them makes it.

    Args:
        shown: called with the key's text before the key is committed. If it raises, no key is made.

    Returns:
        The key and its text; None if there has been a key.
    """
    with database.write() as connection:
        # On PostgreSQL, writers do not wait for each other without this lock.
        database.lock_audit(connection)
        if connection.execute(select(ApiKey.id).limit(1)).first() is not None:
            return None
        key, text = new_key(wishes, actor)
        _insert(connection, key)
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
    """Revoke the key with this id or prefix. An already revoked key is not changed.

    Returns:
        The key; None if no key has that id or prefix.
    """
    if not name.isprintable():
        # PostgreSQL refuses a NUL character.
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
        audit.append(connection, [Fact("key_revoked", row.id, {"revoked_at": now}, actor)], now)
        return _key({**row._mapping, "revoked_at": now})


def facts_of(key: Key, salt: bytes) -> dict[str, Any]:
    """Return the facts about a new key for the audit chain. Its name is salted, because it may name a person."""
    return {
        "digest": key.digest.hex(),
        "expires_at": key.expires_at,
        "name": salted(salt, key.name.encode()),
        "prefix": key.prefix,
        "requests_per_minute": key.requests_per_minute,
        "scopes": sorted(key.scopes),
    }


def scopes_text(scopes: Iterable[str]) -> str:
    """Return scopes in the form of the table: sorted, separated by spaces."""
    return " ".join(sorted(scopes))


def _insert(connection: Connection, key: Key) -> None:
    row, salt = {name: getattr(key, name) for name in Key.__slots__}, os.urandom(_SALT_BYTES)
    connection.execute(insert(ApiKey), [row | {"scopes": scopes_text(key.scopes), "salt": salt}])
    facts: Sequence[Fact] = [Fact("key_created", key.id, facts_of(key, salt), key.created_by)]
    audit.append(connection, facts, key.created_at)


def _is_valid(now: int) -> Any:
    return ApiKey.revoked_at.is_(None) & (ApiKey.expires_at.is_(None) | (ApiKey.expires_at > now))


def _key(row: Mapping[Any, Any]) -> Key:
    values = {name: row[name] for name in Key.__slots__}
    return Key(**values | {"digest": bytes(row["digest"]), "scopes": frozenset(row["scopes"].split())})
