"""Keys file: for a service without a store, and for keys that a deployment provides.

JSON: ``{"keys": [{"id", "name", "prefix", "sha256", "scopes", "requests_per_minute", "expires_at"}]}``. ``sha256`` has hexadecimal
digits, and ``expires_at`` is a time with its zone. ``requests_per_minute`` and ``expires_at`` may be missing. The file contains
digests, not the keys themselves.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from features.readers.source import read_small
from service.core.database.times import iso_time_or_none, microseconds_of
from service.keys.key import MOST_KEYS, MOST_NAME, Key


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
