"""The live history, which one caller at a time advances."""

from __future__ import annotations

import gc
import threading
import tracemalloc
from typing import Any

import numpy as np
import pytest

from features.groups.history import store
from features.groups.history.history import History, HistoryRows
from features.groups.history.state import KEY_ROWS
from features.manifest.records import read_record
from features.table.table import ManifestTable
from service.scoring.live_history import LiveHistory
from tests.service.conftest import shipment
from tests.service.store.kills import differences


class Gate(History):
    """History whose `advance` records its table and waits for `open`."""

    def __init__(self) -> None:
        super().__init__()
        self.entered: list[ManifestTable] = []
        self.inside = threading.Event()
        self.open = threading.Event()

    def advance(self, table: ManifestTable, *, update: bool = True, isolate: bool = False) -> HistoryRows:
        self.entered.append(table)
        self.inside.set()
        assert self.open.wait(10)
        return super().advance(table, update=update, isolate=isolate)


def test_a_second_caller_waits_until_the_first_is_done() -> None:
    gate = Gate()
    live = LiveHistory(gate)
    tables = [ManifestTable.from_records([]), ManifestTable.from_records([])]
    callers = [threading.Thread(target=live.advance, args=(table,)) for table in tables]
    callers[0].start()
    assert gate.inside.wait(10)
    callers[1].start()
    callers[1].join(0.2)
    assert gate.entered == tables[:1]
    gate.open.set()
    for caller in callers:
        caller.join(10)
    assert gate.entered == tables


def test_changing_a_copy_does_not_change_the_live_history() -> None:
    live = LiveHistory(History.empty())
    live.copy().sequence = 5
    assert live.copy().sequence == 0


def test_a_history_supersedes_a_snapshot_only_if_it_was_updated_and_is_not_older() -> None:
    live, snapshot = History.empty(), History.empty()
    snapshot.watermark = 100
    served = LiveHistory(live)
    assert not served.supersedes(snapshot)
    live.sequence, live.watermark = 1, 100
    assert served.supersedes(snapshot)
    snapshot.watermark = 101
    assert not served.supersedes(snapshot)


def table_of(first: int, count: int) -> ManifestTable:
    """Return a table of shipments of distinct consignors. Every fiftieth is dated far in the future and so not counted."""
    return ManifestTable.from_records(
        [
            read_record(
                shipment(
                    shipment_id=f"HB-{number}",
                    declared_at="2026-05-04T09:30:00Z" if number % 50 else "9999-01-01",
                    consignor={"name": f"Sender {number}", "country": "CN"},
                )
            )
            for number in range(first, first + count)
        ],
        receipt=1_777_887_000,
    )


@pytest.mark.parametrize("allocations", [0, 1, 20])
def test_shipments_for_whose_history_there_is_no_memory_are_not_counted(
    allocations: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def live() -> LiveHistory:
        new = LiveHistory(History.empty(), is_logged=True, now=lambda: 1_777_887_000_000_000)
        new.advance(table_of(0, 60))
        return new

    untouched, starved = live(), live()
    resized, left = store._resized, allocations

    def failing(array: Any, count: int, room: int) -> Any:
        nonlocal left
        if not left:
            raise MemoryError
        left -= 1
        return resized(array, count, room)

    with monkeypatch.context() as full:
        full.setattr(store, "_resized", failing)
        with pytest.raises(MemoryError):
            starved.advance(table_of(60, 100))
    assert differences(starved.copy(), untouched.copy()) == []
    assert starved.counted == untouched.counted
    assert starved.unlogged().orders.tolist() == untouched.unlogged().orders.tolist()
    again, expected = (one.advance(table_of(60, 100)).values for one in (starved, untouched))
    assert np.array_equal(again, expected, equal_nan=True)
    assert differences(starved.copy(), untouched.copy()) == []
    assert len(starved.unlogged().orders) == starved.counted == 156


def test_single_shipments_that_wait_for_their_decisions_take_little_more_than_their_keys() -> None:
    live = LiveHistory(History.empty(), is_logged=True)
    for number in range(1, 50):
        live.advance(table_of(number, 1))
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(1_000):
            # Known parties, so that the history itself does not grow.
            live.advance(table_of(1 + number % 49, 1))
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(live.unlogged().orders) == 1_049
    # Orders and keys of 8 bytes, and a quarter for the tables that are not joined yet.
    assert (after - before) / 1_000 < 10 * (1 + KEY_ROWS)


def test_waiting_shipments_stay_in_order_when_some_are_found_in_the_log_while_others_arrive() -> None:
    live = LiveHistory(History.empty(), is_logged=True)
    # Single shipments, a chunk of a file that is joined at once, and again single ones.
    parts = [
        live.advance(table_of(1 + first, count)).orders for first, count in ((0, 1), (1, 1), (100, 300), (2, 1), (3, 1))
    ]
    orders = np.concatenate([part for part in parts if part is not None])
    orders = orders[orders >= 0]
    found = orders[::3]
    live.logged(found)
    live.advance(table_of(1, 1))
    left = live.unlogged()
    assert left.orders[:-1].tolist() == [order for order in orders.tolist() if order not in set(found.tolist())]
    assert left.keys.shape == (KEY_ROWS, len(left.orders))
