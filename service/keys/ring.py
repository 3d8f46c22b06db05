"""Key ring: the valid keys in the memory of a worker, read again every second by default, and the check of requests.

A request is checked against the ring alone, so it never waits for the database. Every worker accepts a new key, and refuses a
revoked one, from its next reading on. If a source cannot be read, the keys of its last reading stay valid until they expire.

The middleware runs before the direct path of scoring, so every request to an endpoint is checked. Refusals disclose no more than
RFC 6750 requires. Keys never appear in answers or logs.

A service that requires keys and has never had one makes a key at its start, and shows it once.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import math
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from service.core.errors import (
    DatabaseAway,
    KeyNeeded,
    KeysUnread,
    OverRate,
    ScopeMissing,
    ServiceError,
    problem_response,
)
from service.core.http.openapi import ScopeTable, is_open
from service.core.logs import logger
from service.core.periodic import repeated
from service.keys.key import Key, KeyWishes, digest_of, prefix_of, read_keys, write_secret

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from service.core.database.engine import Database
    from service.core.settings import Settings

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


#: Burst: a key may use this many seconds of its rate at once.
_BURST_SECONDS: Final = 10.0
_SECONDS_PER_MINUTE: Final = 60.0


class TokenBucket:
    """Bucket of tokens that fills at a constant rate. Each request takes one token."""

    __slots__ = ("_at", "_capacity", "_per_second", "_tokens")

    def __init__(self, per_second: float, capacity: float, now: float) -> None:
        """
        Args:
            capacity: tokens of a full bucket, at least 1. The bucket starts full.
            now: time in seconds, on the same clock as in `take`.
        """
        self._per_second = per_second
        self._capacity = self._tokens = capacity
        self._at = now

    @classmethod
    def per_minute(cls, requests: int, now: float) -> TokenBucket:
        """Return a full bucket for a rate per minute. It allows bursts of ten seconds' requests."""
        per_second = requests / _SECONDS_PER_MINUTE
        return cls(per_second, max(1.0, per_second * _BURST_SECONDS), now)

    def take(self, now: float) -> int:
        """Take a token and return 0. Without a token, return the whole seconds until the next token."""
        tokens = min(self._capacity, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        if tokens >= 1.0:
            self._tokens = tokens - 1.0
            return 0
        self._tokens = tokens
        return math.ceil((1.0 - tokens) / self._per_second)


class Failures:
    """Rate limits of failed attempts per address. If there are more than 4,096 addresses, the least recently seen are dropped.

    Args:
        per_second: attempts per second in the long run.
        at_once: attempts at once.
    """

    _MOST_ADDRESSES: Final = 4096

    def __init__(self, per_second: float = 1.0, at_once: float = 20.0) -> None:
        self._per_second, self._at_once = per_second, at_once
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def count(self, address: str, now: float) -> int:
        """Count a failed attempt. Return 0, or the whole seconds to wait if the address has failed too often."""
        bucket = self._buckets.get(address)
        if bucket is None:
            bucket = self._buckets[address] = TokenBucket(self._per_second, self._at_once, now)
            if len(self._buckets) > self._MOST_ADDRESSES:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(address)
        return bucket.take(now)


_SCHEME: Final = b"bearer "
#: Address of peers that have no address, as on a Unix socket.
_NO_ADDRESS: Final = "-"


class Authenticated:
    """ASGI middleware that lets a request pass if its key is valid, has the scope of the route, and is within its rate.

    The id of the key becomes ``scope["state"]["caller"]``. A path without a route needs any valid key.

    Args:
        is_elsewhere: function that returns whether a path is checked elsewhere, because people sign in there without a key.
    """

    def __init__(
        self, app: ASGIApp, ring: KeyRing, table: ScopeTable, is_elsewhere: Callable[[str], bool] | None = None
    ) -> None:
        self._app = app
        self._is_elsewhere = is_elsewhere
        self._ring = ring
        self._table = table
        self._failures = Failures()
        self._log = logger()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                self._check(scope)
            except ServiceError as error:
                request_id = scope.get("state", {}).get("request_id")
                await problem_response(scope["path"], request_id, error.details)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        path = scope["path"]
        needed = self._table.scope_of(scope["method"], path)
        if needed is None and (is_open(path) or (self._is_elsewhere is not None and self._is_elsewhere(path))):
            return
        entry = self._key_of(scope)
        state = scope["state"]
        state["caller"] = state["log_fields"]["caller"] = entry.key.id
        if needed is not None and needed not in entry.key.scopes:
            raise ScopeMissing(needed)
        if entry.bucket is not None and (wait := entry.bucket.take(time.monotonic())):
            raise OverRate("This key sends more requests than its rate allows.", retry_after=wait)

    def _key_of(self, scope: Scope) -> HeldKey:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        text = given[0] if len(given) == 1 else b""
        if text[: len(_SCHEME)].lower() == _SCHEME:
            entry = self._ring.find(text[len(_SCHEME) :].strip())
            if entry is not None:
                return entry
        raise self._refusal(scope, bool(given))

    def _refusal(self, scope: Scope, has_header: bool) -> ServiceError:
        """Count a failed attempt and return the error. Failed attempts never affect requests with a valid key."""
        if not self._ring.is_complete:
            return KeysUnread()
        client = scope.get("client")
        address = client[0] if client else _NO_ADDRESS
        wait = self._failures.count(address, time.monotonic())
        if wait:
            return OverRate("Too many requests from this address came without a valid key.", retry_after=wait)
        self._log.warning(
            "key_refused",
            request_id=scope["state"].get("request_id"),
            address=address,
            path=scope["path"],
            problem="unknown, expired or revoked" if has_header else "missing",
        )
        return KeyNeeded(unknown=has_header)


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
