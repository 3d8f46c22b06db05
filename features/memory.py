"""Access to the memory allocator of glibc."""

from __future__ import annotations

import ctypes
import os
from typing import Any


def of_glibc(name: str) -> Any:
    """Return a function of glibc, or None if the C library is not glibc or lacks the function."""
    if "CS_GNU_LIBC_VERSION" not in getattr(os, "confstr_names", {}):
        return None
    return getattr(ctypes.CDLL(None), name, None)


def release_free_memory() -> None:
    """Return freed memory to the operating system now. Without glibc, do nothing.

    Call it after a large file or a stage of training. The short-lived texts of a file leave gaps in the heap that amount to a tenth
    of the memory of its table. With a million rows, each stage of training leaves some hundred megabytes.
    """
    trim = of_glibc("malloc_trim")
    if trim is not None:
        trim(0)
