"""Limits on the total bytes of all requests of one kind."""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self

from service.core.errors import Busy

#: ``Retry-After`` in seconds of a refused request.
_RETRY_AFTER: Final = 5


class ByteBudget:
    """Limit on the number of bytes that requests hold together. Use it on the event loop only.

    While no other request holds bytes, a request of any size fits; other limits bound its size.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.used = 0

    def hold(self) -> Hold:
        """Return a hold for one request, at first of 0 bytes."""
        return Hold(self)

    def take(self, size: int, own: int) -> None:
        """Take ``size`` bytes for a request that already holds ``own`` bytes.

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
        """Return a new hold that takes over all bytes of this one."""
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
