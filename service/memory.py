"""What the C library keeps of memory that is no longer used."""

from __future__ import annotations

import ctypes
import os
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
