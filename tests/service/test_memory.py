"""Memory that is no longer used goes back to the system."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

#: Frees one array of 24 MiB, which makes glibc raise its bound, then asks for another and a small one above it, and says how
#: much of the 24 MiB is still there once they are freed too, in MiB.
_HELD = """
import ctypes, sys
from service.memory import keep_memory_small

if sys.argv[1] == "small":
    assert keep_memory_small()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


libc.free(libc.malloc(24 << 20))
before = resident()
large = libc.malloc(24 << 20)
ctypes.memset(large, 1, 24 << 20)
above = [libc.malloc(1 << 16) for _ in range(64)]
libc.free(large)
print((resident() - before) >> 20)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="speaks of glibc")
def test_a_large_array_is_given_back_though_small_ones_lie_above_it() -> None:
    held = {
        how: int(
            subprocess.run(
                [sys.executable, "-c", _HELD, how],
                capture_output=True,
                text=True,
                check=True,
                cwd=Path(__file__).parents[2],
                env={**os.environ, "PYTHONPATH": "."},
            ).stdout
        )
        for how in ("small", "as it is")
    }
    assert held["small"] < 8 < held["as it is"]
