"""What is kept of an entity.

**Windows.** A count over the last 1, 7, 30 or 365 days is two integers: its sum in the present calendar block of that length
(blocks begin at 1970-01-01 00:00 UTC) and its sum in the block before. At a time at which a part r of the present block is
still to come, the window holds the present block and the part r of the one before: ``present + r * previous``. r is counted in
whole hours, so ``present * length + remaining * previous`` is an integer, and one division at the end makes the float. Which
block is the present one follows from the day on which the entity was last seen.

All is integer arithmetic, so it does not matter where a stream of shipments is cut into parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.groups.history.keys import CONTACTS, LINKS
from features.groups.history.store import Store

IntArray = NDArray[np.int64]

#: What one shipment adds to its parties. ``partners`` and ``places`` count those met for the first time.
AMOUNTS: Final = ("grams", "tainted", "repeats", "press", "partners", "places", "n", "cents", "small", "small_cents")
#: Sums over all time may be kept of the first ones.
TOTALS: Final = AMOUNTS[:8]
#: Days of a window -> the amounts that it may be kept of.
WINDOWS: Final = {1: AMOUNTS[6:10], 7: AMOUNTS[6:8], 30: AMOUNTS[3:8], 365: AMOUNTS[6:8]}


def window_column(amount: str, days: int, part: str) -> str:
    """Name of the state column of a windowed sum; ``part`` is ``now`` or ``before``."""
    return f"{amount}_{days}_{part}"


def _names(days: int, amounts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(window_column(amount, days, part) for part in ("now", "before") for amount in amounts)


class Layout:
    """The columns of a snapshot: those that need 64 bits are ``wide``, the others have 32."""

    __slots__ = ("narrow", "wide")

    def __init__(self, columns: tuple[str, ...], wide: frozenset[str]) -> None:
        self.narrow = tuple(name for name in columns if name not in wide)
        self.wide = tuple(name for name in columns if name in wide)


_COLUMNS: Final = (
    *TOTALS,
    *(name for days, amounts in WINDOWS.items() for name in _names(days, amounts)),
    "first_day", "last_day", "last_cents", "finds", "clean",
)  # fmt: skip
PARTY: Final = Layout(_COLUMNS, frozenset(name for name in _COLUMNS if name.startswith("grams") or "cents" in name))
LINK: Final = Layout(("n", "last_day", "changes", "finds", "clean", "beside"), frozenset({"beside"}))


@dataclass(frozen=True, slots=True)
class State:
    """The columns that are kept of one kind of entity: those that its features need, in the order of the kernels."""

    layout: Layout
    narrow: tuple[str, ...]
    wide: tuple[str, ...]

    def at(self, name: str) -> int:
        """Position of a column in the narrow ones followed by the wide ones."""
        return (*self.narrow, *self.wide).index(name)

    def strongest(self, store: Store, count: int) -> IntArray:
        """Slots of the ``count`` entities worth most, ascending.

        Those with finds come first, then the most recently seen, those with the most shipments, and the lowest keys.
        """
        if count == 0 or store.count <= count:
            return np.arange(min(store.count, count))
        narrow = np.asarray(store.narrow)[: store.count]
        worth = narrow[:, self.at("last_day")] * np.int64(1 << 31) + narrow[:, self.at("n")]
        if "finds" in self.narrow:
            worth[narrow[:, self.at("finds")] > 0] += 1 << 62
        least = np.partition(worth, store.count - count)[store.count - count]
        kept = worth > least
        equal = np.flatnonzero(worth == least)
        order = np.argsort(np.asarray(store.keys)[equal])
        kept[equal[order[: count - np.count_nonzero(kept)]]] = True
        return np.flatnonzero(kept)

    def snapshot(self, store: Store, count: int) -> tuple[IntArray, NDArray[np.int32], IntArray]:
        """Keys and state of the ``count`` entities worth most, in the order of their keys.

        The state has all columns of the layout, (n, narrow) and (n, wide); those that are not kept are 0.
        """
        slots = self.strongest(store, count)
        keys = np.asarray(store.keys)[slots]
        order = np.argsort(keys)
        narrow = np.zeros((len(slots), len(self.layout.narrow)), dtype=np.int32)
        wide = np.zeros((len(slots), len(self.layout.wide)), dtype=np.int64)
        narrow[:, self._places(self.narrow, self.layout.narrow)] = np.asarray(store.narrow)[slots[order]]
        wide[:, self._places(self.wide, self.layout.wide)] = np.asarray(store.wide)[slots[order]]
        return keys[order], narrow, wide

    def restore(self, store: Store, kind: str, keys: NDArray[Any], narrow: NDArray[Any], wide: NDArray[Any]) -> None:
        """The inverse of `snapshot`.

        Raises:
            ValueError: arrays of another shape.
        """
        expected = ((len(keys), len(self.layout.narrow)), (len(keys), len(self.layout.wide)))
        if (narrow.shape, wide.shape) != expected:
            raise ValueError(f"History of {kind} has shapes {narrow.shape} and {wide.shape}, expected {expected}.")
        store.put(
            keys.astype(np.int64),
            narrow[:, self._places(self.narrow, self.layout.narrow)].astype(np.int32),
            wide[:, self._places(self.wide, self.layout.wide)].astype(np.int64),
        )

    @staticmethod
    def _places(names: tuple[str, ...], columns: tuple[str, ...]) -> list[int]:
        return [columns.index(name) for name in names]


#: The kernels expect these to be the first.
_FIRST: Final = ("n", "last_day", "finds", "clean")


def _party(totals: str, windows: Mapping[int, str]) -> State:
    names = [
        *totals.split(),
        *(name for days, amounts in windows.items() for name in _names(days, tuple(amounts.split()))),
    ]
    narrow = [*_FIRST, "first_day", *(name for name in names if name not in (*_FIRST, *PARTY.wide))]
    return State(PARTY, tuple(narrow), tuple(name for name in names if name in PARTY.wide))


PARTY_STATES: Final = {
    "consignor": _party(
        "n cents grams last_cents repeats partners places tainted",
        {1: "n cents", 7: "n cents", 30: "n cents partners places", 365: "n cents"},
    ),
    "consignee": _party("n partners tainted", {1: "small small_cents", 30: "n cents partners", 365: "n"}),
    "address": _party(
        "n partners places tainted", {1: "n small small_cents", 7: "n", 30: "n cents partners press"}
    ),
    "pair": _party("n", {1: "small small_cents", 7: "n", 30: "n cents"}),
    "lane": _party("n", {30: "n", 365: "n"}),
}  # fmt: skip
LINK_STATES: Final = {
    kind: State(LINK, (*_FIRST, "changes"), ("beside",)) if kind in CONTACTS else State(LINK, _FIRST[:2], ())
    for kind in LINKS
}
#: Of all kinds, in the order of their keys.
STATES: Final = PARTY_STATES | LINK_STATES
