"""Functions of glibc's allocator."""

from __future__ import annotations

import ctypes
import os
from typing import Any


def of_glibc(name: str) -> Any:
    """Return a function of the C library; None if it is not glibc."""
    if "CS_GNU_LIBC_VERSION" not in getattr(os, "confstr_names", {}):
        return None
    return getattr(ctypes.CDLL(None), name, None)


def release_free_memory() -> None:
    """Return freed memory to the system now, where the C library is glibc. Call it after a large file or a stage of training.

    Short-lived texts of a file leave gaps in the heap, which take a tenth of the memory of its table. With a million rows, each
    stage of training leaves some hundred megabytes.
    """
    trim = of_glibc("malloc_trim")
    if trim is not None:
        trim(0)
