"""One API key: its form, its text and its digest. `service.keys.repository` stores keys.

A key consists of ``tw_``, 8 characters, ``_`` and a secret of 256 random bits; its prefix is all before the second ``_``. The store
keeps its SHA-256. Passwords need a slow hash because they can be guessed. 256 random bits cannot be guessed, so a fast hash is
enough; it costs a request less than a microsecond.
"""

from __future__ import annotations

import hashlib
import secrets
import string
from dataclasses import dataclass
from typing import Final

from service.core.database.times import now_us
from service.core.identifiers import new_ids

#: Maximum number of valid keys, because each worker holds all of them in memory.
MOST_KEYS: Final = 1_000
#: Longest name of a key, in characters.
MOST_NAME: Final = 200
#: Beginning of all keys, by which scanners for leaked secrets recognise them.
MARK: Final = "tw_"
PREFIX_LENGTH: Final = 8
_PREFIX_LETTERS: Final = string.ascii_lowercase + string.digits
_SECRET_BYTES: Final = 32


class KeyRefused(ValueError):
    """Error for a key that cannot be made. The message gives the reason."""


@dataclass(frozen=True, slots=True)
class Key:
    """API key without its secret. Attributes are those of `service.keys.tables.ApiKey`."""

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
    """Properties of a new key.

    Attributes:
        expires_at: time in microseconds since 1970; None for a key that does not expire.
        requests_per_minute: limit per worker; None for no limit.
    """

    name: str
    scopes: frozenset[str]
    expires_at: int | None = None
    requests_per_minute: int | None = None


def new_key(wishes: KeyWishes, created_by: str | None) -> tuple[Key, str]:
    """Return a new key and its text, which is not stored anywhere.

    Raises:
        KeyRefused: the name is empty, too long or not printable, there is no scope, the rate is below 1, or the expiry is past.
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
        raise KeyRefused("expires_at: is in the past")
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
    """Return the SHA-256 of a key's text."""
    return hashlib.sha256(text).digest()


def prefix_of(text: bytes) -> str | None:
    """Return the prefix of a key's text, with ``tw_``; None if the text does not have the form of a key."""
    end = len(MARK) + PREFIX_LENGTH
    if len(text) <= end or text[end] != ord("_") or not text.startswith(MARK.encode()):
        return None
    return text[:end].decode("latin-1")
