"""Whether value and mass are usual for the goods.

Usual is the median over the fit window of the log of a quantity per HS heading, with the median absolute deviation times
1.4826 as spread (Hampel 1974); headings with few rows take their chapter's, chapters with few rows the whole window's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.groups.base import FloatArray, Group, State, declare
from features.groups.shared_texts import placed_codes
from features.groups.value import rows as kernel
from features.reference import rate_table, usd_per_unit
from features.reference.rates import MAX_AGE_MONTHS, month_ordinal
from features.table.table import ManifestTable
from features.texts.cache import TextRows

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
#: Rows of `Amounts.log`.
MASS, VALUE, UNITS, NET, GROSS, FREIGHT, TOTAL, PACKAGES = range(8)
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
        self._number_usual()

    def fit(self, table: ManifestTable) -> None:
        log = amounts(table).log
        quantities = dict(zip(_QUANTITIES, (log[VALUE] - log[MASS], log[VALUE], log[MASS]), strict=True))
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
        self._number_usual()

    def _number_usual(self) -> None:
        """What is usual per heading and chapter as rows of one array, the whole window's first."""
        keys = dict.fromkeys(("", *(key for usual in self.usual_.values() for key in usual)))
        missing = (np.nan, np.nan)
        number = {key: number for number, key in enumerate(keys)}
        self._usual_of = TextRows(
            lambda codes: [number.get(code[:4]) or number.get(code[:2]) or 0 for code in codes], np.zeros(1)
        )
        self._usual = np.array(
            [[n for name in _QUANTITIES for n in self.usual(name, key) or missing] for key in keys], dtype=np.float64
        )

    def usual(self, quantity: str, code: str) -> tuple[float, float] | None:
        """Median and spread of the log of ``value_per_kg``, ``value`` or ``mass`` for an HS code."""
        usual = self.usual_[quantity]
        return usual.get(code[:4]) or usual.get(code[:2]) or usual.get("")

    def fill(self, table: ManifestTable, history: FloatArray, out: FloatArray) -> None:
        found = amounts(table)
        log = found.log
        kernel.value_columns(
            table,
            log,
            found.total,
            self._usual_of.numbers(placed_codes(table), table.text("hs_code").codes),
            self._usual,
            *_euro_months(),
            out,
        )
        np.exp(np.minimum(log[NET] - log[GROSS], 5.0), out=out[:, 9])
        np.log1p(table.number("package_count"), out=out[:, 17])

    def state(self) -> State:
        return {"usual": {name: {k: list(v) for k, v in usual.items()} for name, usual in self.usual_.items()}}, {}

    def restore(self, data: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        self.usual_ = {
            name: {key: (float(median), float(spread)) for key, (median, spread) in usual.items()}
            for name, usual in data["usual"].items()
        }
        self._number_usual()


@dataclass(frozen=True, slots=True, eq=False)
class Amounts:
    """What several groups need of the numbers of a table.

    Attributes:
        log: (8, n) natural logarithms in the order of `features.groups.value.rows.AMOUNTS` (mass, value and units of the item come
            first), NaN where missing or not above 0.
        mass: (n,) kilograms of each item: its net mass, or an equal part of the shipment's gross mass.
        total: (n,) declared value of the row's shipment in US dollars, in whole cents; 0 where none is known.
    """

    log: FloatArray
    mass: FloatArray
    total: FloatArray


def amounts(table: ManifestTable) -> Amounts:
    """The amounts of a table, computed once."""

    def make() -> Amounts:
        positive, mass, total = kernel.gather(table)
        return Amounts(np.log(positive, out=positive), mass, total)

    found: Amounts = table.derived("amounts", make)
    return found


def item_mass(table: ManifestTable) -> FloatArray:
    """Kilograms of each item: its net mass, or an equal part of the shipment's gross mass."""
    return amounts(table).mass


@cache
def _euro_months() -> tuple[NDArray[np.int64], FloatArray]:
    """Starts of months in seconds since 1970, ascending, and the US dollars per euro from each on, NaN where none is known."""
    ordinals, _ = rate_table()["EUR"]
    months = np.arange(ordinals[0], ordinals[-1] + MAX_AGE_MONTHS + 2)
    starts = (months - month_ordinal(date(1970, 1, 1))).astype("datetime64[M]").astype("datetime64[s]").astype(np.int64)
    rates = [usd_per_unit("EUR", date(month // 12, month % 12 + 1, 1)) for month in months.tolist()]
    return starts, np.array([np.nan if rate is None else rate for rate in rates])


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
