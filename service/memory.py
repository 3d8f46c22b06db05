"""Settings of the garbage collector and of the C library's allocator."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from typing import Final

from features.memory import of_glibc

#: Parameters of glibc's ``mallopt``, from ``malloc.h``.
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
#: Minimum size of arrays whose memory returns to the system when freed. By default glibc raises this threshold up to 32 MiB when
#: it frees such an array. Growing arrays, such as those of the history, then fragment the heap.
_LARGE_BYTES: Final = 1 << 20
#: Number of heaps from which threads allocate small objects. A heap never shrinks below its peak.
_ARENAS: Final = 2
#: Thresholds of the garbage collector: number of new objects before a collection of the youngest generation (Python's default is
#: 700), and numbers of collections before those of older generations. A batch and its answers are 100,000 objects without cycles.
_THRESHOLDS: Final = (200_000, 10, 10)
#: The first of these while a process starts, which makes up to 400,000 objects.
_STARTING: Final = 500_000


def collect_rarely() -> None:
    """Collect garbage less often in this process. Call it before the imports.

    Modules, tables and models stay until the process ends, so collections while they load find nothing. Without any, `tidewaiter
    serve` is ready after 0.5 s less of processor time, with the same memory (measured in one run).
    """
    gc.set_threshold(_STARTING, *gc.get_threshold()[1:])


def collect_no_more() -> None:
    """Exempt all existing objects from garbage collection. Call it when a process ends.

    Python ends with full collections of all objects, though the system takes their memory back at once. Without them, a file of
    100,000 rows takes 0.4 s less of processor time (measured in one run).
    """
    gc.freeze()


@contextlib.contextmanager
def long_lived_objects() -> Iterator[None]:
    """Exempt all existing objects, such as the model and its tables, from garbage collection, and collect less often.

    Without both, a batch of 1,000 shipments takes 14 % longer, and a full collection pauses the process for 113 ms instead of
    0.01 ms (measured in one run).
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def keep_memory_small() -> bool:
    """Make glibc return freed memory to the system early. Call it before the process starts threads.

    Arrow also uses glibc's allocator then, because its own allocators do not return freed memory. Scoring a file of 120,000 rows
    needs at most 368 MB instead of 435 MB, for up to 5 % more processor time (measured in one run). The
    gain is small for a trick. It stays because memory decides how many files a machine scores at once.

    Returns:
        False, without any change, if the C library is not glibc.
    """
    import pyarrow as pa

    mallopt = of_glibc("mallopt")
    if mallopt is None or not (mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES) and mallopt(_M_ARENA_MAX, _ARENAS)):
        return False
    pa.set_memory_pool(pa.system_memory_pool())
    return True
