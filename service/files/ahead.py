"""Work done ahead of whoever waits for it: the stages of a pipeline, each in threads of its own, few items apart.

Arrow, NumPy and compiled kernels let go of Python's lock while they work, so stages really overlap.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

A = TypeVar("A")
B = TypeVar("B")


class Ahead(Generic[A, B]):
    """``map(work, source)``, worked off in threads ahead of the consumer; a context manager that ends them.

    Results keep the source's order. What goes wrong in a thread is raised where its result would have come, after the
    results before it. Another `Ahead` as the source makes it a pipeline: closing the last stage tells all to stop.

    Args:
        source: iterated by one thread at a time.
        workers: threads that ``work`` side by side; with more than one it must not depend on the order of its calls.
        depth: results that may wait when no worker is at work. At most ``depth + workers - 1`` items of this stage exist
            at a time, in work or finished: an item is taken from the source when there is room for its result.
    """

    def __init__(self, source: Iterable[A], work: Callable[[A], B], *, workers: int = 1, depth: int = 1) -> None:
        self._source, self._work = source, work
        self._room = depth + workers - 1
        self._items = iter(source)
        self._taking = threading.Lock()
        self._taken = self._consumed = 0
        self._change = threading.Condition()
        self._done: deque[B] = deque()
        self._finished = 0
        self._failure: BaseException | None = None
        self._ended = False
        self._threads = [threading.Thread(target=self._run, name="ahead", daemon=True) for _ in range(workers)]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[B]:
        return self

    def __next__(self) -> B:
        """The next result; none any more once this was closed.

        Raises:
            Exception: whatever the source or the work raised in its place.
        """
        with self._change:
            self._change.wait_for(lambda: self._done or self._ended)
            if self._done:
                result = self._done.popleft()
                self._consumed += 1
                self._change.notify_all()
                return result
            failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        raise StopIteration

    def close(self) -> None:
        """End the threads, whatever waits for them, and return when they have ended: after the items in work."""
        self._stop()
        for thread in self._threads:
            thread.join()

    def _stop(self) -> None:
        with self._change:
            self._ended = True
            self._done.clear()
            self._change.notify_all()
        if isinstance(self._source, Ahead):
            self._source._stop()

    def _run(self) -> None:
        while True:
            with self._taking:
                if not self._has_room():
                    return
                place = self._taken
                self._taken += 1
                try:
                    item = next(self._items)
                except StopIteration:
                    self._end(place, None)
                    return
                except BaseException as error:
                    self._end(place, error)
                    return
            try:
                if self._ended or not self._hand_over(place, self._work(item)):
                    return
            except BaseException as error:
                self._end(place, error)
                return
            # Or it would stay in memory until there is another.
            del item

    def _has_room(self) -> bool:
        """Wait until there is room for another item; False if this is closed before."""
        with self._change:
            self._change.wait_for(lambda: self._ended or self._taken - self._consumed < self._room)
            return not self._ended

    def _hand_over(self, place: int, result: B) -> bool:
        """Whether the result was taken, in its place; it is not once this is closed."""
        with self._change:
            self._change.wait_for(lambda: self._ended or place == self._finished)
            if self._ended:
                return False
            self._done.append(result)
            self._finished += 1
            self._change.notify_all()
        return True

    def _end(self, place: int, failure: BaseException | None) -> None:
        """Nothing comes after ``place``; what is in work before it is waited for."""
        with self._change:
            self._change.wait_for(lambda: self._ended or place == self._finished)
            if not self._ended:
                self._ended, self._failure = True, failure
            self._change.notify_all()
