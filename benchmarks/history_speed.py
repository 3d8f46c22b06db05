"""Shipments a second of processor time through history, in bulk, replayed day by day, and one at a time; bytes an entity takes."""

from __future__ import annotations

import argparse
import time

import numpy as np

from benchmarks.machine import describe
from features.groups.history import History
from training.dataset import rows_of, simulated
from training.windows import NEVER


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="goods items of the simulated world")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--singles", type=int, default=1000, help="shipments timed one at a time")
    options = parser.parse_args()
    print(describe())
    data = simulated(options.rows, options.seed)
    n = data.table.n_shipments
    # Afresh each time: a table keeps the keys that were worked out from it.
    began = time.process_time()
    History.empty().advance(data.table.take(np.arange(data.table.n_rows)))
    print(f"bulk: {n / (time.process_time() - began):,.0f} shipments a second")
    history = History.empty()
    table = data.table.take(np.arange(data.table.n_rows))
    known = np.where(data.labels.known_s == NEVER, -1, data.labels.known_s)
    began = time.process_time()
    history.replay(table, data.found(), known)
    print(f"replay: {n / (time.process_time() - began):,.0f} shipments a second")
    singles = [data.table.take(rows_of(data.table, np.array([i]))) for i in range(min(options.singles, n))]
    seconds = []
    for single in singles:
        began = time.process_time()
        history.advance(single, update=False)
        seconds.append(time.process_time() - began)
    for share in (50, 95, 99):
        print(f"one at a time, {share} % within: {1e3 * float(np.percentile(seconds, share)):.2f} ms")
    began = time.process_time()
    history.copy()
    print(f"copy: {1e3 * (time.process_time() - began):.0f} ms")
    for kind, entities in history.sizes().items():
        print(f"  {kind}: {entities:,} entities")
    print(f"snapshot: {sum(array.nbytes for array in history.to_arrays().values()) / 1e6:.1f} MB before compression")


if __name__ == "__main__":
    main()
