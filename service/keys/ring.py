"""Key ring: the valid keys in the memory of a worker, read again every second by default.

A request is checked against the ring alone, so it never waits for the database. Every worker accepts a new key, and refuses a
revoked one, from its next reading on. If a source cannot be read, the keys of its last reading stay valid until they expire.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Final

from service.core.logs import logger
from service.core.periodic import repeated
from service.keys.key import Key, digest_of, prefix_of
from service.keys.rates import TokenBucket

#: Function that returns the keys of one source: the database or the keys file. Expired keys may be among them.
Source = Callable[[], Sequence[Key]]


class HeldKey:
    """A key with its rate limit in this worker; ``bucket`` is None for a key without a limit."""

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
        sources: name -> source. Of several keys with the same prefix, that of the earlier source counts, whichever was read first.
    """

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self.sources: Final = dict(sources)
        self._keys: dict[str, Sequence[Key]] = {}
        self._by_prefix: dict[str, HeldKey] = {}
        self._failed: frozenset[str] = frozenset()
        self._reading = threading.Lock()
        self._log = logger()

    @property
    def is_complete(self) -> bool:
        """True if each source has been read at least once."""
        return len(self._keys) == len(self.sources)

    def find(self, text: bytes) -> HeldKey | None:
        """Return the valid key with this text, or None."""
        prefix = prefix_of(text)
        entry = None if prefix is None else self._by_prefix.get(prefix)
        if entry is None or not hmac.compare_digest(entry.key.digest, digest_of(text)):
            return None
        # A key may expire between two readings.
        return entry if entry.key.expires_at is None or entry.key.is_valid(time.time_ns() // 1000) else None

    def read(self) -> None:
        """Read all sources. The call blocks, and any thread may make it."""
        with self._reading:
            self._read()

    def _read(self) -> None:
        failed = set()
        for name, source in self.sources.items():
            try:
                self._keys[name] = source()
            except Exception as error:
                # No error of one source may affect the keys of the others.
                failed.add(name)
                if name not in self._failed:
                    self._log.error("keys_unread", source=name, problem=f"{type(error).__name__}: {error}")
        for name in self._failed - failed:
            self._log.info("keys_read_again", source=name)
        self._failed = frozenset(failed)
        by_prefix: dict[str, HeldKey] = {}
        for name in self.sources:
            for key in self._keys.get(name, ()):
                before = self._by_prefix.get(key.prefix)
                # An unchanged key keeps its bucket.
                by_prefix.setdefault(key.prefix, before if before is not None and before.key == key else HeldKey(key))
        # One assignment: a request sees either the old ring or the new one.
        self._by_prefix = by_prefix

    @contextlib.asynccontextmanager
    async def refreshing(self, every: float) -> AsyncIterator[None]:
        """Read the sources now, and then every ``every`` seconds until the context ends."""
        await self.refresh()
        async with repeated(self.read, every, "keys"):
            yield

    async def refresh(self) -> None:
        """Read the sources in a thread."""
        await asyncio.to_thread(self.read)
