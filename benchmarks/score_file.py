"""How fast and in how much memory a CSV is scored, beside LightGBM alone on as many ready-made rows."""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.machine import describe
from models import bundle
from models.store import champion_dir
from training.world import write


def timed_child(command: list[str]) -> tuple[float, int]:
    """Seconds and peak resident memory in MiB of a child process."""
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} ended with status {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - start, usage.ru_maxrss // 1024


def count_rows(path: Path) -> int:
    """Data rows of a CSV, quoted line ends understood."""
    with path.open(encoding="utf-8", newline="") as file:
        return sum(1 for _ in csv.reader(file)) - 1


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=11)
    options = parser.parse_args()
    print(describe())
    with tempfile.TemporaryDirectory(prefix="tidewaiter-bench-") as scratch:
        source, target = Path(scratch) / "in.csv", Path(scratch) / "out.csv"
        start = time.perf_counter()
        write(source, None, options.rows, options.seed)
        print(
            f"generated {options.rows:,} rows ({source.stat().st_size / 1e6:,.0f} MB) in {time.perf_counter() - start:.1f} s"
        )
        tidewaiter = str(Path(sys.executable).with_name("tidewaiter"))
        for explain in ("none", "shown"):
            seconds, peak = timed_child([tidewaiter, "score", str(source), str(target), "--explain", explain])
            rows = count_rows(target)
            rejects = Path(f"{source}.rejects.csv")
            rejected = count_rows(rejects) if rejects.exists() else 0
            print(
                f"score --explain {explain:5}  {options.rows / seconds:>10,.0f} rows/s  {seconds:7.1f} s  peak {peak:,} MiB  "
                f"rows in {options.rows:,} = out {rows:,} + rejected {rejected:,}: {options.rows == rows + rejected}"
            )
    model = bundle.load(champion_dir())
    matrix = np.random.default_rng(0).normal(size=(100_000, len(model.space.names)))
    start = time.perf_counter()
    model.predict_raw(matrix, threads=2)
    floor = len(matrix) / (time.perf_counter() - start)
    print(f"LightGBM alone, all heads, ready-made numbers, 2 threads: {floor:,.0f} rows/s")


if __name__ == "__main__":
    main()
