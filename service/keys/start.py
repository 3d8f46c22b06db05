"""Sources of the keys of a service, and its first key.

A service that requires keys and has never had one makes a key at its start, and shows it once.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from service.core.errors import DatabaseAway
from service.core.logs import logger
from service.keys.key import Key, KeyWishes, read_keys, write_secret
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


#: Actor of the key's entry in the audit chain.
ACTOR = "first start"
#: Name of the key in lists of keys.
NAME = "administrator, made at the first start"


def make_first_key(database: Database, scopes: Iterable[str], file: Path) -> Key | None:
    """Make a key if the database has never had one, and show it once.

    The key is written to standard error if that is a terminal, otherwise to ``file``.

    Args:
        scopes: scopes of the key. Pass all of them: its holder may make keys of any scope, so leaving one out protects nothing.
        file: path of a file that only its owner may read. An existing file is replaced.

    Returns:
        The key; None if the database has or had a key, also one that another process has just made.

    Raises:
        OSError: the file cannot be written. No key is made.
    """
    from service.keys import repository

    on_terminal = sys.stderr.isatty()
    made = repository.create_first(
        database,
        KeyWishes(NAME, frozenset(scopes)),
        ACTOR,
        shown=None if on_terminal else lambda text: write_secret(file, f"{text}\n".encode()),
    )
    if made is None:
        return None
    key, text = made
    if on_terminal:
        sys.stderr.write(f"\nThe first API key, which is shown this once:\n\n    {text}\n\n")
    logger().warning(
        "first_key_made",
        prefix=key.prefix,
        shown="on the terminal" if on_terminal else str(file.absolute()),
        next="keep it in a safe place and delete the file; `tidewaiter keys create` makes keys with fewer scopes",
    )
    return key
