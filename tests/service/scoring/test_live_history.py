"""One caller at a time advances the live history."""

from __future__ import annotations

import threading

from features.groups.history.history import History, HistoryRows
from features.table.table import ManifestTable
from service.scoring.live_history import LiveHistory


class Gate(History):
    """A history whose `advance` records its table and waits for `open`."""

    def __init__(self) -> None:
        super().__init__()
        self.entered: list[ManifestTable] = []
        self.inside = threading.Event()
        self.open = threading.Event()

    def advance(self, table: ManifestTable, *, update: bool = True) -> HistoryRows:
        self.entered.append(table)
        self.inside.set()
        assert self.open.wait(10)
        return super().advance(table, update=update)


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


def test_a_history_supersedes_a_snapshot_only_if_it_was_updated_and_is_as_late() -> None:
    live, snapshot = History.empty(), History.empty()
    snapshot.watermark = 100
    served = LiveHistory(live)
    assert not served.supersedes(snapshot)
    live.sequence, live.watermark = 1, 100
    assert served.supersedes(snapshot)
    snapshot.watermark = 101
    assert not served.supersedes(snapshot)
