"""Memory that is no longer used goes back to the system, and what nobody uses is not loaded."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
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


def after(code: str, *arguments: object) -> str:
    """What a fresh interpreter prints."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": "."},
    ).stdout


#: Scores a file as the command line does, and says which of some packages that took.
_SCORED = """
import sys
from service.cli.main import run

assert run(["score", *sys.argv[1:]]) == 0
print(*({"pandas", "structlog", "pyarrow.parquet"} & set(sys.modules)))
"""


def test_a_scored_csv_brings_no_data_frames_no_parquet_and_no_logs(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("shipment_id,goods_description\nA,mug\n")
    assert after(_SCORED, tmp_path / "in.csv", tmp_path / "out.csv").split() == []
    assert after(_SCORED, tmp_path / "in.csv", tmp_path / "out.parquet").split() == ["pyarrow.parquet"]


def test_a_scored_parquet_file_may_hold_times_of_nanoseconds(tmp_path: Path) -> None:
    seen = pa.array([[{"at": 1_777_887_000_123_456_789}]], pa.list_(pa.struct([("at", pa.timestamp("ns"))])))
    pq.write_table(
        pa.table({"shipment_id": ["A"], "goods_description": ["mug"], "seen": seen}), tmp_path / "in.parquet"
    )
    after(_SCORED, tmp_path / "in.parquet", tmp_path / "out.csv")
    assert "2026-05-04 09:30:00.123456789" in (tmp_path / "out.csv").read_text()


def test_whoever_converts_a_frame_finds_pandas_all_the_same() -> None:
    frames = """
import sys
import pyarrow as pa
from service.memory import arrow_alone

arrow_alone()
table = pa.table({"n": pa.array([1, None]), "t": pa.array(["a", "b"])})
assert table.column("t").combine_chunks().to_pylist() == ["a", "b"] and "pandas" not in sys.modules
frame = table.to_pandas()
assert pa.Table.from_pandas(frame, preserve_index=False).column("t").to_pylist() == ["a", "b"]
assert pa.array(frame["n"], from_pandas=True).to_pylist() == [1.0, None]
import pandas
assert isinstance(frame, pandas.DataFrame)
"""
    after(frames)
