"""Features of the countries and places of a shipment: agreement and frequency.

No feature depends on a specific country. A trade lane that the fit window lacks has a missing frequency, not a low one, because the
origin alone must not move a shipment into the red lane.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.groups.base import FloatArray, Group, GroupInput, State, TextCache
from features.groups.route.columns import FEATURES
from features.groups.route.rows import country_columns, fill_shares
from features.table.table import Coded, ManifestTable

#: Name in the state -> two fields whose pairs of values are counted, in the order of `_SHARE_COLUMNS` in `rows`.
_SHARES: Final = {
    "lane": ("loading_location", "unloading_location"),
    "goods": ("export_country", "hs_code"),
    "carrier": ("channel", "carrier_id"),
}
#: Minimum number of rows for a pair to have a share.
_LEAST_ROWS: Final = 3
#: Lower bound of log shares, which limits the effect of rare pairs.
_RAREST: Final = np.log(1e-4)


def _by_left(shares: dict[str, float]) -> dict[str, dict[str, float]]:
    """Convert shares of pairs "left|right" to left -> right -> share."""
    by_left: dict[str, dict[str, float]] = {}
    for pair, share in shares.items():
        left, _, right = pair.partition("|")
        by_left.setdefault(left, {})[right] = share
    return by_left


class RouteGroup(Group):
    """Features of countries and places. The group learns frequencies of trade lanes, exports and carriers."""

    name = "route"
    learns = True
    features = FEATURES

    def __init__(self, texts: TextCache | None = None) -> None:
        super().__init__(texts)
        self._set_shares({name: {} for name in _SHARES})

    def fit(self, table: ManifestTable) -> None:
        shares: dict[str, dict[str, float]] = {}
        for name, (left, right) in _SHARES.items():
            a, b = _column(table, left), _column(table, right)
            rows = (a.codes >= 0) & (b.codes >= 0)
            within = np.bincount(a.codes[rows], minlength=len(a.values))
            width = max(len(b.values), 1)
            pairs, counts = np.unique(a.codes[rows].astype(np.int64) * width + b.codes[rows], return_counts=True)
            first, second = pairs // width, pairs % width
            total = within[first] if name != "lane" else np.full(len(counts), max(rows.sum(), 1))
            logs = np.maximum(np.log(counts / total), _RAREST) if len(counts) else np.empty(0)
            shares[name] = {
                f"{a.values[i]}|{b.values[j]}": round(share, 4)
                for i, j, share, count in zip(
                    first.tolist(), second.tolist(), logs.tolist(), counts.tolist(), strict=True
                )
                if count >= _LEAST_ROWS
            }
        self._set_shares(shares)

    def _set_shares(self, shares: dict[str, dict[str, float]]) -> None:
        #: Name in `_SHARES` -> "left|right" -> log share.
        self.log_share_ = shares
        self._shares = [(left, right, _by_left(shares[name])) for name, (left, right) in _SHARES.items()]

    def fill(self, source: GroupInput, history: FloatArray, out: FloatArray) -> None:
        table = source.table
        # A normalised place is a UN/LOCODE, which starts with the country.
        loading, unloading = (
            [place[:2] for place in table.text(name).values] for name in ("loading_location", "unloading_location")
        )
        country_columns(table, loading, unloading, out)
        fill_shares(table, self._shares, out)

    def state(self) -> State:
        return {"log_share": self.log_share_}, {}

    def restore(self, data: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        self._set_shares({name: dict(shares) for name, shares in data["log_share"].items()})


def _column(table: ManifestTable, name: str) -> Coded:
    """Return a text column. HS codes are reduced to their chapters."""
    column = table.text(name)
    if name != "hs_code":
        return column
    chapters, inverse = np.unique([code[:2] for code in column.values] or [""], return_inverse=True)
    return Coded(column.lookup(inverse.astype(np.int32), -1) if column.values else column.codes, chapters.tolist())
