"""Throughput of the history per second of processor time (keys, bulk, replay by day, single shipments), and its memory."""

from __future__ import annotations

import argparse
import time
import tracemalloc

import numpy as np

from benchmarks.machine import describe
from features.groups.history.history import History
from features.groups.history.keys import history_keys
from features.groups.history.state import KEY_ROWS, KeyRow
from features.table.table import ManifestTable
from training.data.dataset import rows_of
from training.data.sources import simulated
from training.data.windows import NEVER

_CHUNK = 16_384


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="number of simulated goods items")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--singles", type=int, default=1000, help="number of shipments timed one at a time")
    parser.add_argument("--strangers", type=int, default=1_000_000, help="number of shipments between unknown parties")
    options = parser.parse_args()
    print(describe())
    data = simulated(options.rows, options.seed)
    n = data.table.n_shipments

    def afresh() -> ManifestTable:
        """Return a new table, because a table caches its keys."""
        return data.table.take(np.arange(data.table.n_rows))

    table = afresh()
    began = time.process_time()
    history_keys(table)
    print(f"keys: {n / (time.process_time() - began):,.0f} shipments per second")
    began = time.process_time()
    History.empty().advance(table)
    print(f"bulk, keys excluded: {n / (time.process_time() - began):,.0f} shipments per second")
    history, table = History.empty(), afresh()
    known = np.where(data.labels.known_s == NEVER, -1, data.labels.known_s)
    began = time.process_time()
    history.replay(table, data.shipment_has_find(), known)
    print(f"replay, keys included: {n / (time.process_time() - began):,.0f} shipments per second")
    singles = [data.table.take(rows_of(data.table, np.array([i]))) for i in range(min(options.singles, n))]
    seconds = []
    for single in singles:
        began = time.process_time()
        history.advance(single, update=False)
        seconds.append(time.process_time() - began)
    for share in (50, 95, 99):
        print(f"single shipment, keys included, p{share}: {1e6 * float(np.percentile(seconds, share)):.0f} us")
    began = time.process_time()
    history.copy()
    print(f"copy: {1e3 * (time.process_time() - began):.0f} ms")
    for kind, entities in history.sizes().items():
        print(f"  {kind}: {entities:,} entities")
    print(f"snapshot: {sum(array.nbytes for array in history.to_arrays().values()) / 1e6:.1f} MB before compression")
    strangers(options.strangers)


def strangers(shipments: int) -> None:
    """Add shipments that share no entity: each adds entities of all kinds, until the oldest entities are removed."""
    random = np.random.default_rng(0)
    history, seconds = History.empty(), 0.0
    tracemalloc.start()
    for start in range(0, shipments, _CHUNK):
        keys = random.integers(1, 2**63, (KEY_ROWS, _CHUNK))
        keys[: KeyRow.ENTITIES] = 0
        keys[KeyRow.REFERENCE] = np.arange(start, start + _CHUNK)
        began = time.process_time()
        history.advance_keys(keys)
        seconds += time.process_time() - began
    print(
        f"unknown parties: {shipments / seconds:,.0f} shipments per second, "
        f"{tracemalloc.get_traced_memory()[1] / 1e6:.0f} MB peak memory"
    )
    tracemalloc.stop()


if __name__ == "__main__":
    main()
