"""The ring of valid keys that a worker holds in memory, read again about once a second.

A request is checked against the ring alone, so it never waits for the database. A new key is known, and a revoked one unknown, in
every worker at the next reading. While a source of keys does not answer, its last known keys stay valid until they expire.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Final

from service.access.rates import TokenBucket
from service.logs import logger
from service.periodic import repeated
from service.store.key import Key, digest_of, prefix_of

#: Reads all valid keys of one source: the database, or the file of keys.
Source = Callable[[], Sequence[Key]]


class HeldKey:
    """A key with its rate in this worker."""

    __slots__ = ("bucket", "key")

    def __init__(self, key: Key) -> None:
        self.key: Final = key
        self.bucket: Final = (
            None
            if key.requests_per_minute is None
            else TokenBucket.per_minute(key.requests_per_minute, time.monotonic())
        )


class KeyRing:
    """Valid keys by their prefixes.

    Args:
        sources: read one after the other; of keys with the same prefix the first counts.
    """

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self.sources: Final = dict(sources)
        self._keys: dict[str, Sequence[Key]] = {}
        self._held: dict[str, HeldKey] = {}
        self._failed: frozenset[str] = frozenset()
        self._reading = threading.Lock()
        self._log = logger()

    @property
    def is_complete(self) -> bool:
        """Whether each source has answered once."""
        return len(self._keys) == len(self.sources)

    def find(self, text: bytes) -> HeldKey | None:
        """Return the valid key with this text, or None."""
        prefix = prefix_of(text)
        held = None if prefix is None else self._held.get(prefix)
        if held is None or not hmac.compare_digest(held.key.digest, digest_of(text)):
            return None
        # Between two readings a key may expire.
        return held if held.key.expires_at is None or held.key.is_valid(time.time_ns() // 1000) else None

    def read(self) -> None:
        """Read all sources. It blocks; it may run in any thread."""
        with self._reading:
            self._read()

    def _read(self) -> None:
        failed = set()
        for name, source in self.sources.items():
            try:
                self._keys[name] = source()
            except Exception as error:
                # Whatever it is, the other keys must stay in use.
                failed.add(name)
                if name not in self._failed:
                    self._log.error("keys_unread", source=name, problem=f"{type(error).__name__}: {error}")
        for name in self._failed - failed:
            self._log.info("keys_read_again", source=name)
        self._failed = frozenset(failed)
        held: dict[str, HeldKey] = {}
        for keys in self._keys.values():
            for key in keys:
                before = self._held.get(key.prefix)
                # An unchanged key goes on with its bucket.
                held.setdefault(key.prefix, before if before is not None and before.key == key else HeldKey(key))
        # One assignment, so that requests see the old ring or the new one.
        self._held = held

    @contextlib.asynccontextmanager
    async def refreshing(self, every: float) -> AsyncIterator[None]:
        """Read the sources now, and then every ``every`` seconds until the context ends."""
        await self.refresh()
        async with repeated(self.read, every, "keys"):
            yield

    async def refresh(self) -> None:
        """Read the sources in a thread."""
        await asyncio.to_thread(self.read)
