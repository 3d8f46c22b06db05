"""Currencies in which declarants state amounts, at the bundled monthly rates."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.reference import usd_per_unit
from training.world.geography import Geography
from training.world.hashing import Floats, Hashes, Ints, unit
from training.world.lanes import EPOCH

#: Shares of declarants that state amounts in dollars, in their own currency, in the destination's: assumed.
_USD, _OWN = 0.60, 0.82
_WHOLE_UNITS: Final = ("JPY", "KRW", "IDR")


class Money:
    """Currency and rate of each shipment."""

    def __init__(self, geography: Geography, first: date, last: date) -> None:
        self.codes = sorted({str(code) for code in geography.currency} | {"USD"})
        self._of_country = np.array([self.codes.index(str(code)) for code in geography.currency], dtype=np.int64)
        self._usd = self.codes.index("USD")
        self.whole = np.array([code in _WHOLE_UNITS for code in self.codes], dtype=np.bool_)
        self._first_day = (first - EPOCH).days
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        # Rates change by the month, so each month is asked for once.
        rates: dict[tuple[str, int, int], float] = {}
        for day in days:
            for code in self.codes:
                key = (code, day.year, day.month)
                if key not in rates:
                    rates[key] = usd_per_unit(code, day) or np.nan
        self._rate = np.array([[rates[code, day.year, day.month] for code in self.codes] for day in days])

    def choose(self, habit: Hashes, export: Ints, destination: Ints, day: Ints) -> tuple[Ints, Floats]:
        """(n,) currencies (indices of ``codes``) by the consignor's habit, and their dollars per unit on the day."""
        u = unit(habit, 31)
        currency = np.where(
            u < _USD, self._usd, np.where(u < _OWN, self._of_country[export], self._of_country[destination])
        )
        row = np.clip(day - self._first_day, 0, len(self._rate) - 1)
        rate = self._rate[row, currency]
        # No rate is published for the currency in that month: the declarant is taken to use dollars.
        currency = np.where(np.isnan(rate), self._usd, currency)
        return currency, np.asarray(np.where(np.isnan(rate), 1.0, rate))


def amounts(value: Floats, whole: NDArray[np.bool_]) -> NDArray[np.object_]:
    """(n,) texts with two decimals, or none where the currency has no smaller unit."""
    return np.array(
        [
            f"{max(v, 1):.0f}" if w else f"{max(v, 0.01):.2f}"
            for v, w in zip(value.tolist(), whole.tolist(), strict=True)
        ],
        dtype=object,
    )
