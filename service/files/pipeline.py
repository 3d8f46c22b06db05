"""Pipeline stages that run ahead of their consumer, each in its own thread.

Arrow, NumPy and compiled modules release the global interpreter lock, so the stages overlap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, TypeVar

A = TypeVar("A")
B = TypeVar("B")

#: Prefix of thread names.
THREAD_NAME: Final = "tidewaiter-stage"


@contextmanager
def map_ahead(work: Callable[[A], B], source: Iterable[A]) -> Iterator[Iterator[B]]:
    """Yield ``map(work, source)``, computed one item ahead of the consumer.

    Results have the order of the source. An error of the source or of ``work`` is raised instead of the result. Leaving the
    context waits for the current item and ends the thread. Stages can be chained; leave them in reverse order.
    """
    items = iter(source)

    def next_result() -> list[B]:
        """Return the next result in a list, or an empty list at the end of the source."""
        for item in items:
            return [work(item)]
        return []

    def results() -> Iterator[B]:
        future = pool.submit(next_result)
        while result := future.result():
            future = pool.submit(next_result)
            # Pop the result, because a reference here would keep the chunk in memory until the next one is ready.
            yield result.pop()

    with ThreadPoolExecutor(1, thread_name_prefix=THREAD_NAME) as pool:
        yield results()
