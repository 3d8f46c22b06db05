"""Features of the countries and places of a shipment: agreement and frequency.

No feature depends on a specific country. A trade lane that the fit window lacks has a missing frequency, not a low one, because the
origin alone must not move a shipment into the red lane.
"""

from __future__ import annotations

from dataclasses import replace
from math import nan
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.groups.base import Column, FloatArray, Group, GroupInput, State, TextCache, declare
from features.groups.shown import FLAG, LOG_SHARE, flag, log_share
from features.table.coded import Coded, ColumnWriter
from features.table.table import ManifestTable

_NO_ORIGIN: Final = "No country of origin is declared"


class RouteColumn(Column):
    """Columns of the group, in order."""

    ORIGIN_IS_EXPORT = (
        "ROUTE_TRANSIT",
        "the goods come from the country that exports them",
        replace(flag("The goods do not come from the country that exports them"), unknown=_NO_ORIGIN),
    )
    EXPORT_IS_CONSIGNOR = (
        "ROUTE_TRANSIT",
        "they are exported from the consignor's country",
        replace(
            flag("They are not exported from the consignor's country"),
            unknown="The country of export or that of the consignor is not declared",
        ),
    )
    ORIGIN_IS_CONSIGNOR = (
        "ROUTE_TRANSIT",
        "they come from the consignor's country",
        replace(flag("They do not come from the consignor's country"), unknown=_NO_ORIGIN),
    )
    LOADING_IS_EXPORT = (
        "ROUTE_TRANSIT",
        "the place of loading is in the country of export",
        replace(
            flag("The place of loading is not in the country of export"), unknown="No place of loading is declared"
        ),
    )
    UNLOADING_IS_CONSIGNEE = (
        "ROUTE_TRANSIT",
        "the place of unloading is in the consignee's country",
        replace(
            flag("The place of unloading is not in the consignee's country"),
            unknown="No place of unloading is declared",
        ),
    )
    ROUTING_COUNTRIES = "ROUTE_TRANSIT", "Countries passed on the way"
    ROUTING_THIRD_COUNTRY = "ROUTE_TRANSIT", "a country on the way is neither exporter, origin nor destination", FLAG
    TRADE_LANE_SHARE = "ROUTE_RARE", "share of traffic on the trade lane from loading to unloading place", LOG_SHARE
    EXPORT_CHAPTER_SHARE = (
        "ROUTE_RARE",
        "share of the HS chapter among the traffic of the country of export",
        # There are 96 chapters in use.
        replace(LOG_SHARE, words=lambda value: f"{log_share(value)} (the average chapter has 1 %)"),
    )
    CHANNEL_CARRIER_SHARE = "ROUTE_RARE", "share of the carrier among the traffic of the channel", LOG_SHARE
    ORIGIN_MISSING = "ROUTE_TRANSIT", "the country of origin is missing", FLAG


FEATURES: Final = declare("route", RouteColumn)


C = RouteColumn

#: Name in the state -> two fields whose pairs of values are counted, and the column for the log share of a pair.
_SHARES: Final = {
    "lane": ("loading_location", "unloading_location", C.TRADE_LANE_SHARE),
    "goods": ("export_country", "hs_code", C.EXPORT_CHAPTER_SHARE),
    "carrier": ("channel", "carrier_id", C.CHANNEL_CARRIER_SHARE),
}
_NO_SHARES: Final[dict[str | None, float]] = {}
#: Minimum number of rows for a pair to have a share.
_LEAST_ROWS: Final = 3
#: Lower bound of log shares, which limits the effect of rare pairs.
_RAREST: Final = np.log(1e-4)


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
        for name, (left, right, _) in _SHARES.items():
            a, b = table.text(left), _column(table, right).mapped(str)
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
        #: The same as left -> right -> log share.
        self._by_left: dict[str, dict[str, dict[str | None, float]]] = {name: {} for name in shares}
        for name, of_pairs in shares.items():
            for pair, share in of_pairs.items():
                left, _, right = pair.partition("|")
                self._by_left[name].setdefault(left, {})[right] = share

    def fill(self, source: GroupInput, history: FloatArray, out: FloatArray) -> None:
        table, text = source.table, source.table.text
        write = ColumnWriter(out)
        origin, export = text("origin_country").to_list(), text("export_country").to_list()
        consignor, consignee = text("consignor_country").to_list(), text("consignee_country").to_list()
        write.by_row(C.ORIGIN_IS_EXPORT, _agreement(origin, export))
        write.by_row(C.EXPORT_IS_CONSIGNOR, _agreement(export, consignor))
        write.by_row(C.ORIGIN_IS_CONSIGNOR, _agreement(origin, consignor))
        write.by_row(C.LOADING_IS_EXPORT, _agreement(_first_letters(text("loading_location")).to_list(), export))
        write.by_row(
            C.UNLOADING_IS_CONSIGNEE, _agreement(_first_letters(text("unloading_location")).to_list(), consignee)
        )
        write.missing(C.ORIGIN_MISSING, text("origin_country"))
        routing = text("routing_countries")
        passed = [countries.split(";") for countries in routing.values]
        write.by_text(C.ROUTING_COUNTRIES, routing, [len(countries) for countries in passed], 0.0)
        own = zip(origin, export, consignor, consignee, strict=True)
        write.by_row(
            C.ROUTING_THIRD_COUNTRY,
            [
                any(country not in known for country in way)
                for way, known in zip(routing.each(passed, ()), own, strict=True)
            ],
        )
        for name, (left, right, column) in _SHARES.items():
            by_left = self._by_left[name]
            shares = text(left).each([by_left.get(value, _NO_SHARES) for value in text(left).values], _NO_SHARES)
            rights = _column(table, right).to_list()
            write.by_row(column, [of_left.get(value, nan) for of_left, value in zip(shares, rights, strict=True)])

    def state(self) -> State:
        return {"log_share": self.log_share_}, {}

    def restore(self, data: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        self._set_shares({name: dict(shares) for name, shares in data["log_share"].items()})


def _agreement(left: list[str | None], right: list[str | None]) -> list[float]:
    """Return 1 for equal texts, 0 for different ones, and NaN if either is missing."""
    return [nan if a is None or b is None else a == b for a, b in zip(left, right, strict=True)]


def _first_letters(column: Coded) -> Coded:
    """Return a column with the first two characters of each text: the country of a place, or the chapter of an HS code."""
    return Coded(column.codes, [text[:2] for text in column.values])


def _column(table: ManifestTable, name: str) -> Coded:
    """Return a text column. HS codes are reduced to their chapters."""
    return _first_letters(table.text(name)) if name == "hs_code" else table.text(name)
