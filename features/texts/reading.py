"""The budget of one request for reading texts that may name a substance.

Reading a structure or a systematic name takes milliseconds, and a request may hold a thousand. When the budget is spent, the
remaining texts are not read. They are reported, so that their shipments are at least yellow.
"""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import Final

#: Waiting for OPSIN or for a processor takes no processor time, so the elapsed time is limited too, to so many times the budget.
_ELAPSED: Final = 10.0


class ReadingBudget:
    """Budget of processor time of the thread that creates it.

    Attributes:
        unread: texts that were not read, or not to their end.
    """

    def __init__(self, seconds: float) -> None:
        self.unread: set[str] = set()
        self._last = time.thread_time() + seconds
        self._end = time.monotonic() + _ELAPSED * seconds
        self._is_spent = False

    @property
    def spent(self) -> bool:
        """Whether nothing is left."""
        if not self._is_spent:
            self._is_spent = time.thread_time() > self._last or time.monotonic() > self._end
        return self._is_spent


_CURRENT: ContextVar[ReadingBudget | None] = ContextVar("reading_budget", default=None)
#: Return the budget of the request in work; None if reading is not limited.
current_budget: Final = _CURRENT.get


class reading_within:
    """Limit what is read during the context; None for no limit."""

    # A generator with `contextlib.contextmanager` takes three times as long, and each request enters one.
    __slots__ = ("_budget", "_token")

    def __init__(self, budget: ReadingBudget | None) -> None:
        self._budget = budget

    def __enter__(self) -> None:
        self._token = _CURRENT.set(self._budget)

    def __exit__(self, *_: object) -> None:
        _CURRENT.reset(self._token)
