"""When memory is looked through for garbage, and what the C library keeps of what is no longer used."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import sys
from collections.abc import Iterator
from typing import Final

import pyarrow as pa

#: Parameters of glibc's ``mallopt``, from ``malloc.h``.
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
#: Arrays of this size and more go back to the system at once. Left to itself, glibc raises the bound to 32 MiB when such an
#: array is freed; arrays that grow, as those of history do, then leave holes that nothing else fills.
_LARGE_BYTES: Final = 1 << 20
#: Pools that threads take small pieces from. Each keeps the most that its threads ever needed at once.
_ARENAS: Final = 2
#: Objects that have come to be and not gone before young ones are looked through, and how often those before older ones are. A
#: batch and its answers are a hundred thousand, none of them garbage: at Python's own 700, looking took a fifth of the time.
_SELDOM: Final = (200_000, 10, 10)


@contextlib.contextmanager
def settled() -> Iterator[None]:
    """What is there now stays, so the collector need not walk through the model and its tables; it looks at what comes seldom."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*_SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def keep_memory_small() -> bool:
    """Let glibc give memory back soon, for a process that works through much data; to be called before there are threads.

    Arrow is told to take its memory from there too: its own allocators keep what they once had. Costs some page faults.
    Returns whether it was done: other C libraries are left as they are.
    """
    if "CS_GNU_LIBC_VERSION" not in getattr(os, "confstr_names", {}):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None or not (mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES) and mallopt(_M_ARENA_MAX, _ARENAS)):
        return False
    pa.set_memory_pool(pa.system_memory_pool())
    return True


class _WithoutPandas:
    """Stands before all other finders of modules, and says of pandas that it is not installed."""

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def arrow_alone() -> None:
    """Let Arrow take for granted that nobody hands it a data frame; to be called before there are threads.

    When it is first handed a list, and again when it first hands out an array, it imports pandas to know its types: 40 MB and a
    quarter of a second. What is loaded already stays, and whoever converts a frame gets pandas all the same. But a time of
    nanoseconds is then refused as a Python object, so this is nothing for a process that reads Parquet.
    """
    if "pandas" not in sys.modules:
        finder = _WithoutPandas()
        sys.meta_path.insert(0, finder)
        try:
            pa.array((), pa.int8()).to_numpy()
        finally:
            sys.meta_path.remove(finder)
