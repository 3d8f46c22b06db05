"""Pipeline stages that run ahead of their consumer, each in a thread of its own.

Arrow, NumPy and compiled modules release Python's lock while they work, so the stages overlap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, TypeVar

A = TypeVar("A")
B = TypeVar("B")

#: Prefix of the names of the threads.
THREAD_NAME: Final = "tidewaiter-stage"


@contextmanager
def map_ahead(work: Callable[[A], B], source: Iterable[A]) -> Iterator[Iterator[B]]:
    """Yield ``map(work, source)``, computed one item ahead of the consumer.

    Results keep the order of the source. An error of the source or of ``work`` is raised in the place of its result. Leaving
    the context waits for the item in progress and ends the thread. Stages can be chained; leave the last one first.
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
            # Empty the list: a reference kept here would hold a whole chunk until the next one is ready.
            yield result.pop()

    with ThreadPoolExecutor(1, thread_name_prefix=THREAD_NAME) as pool:
        yield results()
