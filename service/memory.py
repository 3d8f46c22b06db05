"""Settings of the garbage collector and of the C library's allocator."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
from collections.abc import Iterator
from typing import Final

import pyarrow as pa

#: Parameters of glibc's ``mallopt``, from ``malloc.h``.
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
#: Arrays of this size or more return to the system when they are freed. By default glibc raises this threshold to up to
#: 32 MiB when it frees such an array; growing arrays, such as those of the history, then leave holes in the heap.
_LARGE_BYTES: Final = 1 << 20
#: Number of heaps that threads allocate small objects from. Each heap keeps the most memory that it ever used.
_ARENAS: Final = 2
#: Thresholds of the garbage collector: new objects before a collection of the youngest generation (Python's default is 700), and
#: collections before those of the older generations. A batch and its answers are 100,000 objects without garbage.
_THRESHOLDS: Final = (200_000, 10, 10)


@contextlib.contextmanager
def long_lived_objects() -> Iterator[None]:
    """Exempt all present objects, such as the model and its tables, from garbage collection, and collect less often.

    Measured in one run: without both, a batch of 1,000 shipments takes 14 % longer, and a full collection stops the process
    for 113 ms instead of 0.01 ms.
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

    Arrow then allocates with glibc too, because its own allocators keep freed memory. Measured in one run: scoring a file of
    120,000 rows takes at most 368 MB instead of 435 MB, for up to 5 % more processor time.

    Returns:
        False if the C library is not glibc; nothing is changed then.
    """
    if "CS_GNU_LIBC_VERSION" not in getattr(os, "confstr_names", {}):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None or not (mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES) and mallopt(_M_ARENA_MAX, _ARENAS)):
        return False
    pa.set_memory_pool(pa.system_memory_pool())
    return True
