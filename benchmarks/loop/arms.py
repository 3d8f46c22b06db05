"""The arms of the simulation: what an office does with its finds. All arms see the same traffic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Arm:
    """What an office does.

    Attributes:
        title: name in tables.
        exploration: share of its inspections that explore.
        learns: whether it trains each month, and promotes what its verdict recommends.
        entry: whether an entry by hand is in force from four weeks after each change on.
        proposes: whether proposed entries are accepted that pass their trial on the past.
        knows_all: whether the content of each shipment becomes known, opened or not.
    """

    title: str
    exploration: float = 0.1
    learns: bool = True
    entry: bool = False
    proposes: bool = False
    knows_all: bool = False


ARMS: Final = {
    "never": Arm("never retrained", exploration=0.0, learns=False),
    "loop-0": Arm("loop, no exploration", exploration=0.0),
    "loop-5": Arm("loop, 5 % exploration", exploration=0.05),
    "loop-10": Arm("loop, 10 % exploration"),
    "proposals": Arm("loop with proposals", proposes=True),
    "entry": Arm("loop with entries by hand", entry=True),
    "ceiling": Arm("all contents known", knows_all=True),
}
#: Capacity as a share of the traffic -> seeds, and arms in the order in which they are run.
RUNS: Final = {
    0.01: ((1, 2, 3), ("never", "loop-10", "entry", "loop-0", "proposals", "loop-5", "ceiling")),
    0.05: ((1, 2), ("never", "loop-10", "entry", "loop-0", "proposals")),
}
