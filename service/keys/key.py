"""API keys: their form, text and digest, and the file of keys. `service.keys.repository` stores keys.

A key consists of ``tw_``, 8 characters, ``_`` and a secret of 256 random bits; its prefix is all before the second ``_``. The store
keeps its SHA-256. Passwords need a slow hash because they can be guessed. 256 random bits cannot be guessed, so a fast hash is
enough; it costs a request less than a microsecond.

The file is for a service without a store, and for keys that a deployment provides. JSON: ``{"keys": [{"id", "name", "prefix",
"sha256", "scopes", "requests_per_minute", "expires_at"}]}``. ``sha256`` has hexadecimal digits, and ``expires_at`` is a time with
its zone. ``requests_per_minute`` and ``expires_at`` may be missing. The file contains digests, not the keys themselves.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import string
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from features.readers.source import read_small
from service.core.database.times import iso_time_or_none, microseconds_of, now_us
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


class BadKeysFile(ValueError):
    """Error for a keys file that cannot be read. The message names the file and the fault."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, Field(min_length=1, max_length=MOST_NAME)]
    name: Annotated[str, Field(min_length=1, max_length=MOST_NAME)]
    prefix: Annotated[str, Field(pattern=r"^tw_[a-z0-9]{8}$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    scopes: Annotated[frozenset[str], Field(min_length=1)]
    requests_per_minute: Annotated[int | None, Field(ge=1)] = None
    expires_at: AwareDatetime | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    keys: Annotated[list[_Entry], Field(max_length=MOST_KEYS)]


def read_keys(path: Path) -> list[Key]:
    """Return the keys of a file, including expired ones.

    Raises:
        BadKeysFile: the file cannot be read, or its content does not have the form above.
    """
    try:
        entries = _File.model_validate_json(read_small(path)).keys
    except OSError as error:
        raise BadKeysFile(f"{path}: {error.strerror or error}") from None
    except ValidationError as error:
        # Leave out the values: a key that was put into the file by mistake must not reach a log.
        faults = (f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in error.errors())
        raise BadKeysFile(f"{path}: {'; '.join(faults)}") from None
    if len({entry.prefix for entry in entries}) < len(entries):
        raise BadKeysFile(f"{path}: two keys have the same prefix")
    return [_key(entry) for entry in entries]


def write_keys(path: Path, keys: Iterable[Key]) -> None:
    """Replace the file atomically. Only its owner may read it.

    Raises:
        OSError: the file cannot be written.
    """
    content = orjson.dumps(
        {"keys": [_entry(key) for key in keys]}, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    )
    write_secret(path, content)


def write_secret(path: Path, content: bytes) -> None:
    """Write a file atomically. Only its owner may read it.

    Raises:
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # mkstemp creates the file with mode 0600.
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _entry(key: Key) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "prefix": key.prefix,
        "sha256": key.digest.hex(),
        "scopes": sorted(key.scopes),
        "requests_per_minute": key.requests_per_minute,
        "expires_at": iso_time_or_none(key.expires_at),
    }


def _key(entry: _Entry) -> Key:
    return Key(
        id=entry.id,
        prefix=entry.prefix,
        digest=bytes.fromhex(entry.sha256),
        name=entry.name,
        scopes=entry.scopes,
        requests_per_minute=entry.requests_per_minute,
        created_at=0,
        created_by=None,
        expires_at=None if entry.expires_at is None else microseconds_of(entry.expires_at),
        revoked_at=None,
    )
