"""Whether the countries and places of a shipment fit together and are usual.

No feature says which country it is. A lane that the fit window did not see is missing, not rare: origin alone must not
carry a shipment into the top lane.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.groups.base import FloatArray, Group, State, declare, equal, present
from features.reference import location_country
from features.table import Coded, ManifestTable

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
    ("lane_share", "ROUTE_RARE", "Log share of traffic on the lane of loading and unloading place"),
    ("goods_lane_share", "ROUTE_RARE", "Log share of the HS chapter among the traffic of the country of export"),
    ("carrier_lane_share", "ROUTE_RARE", "Log share of the carrier among the traffic of the channel"),
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
        self.log_share_: dict[str, dict[str, float]] = {name: {} for name in _SHARES}

    def fit(self, table: ManifestTable) -> None:
        for name, (left, right) in _SHARES.items():
            a, b = _part(table, left), _part(table, right)
            rows = (a.codes >= 0) & (b.codes >= 0)
            within = np.bincount(a.codes[rows], minlength=len(a.values))
            pairs, counts = np.unique(np.stack([a.codes[rows], b.codes[rows]]), axis=1, return_counts=True)
            total = within[pairs[0]] if name != "lane" else np.full(len(counts), max(rows.sum(), 1))
            shares = np.maximum(np.log(counts / total), _RAREST) if len(counts) else np.empty(0)
            self.log_share_[name] = {
                f"{a.values[i]}|{b.values[j]}": round(share, 4)
                for i, j, share, count in zip(*pairs.tolist(), shares.tolist(), counts.tolist(), strict=True)
                if count >= _LEAST
            }

    def transform(self, table: ManifestTable, history: FloatArray) -> FloatArray:
        matrix = np.full((table.n_rows, len(FEATURES)), np.nan)
        origin, export = table.text("origin_country"), table.text("export_country")
        consignor, consignee = table.text("consignor_country"), table.text("consignee_country")
        matrix[:, 0] = equal(origin, export)
        matrix[:, 1] = equal(export, consignor)
        matrix[:, 2] = equal(origin, consignor)
        matrix[:, 3] = equal(_countries_of(table.text("loading_location")), export)
        matrix[:, 4] = equal(_countries_of(table.text("unloading_location")), consignee)
        routing = table.text("routing_countries")
        matrix[:, 5] = routing.lookup(np.array([v.count(";") + 1.0 for v in routing.values]), 0.0)
        matrix[:, 6] = _third_country(routing, origin, export, consignor, consignee)
        for at, name in ((7, "lane"), (8, "goods"), (9, "carrier")):
            matrix[:, at] = self._share(table, name)
        matrix[:, 10] = 1.0 - present(origin)
        return matrix

    def _share(self, table: ManifestTable, name: str) -> FloatArray:
        left, right = (_part(table, column) for column in _SHARES[name])
        pairs, inverse = np.unique(left.codes.astype(np.int64) * (1 << 32) + right.codes, return_inverse=True)
        shares = self.log_share_[name]
        values = np.full(len(pairs), np.nan)
        for position, row in enumerate(_first_of(inverse, len(pairs)).tolist()):
            i, j = left.codes[row], right.codes[row]
            if i >= 0 and j >= 0:
                values[position] = shares.get(f"{left.values[i]}|{right.values[j]}", np.nan)
        return values[inverse]

    def state(self) -> State:
        return {"log_share": self.log_share_}, {}

    def restore(self, data: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        self.log_share_ = {name: dict(shares) for name, shares in data["log_share"].items()}


def _part(table: ManifestTable, name: str) -> Coded:
    column = table.text(name)
    if name != "hs_code":
        return column
    chapters, inverse = np.unique([code[:2] for code in column.values] or [""], return_inverse=True)
    return Coded(column.lookup(inverse.astype(np.int32), -1) if column.values else column.codes, chapters.tolist())


def _first_of(inverse: NDArray[Any], size: int) -> NDArray[np.int64]:
    first = np.zeros(size, dtype=np.int64)
    first[inverse[::-1]] = np.arange(len(inverse))[::-1]
    return first


def _countries_of(locations: Coded) -> Coded:
    countries = [location_country(value) or "" for value in locations.values]
    distinct = sorted({country for country in countries if country})
    at = {country: code for code, country in enumerate(distinct)}
    codes = np.array([at.get(country, -1) for country in countries], dtype=np.int32)
    return Coded(locations.lookup(codes, -1) if countries else locations.codes, distinct)


def _third_country(routing: Coded, *others: Coded) -> FloatArray:
    result = np.zeros(len(routing))
    for row in np.flatnonzero(routing.codes >= 0).tolist():
        known = {column.values[column.codes[row]] for column in others if column.codes[row] >= 0}
        passed = routing.values[routing.codes[row]].split(";")
        result[row] = float(any(country not in known for country in passed))
    return result
