"""Trial of a set of rules: for each rule and origin, the shipments for which it fires and those whose lane it would change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from features.table.table import ManifestTable
from models.lanes import GREEN, LANE_NAMES, RED, YELLOW
from models.rules.ruling import Ruling

LaneArray: TypeAlias = NDArray[np.int8]

#: Names of the moves between two lanes.
MOVES: Final = {
    (old, new): f"{LANE_NAMES[old]}_to_{LANE_NAMES[new]}" for old, new in permutations((GREEN, YELLOW, RED), 2)
}
#: Origin of a shipment without origin and country of export.
UNKNOWN: Final = "unknown"


@dataclass(slots=True)
class Moved:
    """Counts of shipments for which a rule fires, and of those whose lane it changes."""

    shipments: int = 0
    moved: dict[str, int] = field(default_factory=lambda: dict.fromkeys(MOVES.values(), 0))

    def add(self, fired: NDArray[np.bool_], before: LaneArray, after: LaneArray) -> None:
        """Add shipments (S,): whether the rule fired, and their lanes without and with the rule."""
        self.shipments += int(fired.sum())
        for (old, new), name in MOVES.items():
            self.moved[name] += int(((before == old) & (after == new)).sum())

    def to_json(self) -> dict[str, Any]:
        """Return the counts as plain JSON values."""
        return {"shipments": self.shipments, "moved": dict(self.moved)}


@dataclass(slots=True)
class RuleTrial:
    """Counts of the rules on trial, over one or more tables.

    The moves of a rule are those that it alone would add to the rules in force.

    Attributes:
        ids: ids of the rules on trial. They follow the rules in force in each ruling.
        shipments: number of shipments so far.
    """

    ids: tuple[str, ...]
    shipments: int = 0
    rules: dict[str, Moved] = field(init=False)
    by_origin: dict[str, dict[str, Moved]] = field(init=False)

    def __post_init__(self) -> None:
        self.rules = {name: Moved() for name in self.ids}
        self.by_origin = {name: {} for name in self.ids}

    def add(self, table: ManifestTable, ruling: Ruling, by_score: LaneArray, drawn: NDArray[np.bool_]) -> None:
        """Count the shipments of a table.

        Args:
            ruling: decision of the rules in force followed by the rules on trial.
            by_score: (S,) lane codes by the score.
            drawn: (S,) members of the random share.
        """
        self.shipments += len(by_score)
        if ruling.fired is None:
            return
        origins = np.array(origins_of(table), dtype=np.object_)
        first = len(ruling.fired.rules) - len(self.ids)
        in_force = list(range(first))
        before, _ = ruling.lanes(by_score, drawn, in_force)
        for number, name in enumerate(self.ids, first):
            fired = ruling.fired.fired[number]
            if not fired.any():
                continue
            after, _ = ruling.lanes(by_score, drawn, [*in_force, number])
            self.rules[name].add(fired, before, after)
            for origin in sorted(set(origins[fired])):
                at = origins == origin
                self.by_origin[name].setdefault(origin, Moved()).add(fired[at], before[at], after[at])

    def to_json(self) -> dict[str, Any]:
        """Return the counts as plain JSON values, origins sorted by descending number of shipments."""
        return {
            "shipments": self.shipments,
            "rules": [
                {
                    "id": name,
                    **self.rules[name].to_json(),
                    "by_origin": {
                        origin: moved.to_json()
                        for origin, moved in sorted(
                            self.by_origin[name].items(), key=lambda item: (-item[1].shipments, item[0])
                        )
                    },
                }
                for name in self.ids
            ],
        }


def origins_of(table: ManifestTable) -> Sequence[str]:
    """Return the origin of each shipment (S,): that of its first item, otherwise its country of export, otherwise `UNKNOWN`."""
    origin, export = table.text("origin_country"), table.text("export_country")
    return [
        origin.values[o] if o >= 0 else export.values[e] if e >= 0 else UNKNOWN
        for o, e in zip(origin.codes[table.first_row].tolist(), export.codes[table.first_row].tolist(), strict=True)
    ]
