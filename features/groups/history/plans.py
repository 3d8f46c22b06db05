"""How the history features are read off the state, told to the kernels: positions of columns, features and logarithms."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.groups.history.batch import Batch
from features.groups.history.columns import AT, WIDTH
from features.groups.history.keys import CONTACTS, PARTIES
from features.groups.history.state import AMOUNTS, LINK_STATES, PARTY_STATES, TOTALS, WINDOWS, State, window_column
from features.groups.history.visits import Links, Parties, PartyPlan

IntArray = NDArray[np.int64]

#: What features count over all time, and over windows -> the amount.
_COUNTS: Final = {
    "finds": "finds", "clean": "clean", "linked_shipments": "tainted", "consignees": "partners", "consignors": "partners",
    "names": "partners", "addresses": "places", "shipments": "n",
}  # fmt: skip
_RECENT: Final = {
    "recent": "n", "value": "cents", "new_consignees": "partners", "new_consignors": "partners", "new_names": "partners",
    "new_addresses": "places", "press": "press",
}  # fmt: skip
#: Consignors of an address stand where parties have their places.
_EXCEPTIONS: Final = {"address_consignors": "places"}
#: What only some kinds of parties have, by the names of `PartyPlan`: columns, features, and features that are logarithms.
_SMALL: Final = {name: window_column(name, 1, "now") for name in ("small", "small_cents")}
_OWN_COLUMNS: Final = {
    "consignor": {name: name for name in ("cents", "grams", "last_cents", "repeats")},
    "consignee": _SMALL,
    "address": _SMALL,
    "pair": _SMALL,
    "lane": {
        "month": window_column("n", 30, "now"), "month_before": window_column("n", 30, "before"),
        "year": window_column("n", 365, "now"), "year_before": window_column("n", 365, "before"),
    },
}  # fmt: skip
_OWN_FEATURES: Final = {
    "consignor": {
        "first_seen": "consignor_first_seen_days", "last_seen": "consignor_last_seen_days",
        "value_repeats": "consignor_value_repeats", "value_same": "consignor_value_same",
    },
    "consignee": {"first_seen": "consignee_first_seen_days", "split": "delivery_split"},
    "address": {"first_seen": "address_first_seen_days", "split": "delivery_split"},
    "pair": {"split": "pair_split"},
    "lane": {},
}  # fmt: skip
_OWN_LOGS: Final = {
    "consignor": {"value_ratio": "consignor_value_ratio", "mass_ratio": "consignor_mass_ratio"},
    "consignee": {"split_value": "delivery_split_value"},
    "address": {"split_value": "delivery_split_value"},
    "pair": {"split_value": "pair_split_value"},
    "lane": {"growth": "trade_lane_growth", "find_ratio": "trade_lane_find_ratio"},
}
#: Features that count the shipments of a link.
_LINK_COUNTS: Final = {
    "building": "building_shipments", "occupant": "occupant_shipments", "consignor_lane": "consignor_trade_lane_shipments",
}  # fmt: skip


class _Logarithms:
    """Numbers logarithms in the order in which they are asked for."""

    def __init__(self) -> None:
        self._features: list[int] = []

    def number(self, feature: str) -> int:
        self._features.append(AT[feature])
        return len(self._features) - 1

    def features(self) -> IntArray:
        return np.array(self._features, dtype=np.int64)


def _rows(rows: Iterable[tuple[int, ...]], width: int) -> IntArray:
    return np.array(list(rows), dtype=np.int64).reshape(-1, width)


def _party_plan(kind: str, state: State, log1p: _Logarithms, log: _Logarithms) -> PartyPlan:
    columns = (*state.narrow, *state.wide)
    lengths = list(WINDOWS)

    def window(amount: str, days: int) -> tuple[int, int, int]:
        now, before = (state.at(window_column(amount, days, part)) for part in ("now", "before"))
        return now, before, lengths.index(days)

    windowed = [
        (amount, window(amount, days))
        for days, amounts in WINDOWS.items()
        for amount in amounts
        if window_column(amount, days, "now") in columns
    ]
    adds = [(state.at(amount), AMOUNTS.index(amount)) for amount in TOTALS if amount in columns]
    adds += [(now, AMOUNTS.index(amount)) for amount, (now, _, _) in windowed]
    counts, logs, recent, sums = [], [], [], []
    for name, feature in AT.items():
        of, _, what = name.partition("_")
        if of != kind:
            continue
        counted, _, days = what.rpartition("_")
        if days.isdigit() and counted == "value":
            sums.append((log1p.number(name), *window(_RECENT[counted], int(days))))
        elif days.isdigit():
            recent.append((feature, *window(_RECENT[counted], int(days))))
        elif what == "shipments":
            logs.append((log1p.number(name), state.at(_COUNTS[what])))
        elif what in _COUNTS:
            counts.append((feature, state.at(_EXCEPTIONS.get(name, _COUNTS[what]))))
    at = {name: state.at(column) for name, column in _OWN_COLUMNS[kind].items()}
    at |= {name: AT[feature] for name, feature in _OWN_FEATURES[kind].items()}
    at |= {name: log.number(feature) for name, feature in _OWN_LOGS[kind].items()}
    windows = (columns_of for _, columns_of in windowed)
    return PartyPlan(
        _rows(windows, 3), _rows(adds, 2), _rows(counts, 2), _rows(logs, 2), _rows(recent, 4), _rows(sums, 4), at
    )


_log1p, _log = _Logarithms(), _Logarithms()
_PLANS: Final = {kind: _party_plan(kind, state, _log1p, _log) for kind, state in PARTY_STATES.items()}
_COUNTED: Final = {kind: _log1p.number(feature) for kind, feature in _LINK_COUNTS.items()}
#: Features that are logarithms, of one more and plain, in the order in which the kernels leave their arguments.
LOG1P: Final = _log1p.features()
LOG: Final = _log.features()


def parties() -> list[Parties]:
    """Stores of the kinds of parties, empty."""
    return [
        Parties(len(state.narrow), len(state.wide), number, _PLANS[kind])
        for number, (kind, state) in enumerate(PARTY_STATES.items())
    ]


def links() -> list[Links]:
    """Stores of the kinds of links, empty."""
    stores = []
    for number, (kind, state) in enumerate(LINK_STATES.items(), start=len(PARTIES)):
        party = kind.partition("_")[0]
        told = (f"{party}_contact_names", f"{party}_contact_finds", "contact_clean") if kind in CONTACTS else ()
        features = [AT[name] for name in told] or [-1, -1, -1]
        stores.append(Links(len(state.narrow), len(state.wide), number, _COUNTED.get(kind, -1), *features))
    return stores


def batch(room: int) -> Batch:
    """Working memory for ``room`` shipments."""
    return Batch(room, WIDTH, len(LOG1P), len(LOG))
