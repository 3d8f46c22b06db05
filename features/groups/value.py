"""Whether value and mass are usual for the goods.

Usual is the median over the fit window of the log of a quantity per HS heading, with the median absolute deviation times
1.4826 as spread (Hampel 1974); headings with few rows take their chapter's, chapters with few rows the whole window's.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.groups.base import FloatArray, Group, State, declare, log_or_nan
from features.reference import usd_per_unit
from features.table import Coded, ManifestTable

FEATURES: Final = declare(
    "value",
    ("value_missing", "VALUE_MISSING", "Whether no value in US dollars is known"),
    ("value_usd", "VALUE_DENSITY", "Declared value of the item in US dollars (log)"),
    ("mass_kg", "MASS_UNUSUAL", "Mass of the item in kilograms (log)"),
    ("value_per_kg", "VALUE_DENSITY", "US dollars per kilogram (log)"),
    (
        "value_per_kg_unusual",
        "VALUE_DENSITY",
        "Distance of the value per kilogram from what is usual for the HS heading",
    ),
    ("value_per_unit", "VALUE_DENSITY", "US dollars per unit (log)"),
    ("value_unusual", "VALUE_DENSITY", "Distance of the value from what is usual for the HS heading"),
    ("mass_unusual", "MASS_UNUSUAL", "Distance of the mass from what is usual for the HS heading"),
    ("mass_per_unit", "MASS_UNUSUAL", "Kilograms per unit (log)"),
    ("mass_net_share", "MASS_UNUSUAL", "Net mass of all items over gross mass"),
    ("freight_to_value", "FREIGHT_VALUE", "Freight charge over declared value (log)"),
    ("freight_per_kg", "FREIGHT_VALUE", "Freight charge in US dollars per kilogram (log)"),
    ("value_below_threshold", "VALUE_THRESHOLD", "Whether the shipment's value is within 5 % below USD 800 or EUR 150"),
    ("value_round", "VALUE_THRESHOLD", "Whether the declared value is a whole number, of tens, or of hundreds"),
    ("shipment_value_usd", "CONSIGNMENT_SIZE", "Declared value of the whole shipment in US dollars (log)"),
    ("shipment_mass_kg", "CONSIGNMENT_SIZE", "Gross mass of the shipment in kilograms (log)"),
    ("shipment_items", "CONSIGNMENT_SIZE", "Goods items of the shipment"),
    ("package_count", "CONSIGNMENT_SIZE", "Packages of the shipment (log of one more)"),
    ("mass_per_package", "CONSIGNMENT_SIZE", "Kilograms per package (log)"),
)
_QUANTITIES: Final = ("value_per_kg", "value", "mass")
_LEAST_ROWS: Final = 20
_SPREAD_FLOOR: Final = 0.15


class ValueGroup(Group):
    """Values and masses; learns what is usual per HS heading."""

    name = "value"
    learns = True
    features = FEATURES

    def __init__(self) -> None:
        #: quantity -> heading, chapter or "" -> (median, spread) of its log
        self.usual_: dict[str, dict[str, tuple[float, float]]] = {name: {} for name in _QUANTITIES}

    def fit(self, table: ManifestTable) -> None:
        quantities = dict(zip(_QUANTITIES, _logs(table), strict=True))
        hs = table.text("hs_code")
        for name, values in quantities.items():
            usual: dict[str, tuple[float, float]] = {}
            for length in (0, 2, 4):
                keys, group = np.unique([code[:length] for code in hs.values] or [""], return_inverse=True)
                of_row = np.append(group, -1)[hs.codes] if length else np.zeros(len(values), dtype=np.int64)
                usable = ~np.isnan(values) & (of_row >= 0)
                for position, (median, spread, count) in _robust(values[usable], of_row[usable]).items():
                    if count >= _LEAST_ROWS or not length:
                        usual[str(keys[position]) if length else ""] = (round(median, 5), round(spread, 5))
            self.usual_[name] = usual

    def usual(self, quantity: str, code: str) -> tuple[float, float] | None:
        """Median and spread of the log of ``value_per_kg``, ``value`` or ``mass`` for an HS code."""
        usual = self.usual_[quantity]
        return usual.get(code[:4]) or usual.get(code[:2]) or usual.get("")

    def transform(self, table: ManifestTable, history: FloatArray) -> FloatArray:
        matrix = np.full((table.n_rows, len(FEATURES)), np.nan)
        hs = table.text("hs_code")
        density, value, mass = _logs(table)
        first = table.first_row[table.shipment]
        units = table.number("quantity")
        gross = table.number("gross_mass_kg")
        freight = table.usd("freight_charge")
        usd = table.usd("customs_value")
        cents = np.nan_to_num(np.minimum(np.rint(usd * 100), 1e15)).astype(np.int64)
        grams = np.nan_to_num(np.minimum(np.rint(table.number("net_mass_kg") * 1000), 1e15)).astype(np.int64)
        total = np.add.reduceat(cents, table.first_row)[table.shipment] / 100.0 if table.n_rows else usd
        net = np.add.reduceat(grams, table.first_row)[table.shipment] / 1000.0 if table.n_rows else usd
        items = np.bincount(table.shipment, minlength=table.n_shipments)[table.shipment]
        packages = table.number("package_count")
        matrix[:, 0] = np.isnan(usd)
        matrix[:, 1], matrix[:, 2], matrix[:, 3] = value, mass, density
        matrix[:, 4] = self._distance("value_per_kg", hs, density)
        matrix[:, 5] = value - log_or_nan(units)
        matrix[:, 6] = self._distance("value", hs, value)
        matrix[:, 7] = self._distance("mass", hs, mass)
        matrix[:, 8] = mass - log_or_nan(units)
        matrix[:, 9] = np.exp(np.minimum(log_or_nan(net) - log_or_nan(gross), 5.0))
        matrix[:, 10] = log_or_nan(freight) - log_or_nan(total)
        matrix[:, 11] = log_or_nan(freight) - log_or_nan(gross)
        euros = total / _usd_per_euro(table)
        matrix[:, 12] = ((total >= 760) & (total < 800)) | ((euros >= 142.5) & (euros < 150))
        declared = table.number("customs_value")
        matrix[:, 13] = np.where(
            np.isnan(declared), np.nan, 0.0 + (declared % 1 == 0) + (declared % 10 == 0) + (declared % 100 == 0)
        )
        matrix[:, 14], matrix[:, 15] = log_or_nan(total), log_or_nan(gross)
        matrix[:, 16] = items
        matrix[:, 17] = np.log1p(packages)
        matrix[:, 18] = (log_or_nan(gross) - log_or_nan(packages))[first] if table.n_rows else 0.0
        return matrix

    def _distance(self, quantity: str, hs: Coded, values: FloatArray) -> FloatArray:
        default = self.usual_[quantity].get("", (np.nan, np.nan))
        found = np.array([self.usual(quantity, code) or default for code in hs.values], dtype=np.float64).reshape(-1, 2)
        usual = np.concatenate([found, [default]])[hs.codes]
        distance: FloatArray = np.clip((values - usual[:, 0]) / usual[:, 1], -20.0, 20.0)
        return distance

    def state(self) -> State:
        return {"usual": {name: {k: list(v) for k, v in usual.items()} for name, usual in self.usual_.items()}}, {}

    def restore(self, data: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        self.usual_ = {
            name: {key: (float(median), float(spread)) for key, (median, spread) in usual.items()}
            for name, usual in data["usual"].items()
        }


def item_mass(table: ManifestTable) -> FloatArray:
    """Kilograms of each item: its net mass, or an equal part of the shipment's gross mass."""
    items = np.bincount(table.shipment, minlength=table.n_shipments)[table.shipment]
    net = table.number("net_mass_kg")
    return np.where(np.isnan(net), table.number("gross_mass_kg") / items, net)


