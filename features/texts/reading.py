"""The time budget of one request for reading texts that may name a substance.

Reading a structure or a systematic name takes milliseconds, and a request may contain a thousand. When the budget is spent, the
remaining texts are not read. They are reported, so that their shipments are at least yellow.
"""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import Final

#: Limit of the elapsed time, in budgets. Waiting for OPSIN or for a processor takes no processor time.
_ELAPSED: Final = 10.0


class ReadingBudget:
    """Budget of processor time, in seconds, of the thread that creates it.

    Attributes:
        unread: texts that were not read completely.
    """

    def __init__(self, seconds: float) -> None:
        self.unread: set[str] = set()
        self._last = time.thread_time() + seconds
        self._end = time.monotonic() + _ELAPSED * seconds
        self._is_spent = False

    @property
    def spent(self) -> bool:
        """True if the budget is used up."""
        if not self._is_spent:
            self._is_spent = time.thread_time() > self._last or time.monotonic() > self._end
        return self._is_spent


_CURRENT: ContextVar[ReadingBudget | None] = ContextVar("reading_budget", default=None)
#: Return the budget of the current request, or None if reading is not limited.
current_budget: Final = _CURRENT.get


class reading_within:
    """Context in which a budget limits reading; None for no limit."""

    # `contextlib.contextmanager` would take three times as long, and each request enters such a context.
    __slots__ = ("_budget", "_token")

    def __init__(self, budget: ReadingBudget | None) -> None:
        self._budget = budget

    def __enter__(self) -> None:
        self._token = _CURRENT.set(self._budget)

    def __exit__(self, *_: object) -> None:
        _CURRENT.reset(self._token)
