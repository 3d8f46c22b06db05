"""Sources of the keys of a service, and its first key."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from service.core.errors import DatabaseAway
from service.keys.first_key import make_first_key
from service.keys.key import Key
from service.keys.keys_file import read_keys
from service.keys.ring import KeyRing, Source

if TYPE_CHECKING:
    from service.core.database.engine import Database
    from service.core.settings import Settings


#: Name of the source in `KeyRing.sources`.
_DATABASE: Final = "database"


class _StoredKeys:
    """Source of the keys of a database. It makes the first key before the first reading.

    Args:
        file: see `make_first_key`; None if no first key is needed.
    """

    def __init__(self, database: Database, scopes: Iterable[str], file: Path | None) -> None:
        self._database = database
        self._scopes = scopes
        self._file = file

    def make_first(self) -> None:
        """Make the first key unless a key exists."""
        if self._file is not None:
            make_first_key(self._database, self._scopes, self._file)
            self._file = None

    def __call__(self) -> list[Key]:
        from service.keys import repository

        self.make_first()
        return repository.valid(self._database)


def ring_of(settings: Settings, database: Database | None, scopes: Iterable[str]) -> KeyRing | None:
    """Return the key ring of a service, before its first reading; None if the service needs no keys.

    Args:
        scopes: scopes of the first key. A service with a keys file needs no first key.
    """
    if not settings.needs_keys:
        return None
    sources: dict[str, Source] = {}
    if database is not None:
        first = settings.first_key_file if settings.keys_file is None else None
        sources[_DATABASE] = _StoredKeys(database, scopes, first)
    if (file := settings.keys_file) is not None:
        sources["keys file"] = lambda: read_keys(file)
    return KeyRing(sources)


@contextlib.asynccontextmanager
async def keys_in_use(ring: KeyRing | None, settings: Settings) -> AsyncIterator[None]:
    """Make the first key unless a key exists, and keep the ring up to date until the context ends.

    Raises:
        OSError: the first key cannot be shown. Without it no client could use the service.
    """
    if ring is None:
        yield
        return
    stored = ring.sources.get(_DATABASE)
    if isinstance(stored, _StoredKeys):
        # If the database does not answer, the next reading tries again.
        with contextlib.suppress(DatabaseAway):
            await asyncio.to_thread(stored.make_first)
    async with ring.refreshing(settings.keys_poll_seconds):
        yield
