"""The live history is advanced by one caller at a time."""

from __future__ import annotations

import threading
from typing import Any, cast

from features.groups.history.history import History
from service.scoring.live_history import LiveHistory


class Gate(History):
    """A history whose `advance` waits to be let through and notes who is inside."""

    def __init__(self) -> None:
        super().__init__()
        self.entered: list[str] = []
        self.inside = threading.Event()
        self.open = threading.Event()

    def advance(self, table: Any, *, update: bool = True) -> Any:
        self.entered.append(table)
        self.inside.set()
        assert self.open.wait(10)


def test_a_second_caller_waits_until_the_first_is_done() -> None:
    gate = Gate()
    live = LiveHistory(gate)
    callers = [threading.Thread(target=live.advance, args=(cast("Any", name),)) for name in ("file", "request")]
    callers[0].start()
    assert gate.inside.wait(10)
    callers[1].start()
    callers[1].join(0.2)
    assert gate.entered == ["file"]
    gate.open.set()
    for caller in callers:
        caller.join(10)
    assert gate.entered == ["file", "request"]


def test_a_copy_leaves_the_live_one_alone() -> None:
    live = LiveHistory(History.empty())
    live.copy().sequence = 5
    assert live.copy().sequence == 0


def test_an_untouched_history_gives_way_to_a_snapshot_and_a_newer_one_does_not() -> None:
    live, snapshot = History.empty(), History.empty()
    snapshot.watermark = 100
    served = LiveHistory(live)
    assert not served.goes_on_after(snapshot)
    live.sequence, live.watermark = 1, 100
    assert served.goes_on_after(snapshot)
    snapshot.watermark = 101
    assert not served.goes_on_after(snapshot)
