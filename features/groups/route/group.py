"""Whether the countries and places of a shipment fit together and are usual.

No feature says which country it is. A lane that the fit window did not see is missing, not rare: origin alone must not
carry a shipment into the top lane.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.groups.base import FloatArray, Group, State, declare
from features.groups.route import rows as kernel
from features.groups.shared_texts import placed_codes
from features.reference import location_country
from features.table.table import Coded, ManifestTable
from features.texts.cache import TextRows
from features.texts.phrases import numbered

FEATURES: Final = declare(
    "route",
    ("origin_is_export", "ROUTE_TRANSIT", "Whether the goods come from the country that exports them"),
    ("export_is_consignor", "ROUTE_TRANSIT", "Whether they are exported from the consignor's country"),
    ("origin_is_consignor", "ROUTE_TRANSIT", "Whether they come from the consignor's country"),
    ("loading_is_export", "ROUTE_TRANSIT", "Whether the place of loading lies in the country of export"),
    ("unloading_is_consignee", "ROUTE_TRANSIT", "Whether the place of unloading lies in the consignee's country"),
    ("routing_countries", "ROUTE_TRANSIT", "Countries passed on the way"),
    (
        "routing_third_country",
        "ROUTE_TRANSIT",
        "Whether a country on the way is neither exporter, origin nor destination",
    ),
    ("trade_lane_share", "ROUTE_RARE", "Log share of traffic on the trade lane of loading and unloading place"),
    ("export_chapter_share", "ROUTE_RARE", "Log share of the HS chapter among the traffic of the country of export"),
    ("channel_carrier_share", "ROUTE_RARE", "Log share of the carrier among the traffic of the channel"),
    ("origin_missing", "ROUTE_TRANSIT", "Whether the country of origin is missing"),
)
_SHARES: Final = {
    "lane": ("loading_location", "unloading_location"),
    "goods": ("export_country", "hs_code"),
    "carrier": ("channel", "carrier_id"),
}
#: A pair must be seen so often to have a share.
_LEAST: Final = 3
#: Shares below this are all equally rare, so that no rarity weighs without end.
_RAREST: Final = np.log(1e-4)


class RouteGroup(Group):
    """Countries and places; learns how usual lanes are."""

    name = "route"
    learns = True
    features = FEATURES

    def __init__(self) -> None:
        self._keep({name: {} for name in _SHARES})

    def fit(self, table: ManifestTable) -> None:
        shares: dict[str, dict[str, float]] = {}
        for name, (left, right) in _SHARES.items():
            a, b = _part(table, left), _part(table, right)
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
                if count >= _LEAST
            }
        self._keep(shares)

    def _keep(self, shares: dict[str, dict[str, float]]) -> None:
        #: Pair of columns -> "left|right" -> log share.
        self.log_share_ = shares
        self._shares = {
            name: kernel.PairShares({pair.partition("|")[::2]: share for pair, share in pairs.items()})
            for name, pairs in shares.items()
        }
        self._chapter_of = TextRows(self._chapters, np.zeros(1))

    def _chapters(self, codes: list[str]) -> list[float]:
        """Numbers of the chapters of HS codes, 0 of those that no goods had."""
        numbers = self._shares["goods"].rights
        return [numbers.get(code[:2], 0) for code in codes]

    def fill(self, table: ManifestTable, history: FloatArray, out: FloatArray) -> None:
        loading = [_country_of(place) for place in table.text("loading_location").values]
        unloading = [_country_of(place) for place in table.text("unloading_location").values]
        kernel.country_columns(table, loading, unloading, out)
        for column, name in ((7, "lane"), (8, "goods"), (9, "carrier")):
            left, right = (table.text(part) for part in _SHARES[name])
            shares = self._shares[name]
            rights = (
                self._chapter_of.numbers(placed_codes(table))
                if name == "goods"
                else numbered(right.values, shares.rights)
            )
            kernel.share_column(left, right, numbered(left.values, shares.lefts), rights, shares, column, out)

    def state(self) -> State:
        return {"log_share": self.log_share_}, {}

    def restore(self, data: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        self._keep({name: dict(shares) for name, shares in data["log_share"].items()})


def _part(table: ManifestTable, name: str) -> Coded:
    column = table.text(name)
    if name != "hs_code":
        return column
    chapters, inverse = np.unique([code[:2] for code in column.values] or [""], return_inverse=True)
    return Coded(column.lookup(inverse.astype(np.int32), -1) if column.values else column.codes, chapters.tolist())


@lru_cache(maxsize=16384)
def _country_of(location: str) -> str:
    return location_country(location) or ""
