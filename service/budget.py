"""Limits on the bytes that all requests of one kind hold together."""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self

from service.errors import Busy

#: ``Retry-After`` in seconds of a request for which there is no room.
_RETRY_AFTER: Final = 5


class ByteBudget:
    """Number of bytes that requests may hold together. Use it on the event loop only.

    A single request always fits, whatever its size; other limits bound it.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.used = 0

    def hold(self) -> Hold:
        """Return the part of the budget of one request, at first nothing."""
        return Hold(self)

    def take(self, size: int, own: int) -> None:
        """Take ``size`` bytes for a request that holds ``own`` already.

        Raises:
            Busy: other requests hold too much.
        """
        if self.used > own and self.used + size > self._most:
            raise Busy("Other requests fill the memory for requests of this kind.", retry_after=_RETRY_AFTER)
        self.used += size


class Hold:
    """Bytes that one request holds. They are released at the end of the context."""

    def __init__(self, budget: ByteBudget) -> None:
        self._budget = budget
        self._size = 0

    def add(self, size: int) -> None:
        """Hold further bytes.

        Raises:
            Busy: other requests hold too much.
        """
        self._budget.take(size, self._size)
        self._size += size

    def passed_on(self) -> Hold:
        """Return a hold of the same bytes, of which this one then holds none."""
        other = Hold(self._budget)
        other._size, self._size = self._size, 0
        return other

    def release(self) -> None:
        """Release all bytes."""
        self._budget.used -= self._size
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