def _logs(table: ManifestTable) -> tuple[FloatArray, FloatArray, FloatArray]:
    value, mass = log_or_nan(table.usd("customs_value")), log_or_nan(item_mass(table))
    return value - mass, value, mass


def _usd_per_euro(table: ManifestTable) -> FloatArray:
    """(n_rows,) US dollars per euro in the month of declaration."""
    months = table.declared_s.astype("datetime64[s]").astype("datetime64[M]")
    distinct, inverse = np.unique(months, return_inverse=True)
    rates = [usd_per_unit("EUR", day) for day in distinct.astype("datetime64[D]").tolist()]
    return np.array([np.nan if rate is None else rate for rate in rates], dtype=np.float64)[inverse][table.shipment]


def _robust(values: FloatArray, group: NDArray[Any]) -> dict[int, tuple[float, float, int]]:
    """Median, spread and count per group."""
    found: dict[int, tuple[float, float, int]] = {}
    if not len(values):
        return found
    order = np.lexsort((values, group))
    keys, starts = np.unique(group[order], return_index=True)
    for key, part in zip(keys.tolist(), np.split(values[order], starts[1:]), strict=True):
        if len(part):
            median = float(np.median(part))
            spread = 1.4826 * float(np.median(np.abs(part - median)))
            found[int(key)] = (median, max(spread, _SPREAD_FLOOR), len(part))
    return found
