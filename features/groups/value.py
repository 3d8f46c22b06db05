"""Features of value and mass, and of their distance from the usual values for the HS heading.

The usual value is the median of the log of a quantity per HS heading in the fit window. The spread is the median absolute deviation
times 1.4826 (Hampel 1974). Headings with few rows use the statistics of their chapter, and chapters with few rows those of the
whole window.
"""

from __future__ import annotations

from datetime import date
from enum import IntEnum
from functools import cache
from math import exp, log1p, nan
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.groups.base import Column, FloatArray, Group, GroupInput, State, TextCache, declare, usual_by_hs
from features.groups.shown import FLAG, LOG, LOG_COUNT, SHARE, Shown, distance, number_text, one_of
from features.reference import rate_table, usd_per_unit
from features.reference.rates import MAX_AGE_MONTHS, month_ordinal
from features.reference.trade import JUST_BELOW, LIMIT_EUR, LIMIT_USD
from features.table.assembly import Amount
from features.table.coded import ColumnWriter
from features.table.table import ManifestTable
from features.texts.cache import TextRows


class ValueColumn(Column):
    """Columns of the group, in order."""

    VALUE_MISSING = "VALUE_MISSING", "no value in US dollars is known", FLAG
    VALUE_USD = "VALUE_DENSITY", "Declared value of the item in US dollars", LOG
    MASS_KG = "MASS_UNUSUAL", "Mass of the item in kilograms", LOG
    VALUE_PER_KG = "VALUE_DENSITY", "US dollars per kilogram", LOG
    VALUE_PER_KG_UNUSUAL = (
        "VALUE_DENSITY",
        "Distance of the value per kilogram from the usual one for the HS heading",
        distance("Value per kilogram against the HS heading"),
    )
    VALUE_PER_UNIT = "VALUE_DENSITY", "US dollars per unit", LOG
    VALUE_UNUSUAL = (
        "VALUE_DENSITY",
        "Distance of the value from the usual one for the HS heading",
        distance("Value against the HS heading"),
    )
    MASS_UNUSUAL = (
        "MASS_UNUSUAL",
        "Distance of the mass from the usual one for the HS heading",
        distance("Mass against the HS heading"),
    )
    MASS_PER_UNIT = "MASS_UNUSUAL", "Kilograms per unit", LOG
    MASS_NET_SHARE = "MASS_UNUSUAL", "Net mass of all items over gross mass", SHARE
    FREIGHT_TO_VALUE = "FREIGHT_VALUE", "Freight charge over declared value", LOG
    FREIGHT_PER_KG = "FREIGHT_VALUE", "Freight charge in US dollars per kilogram", LOG
    VALUE_BELOW_THRESHOLD = "VALUE_THRESHOLD", "the shipment's value is within 5 % below USD 800 or EUR 150", FLAG
    VALUE_ROUND = (
        "VALUE_THRESHOLD",
        "1 if the declared value is a whole number, 2 if it is whole tens, 3 if it is whole hundreds, otherwise 0",
        Shown(one_of("no", "a whole number", "whole tens", "whole hundreds"), "Declared value is round"),
    )
    SHIPMENT_VALUE_USD = "CONSIGNMENT_SIZE", "Declared value of the whole shipment in US dollars", LOG
    SHIPMENT_MASS_KG = "CONSIGNMENT_SIZE", "Gross mass of the shipment in kilograms", LOG
    SHIPMENT_ITEMS = "CONSIGNMENT_SIZE", "Goods items of the shipment", Shown(number_text, usual_within=1.5)
    PACKAGE_COUNT = "CONSIGNMENT_SIZE", "Packages of the shipment", LOG_COUNT
    MASS_PER_PACKAGE = "CONSIGNMENT_SIZE", "Kilograms per package", LOG


class Quantity(IntEnum):
    """Quantities with learned usual values. Names in lower case are keys of the group's state.

    Features measure the distance from those of the first three. Texts of reasons state the others, of shipments with one item.
    """

    VALUE_PER_KG = 0
    VALUE = 1
    MASS = 2
    VALUE_PER_UNIT = 3
    MASS_PER_UNIT = 4
    GROSS_MASS = 5
    SHIPMENT_VALUE = 6
    PACKAGES = 7
    MASS_PER_PACKAGE = 8
    FREIGHT_TO_VALUE = 9
    FREIGHT_PER_KG = 10


#: Quantities whose distance from the usual value is a feature.
_MEASURED: Final = (Quantity.VALUE_PER_KG, Quantity.VALUE, Quantity.MASS)
FEATURES: Final = declare("value", ValueColumn)


