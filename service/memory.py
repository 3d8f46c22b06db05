"""Settings of the garbage collector and of Arrow's allocator."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from typing import Final

#: Thresholds of the garbage collector: number of new objects before a collection of the youngest generation (Python's default is
#: 700), and numbers of collections before those of older generations. A batch and its answers are 100,000 objects without cycles.
_THRESHOLDS: Final = (200_000, 10, 10)


def collect_no_more() -> None:
    """Exempt all existing objects from garbage collection. Call it when a process ends.

    Python ends with full collections of all objects, though the system takes their memory back at once. Without them, a file of one
    row takes 1.5 s of processor time instead of 2.0 s, and a file of 100,000 rows 0.4 s less (measured in one run).
    """
    gc.freeze()


@contextlib.contextmanager
def rare_collections() -> Iterator[None]:
    """Collect garbage less often."""
    before = gc.get_threshold()
    gc.set_threshold(*_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextlib.contextmanager
def long_lived_objects() -> Iterator[None]:
    """Exempt all existing objects, such as the model and its tables, from garbage collection, and collect less often.

    Without both, a batch of 1,000 shipments takes 14 % longer, and a full collection pauses the process for 113 ms instead of
    0.01 ms (measured in one run).
    """
    gc.freeze()
    try:
        with rare_collections():
            yield
    finally:
        gc.unfreeze()


def keep_memory_small() -> None:
    """Let Arrow use the C library's allocator, whose freed memory serves numpy and Python, too. Call it before reading a file.

    Scoring a file of 100,000 rows needs at most 476 MB instead of 502 MB (measured in one run).
    """
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())
