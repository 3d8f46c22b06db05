"""Keys of a service: where they come from, and what happens at its start."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING

from service.access.first_key import make_first_key
from service.access.keys_file import read_keys
from service.access.ring import KeyRing, Source
from service.errors import DatabaseAway
from service.store import keys

if TYPE_CHECKING:
    from service.settings import Settings
    from service.store.database import Database


def ring_of(settings: Settings, database: Database | None) -> KeyRing | None:
    """Return the ring of keys of a service, not yet read; None where no keys are needed."""
    if not settings.needs_keys:
        return None
    sources: dict[str, Source] = {}
    if database is not None:
        sources["database"] = lambda: keys.valid(database)
    if (file := settings.keys_file) is not None:
        sources["keys file"] = lambda: read_keys(file)
    return KeyRing(sources)


@contextlib.asynccontextmanager
async def keys_in_use(
    ring: KeyRing | None, settings: Settings, database: Database | None, scopes: Iterable[str]
) -> AsyncIterator[None]:
    """Make the first key if there is none, and keep the ring up to date until the context ends.

    Args:
        scopes: of the first key. A service with a file of keys needs no first key.
    """
    if ring is None:
        yield
        return
    if database is not None and settings.keys_file is None:
        try:
            await asyncio.to_thread(make_first_key, database, scopes, settings.first_key_file)
        except DatabaseAway:
            # A service that may decide without its database starts without it. The next start makes the key.
            if settings.database_away == "refuse":
                raise
    async with ring.refreshing(settings.keys_poll_seconds):
        yield