C = ValueColumn

_HS_DIGITS: Final = (2, 4)
_LEAST_ROWS: Final = 20
_LEAST_SPREAD: Final = 0.15
#: Upper bound of the logarithm of the share of the net mass in the gross mass.
_LARGEST_SHARE: Final = 5.0
#: Upper bound of the size of distances from the usual value, in spreads.
_FURTHEST: Final = 20.0


class ValueGroup(Group):
    """Features of values and masses. The group learns the usual values per HS heading."""

    name = "value"
    learns = True
    features = FEATURES

    def __init__(self, texts: TextCache | None = None) -> None:
        super().__init__(texts)
        #: Quantity -> heading, chapter or "" (all rows) -> median and spread of the quantity's log.
        self.usual_: dict[str, dict[str, tuple[float, float]]] = {quantity.name.lower(): {} for quantity in Quantity}
        self._prepare()

    def fit(self, table: ManifestTable) -> None:
        log = table.amounts.log
        alone = np.bincount(table.shipment, minlength=table.n_shipments)[table.shipment] == 1
        whole = np.where(alone, log, np.nan)
        values = {
            Quantity.VALUE_PER_KG: log[Amount.VALUE] - log[Amount.MASS],
            Quantity.VALUE: log[Amount.VALUE],
            Quantity.MASS: log[Amount.MASS],
            Quantity.VALUE_PER_UNIT: log[Amount.VALUE] - log[Amount.UNITS],
            Quantity.MASS_PER_UNIT: log[Amount.MASS] - log[Amount.UNITS],
            Quantity.GROSS_MASS: whole[Amount.GROSS],
            Quantity.SHIPMENT_VALUE: whole[Amount.TOTAL],
            Quantity.PACKAGES: whole[Amount.PACKAGES],
            Quantity.MASS_PER_PACKAGE: whole[Amount.GROSS] - whole[Amount.PACKAGES],
            Quantity.FREIGHT_TO_VALUE: whole[Amount.FREIGHT] - whole[Amount.TOTAL],
            Quantity.FREIGHT_PER_KG: whole[Amount.FREIGHT] - whole[Amount.GROSS],
        }
        hs = table.text("hs_code")
        for quantity in Quantity:
            usual = usual_by_hs(
                values[quantity], hs.codes, hs.values, _HS_DIGITS, least_rows=_LEAST_ROWS, least_spread=_LEAST_SPREAD
            )
            self.usual_[quantity.name.lower()] = {
                key: (round(median, 5), round(spread, 5)) for key, (median, spread) in usual.items()
            }
        self._prepare()

    def _prepare(self) -> None:
        """Arrange the usual values in rows. Row 0 has those of the whole window."""
        measured = [quantity.name.lower() for quantity in _MEASURED]
        keys = dict.fromkeys(("", *(key for name in measured for key in self.usual_[name])))
        missing = (np.nan, np.nan)
        row_of = {key: row for row, key in enumerate(keys)}
        self._usual_row = TextRows(
            lambda codes: [row_of.get(code[:4]) or row_of.get(code[:2]) or 0 for code in codes], np.zeros(1)
        )
        #: Quantity -> median and spread per row.
        self._usual = [[self.usual(name, key) or missing for key in keys] for name in measured]

    def usual(self, quantity: str, code: str) -> tuple[float, float] | None:
        """Return median and spread of the log of ``value_per_kg``, ``value`` or ``mass`` for an HS code."""
        usual = self.usual_[quantity]
        return usual.get(code[:4]) or usual.get(code[:2]) or usual.get("")

    def fill(self, source: GroupInput, history: FloatArray, out: FloatArray) -> None:
        table, amounts = source.table, source.table.amounts
        write = ColumnWriter(out)
        log = amounts.log.tolist()
        value, mass, units, gross = log[Amount.VALUE], log[Amount.MASS], log[Amount.UNITS], log[Amount.GROSS]
        freight, total = log[Amount.FREIGHT], log[Amount.TOTAL]
        per_kg = _differences(value, mass)
        write.by_row(C.VALUE_MISSING, [amount != amount for amount in table.usd("customs_value").tolist()])
        write.by_row(C.VALUE_USD, value)
        write.by_row(C.MASS_KG, mass)
        write.by_row(C.VALUE_PER_KG, per_kg)
        write.by_row(C.VALUE_PER_UNIT, _differences(value, units))
        write.by_row(C.MASS_PER_UNIT, _differences(mass, units))
        usual_rows = self._usual_row.numbers(source.hs_codes, table.text("hs_code").codes).tolist()
        write.by_row(C.VALUE_PER_KG_UNUSUAL, self._distances(Quantity.VALUE_PER_KG, per_kg, usual_rows))
        write.by_row(C.VALUE_UNUSUAL, self._distances(Quantity.VALUE, value, usual_rows))
        write.by_row(C.MASS_UNUSUAL, self._distances(Quantity.MASS, mass, usual_rows))
        write.by_row(
            C.MASS_NET_SHARE,
            [
                exp(_LARGEST_SHARE if share > _LARGEST_SHARE else share)
                for share in _differences(log[Amount.NET], gross)
            ],
        )
        write.by_row(C.FREIGHT_TO_VALUE, _differences(freight, total))
        write.by_row(C.FREIGHT_PER_KG, _differences(freight, gross))
        euro_rates = _euro_rates(table.declared_s).take(table.shipment).tolist()
        write.by_row(
            C.VALUE_BELOW_THRESHOLD,
            [
                JUST_BELOW * LIMIT_USD <= dollars < LIMIT_USD or JUST_BELOW * LIMIT_EUR <= dollars / rate < LIMIT_EUR
                for dollars, rate in zip(amounts.total.tolist(), euro_rates, strict=True)
            ],
        )
        write.by_row(C.VALUE_ROUND, [_roundness(amount) for amount in table.number("customs_value").tolist()])
        write.by_row(C.SHIPMENT_VALUE_USD, total)
        write.by_row(C.SHIPMENT_MASS_KG, gross)
        write.by_row(C.SHIPMENT_ITEMS, np.bincount(table.shipment).take(table.shipment).tolist())
        write.by_row(C.PACKAGE_COUNT, [log1p(packages) for packages in table.number("package_count").tolist()])
        write.by_row(C.MASS_PER_PACKAGE, _differences(gross, log[Amount.PACKAGES]))

    def _distances(self, quantity: Quantity, values: list[float], usual_rows: list[int]) -> list[float]:
        """Return the signed distances from the usual values in spreads, limited to `_FURTHEST`."""
        usual = self._usual[quantity]
        distances = []
        for value, row in zip(values, usual_rows, strict=True):
            median, spread = usual[row]
            distance = (value - median) / spread
            distances.append(_FURTHEST if distance > _FURTHEST else -_FURTHEST if distance < -_FURTHEST else distance)
        return distances

    def state(self) -> State:
        return {"usual": {name: {k: list(v) for k, v in usual.items()} for name, usual in self.usual_.items()}}, {}

    def restore(self, data: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        # A bundle may lack the quantities that only texts state.
        self.usual_ = {quantity.name.lower(): {} for quantity in Quantity} | {
            name: {key: (float(median), float(spread)) for key, (median, spread) in usual.items()}
            for name, usual in data["usual"].items()
        }
        self._prepare()


def _differences(left: list[float], right: list[float]) -> list[float]:
    return [a - b for a, b in zip(left, right, strict=True)]


def _roundness(amount: float) -> float:
    """Return how many of the numbers 1, 10 and 100 divide an amount; NaN for NaN."""
    if amount != amount:
        return nan
    return 0.0 if amount % 1.0 else 1.0 if amount % 10.0 else 2.0 if amount % 100.0 else 3.0


def _euro_rates(moments: NDArray[np.int64]) -> FloatArray:
    """Return the US dollars per euro in the months of ``moments`` (n,), in seconds since 1970; NaN if unknown."""
    starts, rates = _euro_months()
    # Times before the first month have the index -1, which selects the NaN at the end.
    return rates[starts.searchsorted(moments, side="right") - 1]


@cache
def _euro_months() -> tuple[NDArray[np.int64], FloatArray]:
    """Return the starts of months (ascending, in seconds since 1970), and US dollars per euro in each, with a NaN at the end."""
    ordinals, _ = rate_table()["EUR"]
    months = np.arange(ordinals[0], ordinals[-1] + MAX_AGE_MONTHS + 2)
    starts = (months - month_ordinal(date(1970, 1, 1))).astype("datetime64[M]").astype("datetime64[s]").astype(np.int64)
    rates = [usd_per_unit("EUR", date(month // 12, month % 12 + 1, 1)) for month in months.tolist()]
    return starts, np.array([*(np.nan if rate is None else rate for rate in rates), np.nan])
