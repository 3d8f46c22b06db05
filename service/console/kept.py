"""Results that take too long for a page: made in a thread, one at a time, and kept in memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Final

#: Seconds that a page waits for a first result, so that a small office sees it at once.
WAIT: Final = 0.05
#: Seconds after which a failure is tried again.
_AGAIN: Final = 30.0
#: Age of a number, as a multiple of the time that it takes to count, from which it is counted again.
_AGE: Final = 30.0
_MOST: Final = 32


@dataclass(frozen=True, slots=True)
class _Result:
    """A result, or why there is none, and until when it is fresh."""

    value: Any
    error: Exception | None
    until: float


class Kept:
    """Results by key. An old one is shown while the next is made."""

    def __init__(self) -> None:
        self._found: dict[Hashable, _Result] = {}
        self._making: dict[Hashable, threading.Event] = {}
        self._lock = threading.Lock()
        # One at a time, because scoring has the same processors. A result may need another one.
        self._turn = threading.RLock()

    def of(self, key: Hashable, seconds: float, work: Callable[[], Any]) -> Any:
        """Return the latest result, None while the first is being made, or raise what the latest attempt raised.

        Args:
            seconds: how long a result is fresh.
        """
        with self._lock:
            found = self._found.get(key)
            made = self._making.get(key)
            if made is None and (found is None or time.monotonic() > found.until):
                made = self._making[key] = threading.Event()
                threading.Thread(
                    target=self._make, args=(key, seconds, work, made), daemon=True, name="console"
                ).start()
        if found is None and made is not None:
            made.wait(WAIT)
            found = self._found.get(key)
        return None if found is None else _value(found)

    def now(self, key: Hashable, seconds: float, work: Callable[[], Any]) -> Any:
        """Return a fresh result, made in this thread if necessary."""
        with self._turn:
            found = self._found.get(key)
            if found is None or time.monotonic() > found.until:
                found = self._made(key, seconds, work)
            return _value(found)

    def recent(self, key: Hashable, count: Callable[[], Any]) -> Any:
        """Return what was counted a moment ago, or count in this thread, as a small store nearly always does."""
        found = self._found.get(key)
        if found is None or time.monotonic() > found.until:
            begun = time.monotonic()
            value = count()
            ended = time.monotonic()
            found = self._keep(key, _Result(value, None, ended + _AGE * (ended - begun)))
        return found.value

    def _make(self, key: Hashable, seconds: float, work: Callable[[], Any], made: threading.Event) -> None:
        try:
            with self._turn:
                self._made(key, seconds, work)
        finally:
            with self._lock:
                del self._making[key]
            made.set()

    def _made(self, key: Hashable, seconds: float, work: Callable[[], Any]) -> _Result:
        try:
            value = work()
            found = _Result(value, None, time.monotonic() + seconds)
        except Exception as error:  # The page shows it.
            found = _Result(None, error, time.monotonic() + _AGAIN)
        return self._keep(key, found)

    def _keep(self, key: Hashable, found: _Result) -> _Result:
        with self._lock:
            self._found.pop(key, None)
            while len(self._found) >= _MOST:
                del self._found[next(iter(self._found))]
            self._found[key] = found
        return found


def _value(found: _Result) -> Any:
    if found.error is not None:
        raise found.error
    return found.value
