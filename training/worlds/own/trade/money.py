"""Currencies of declared amounts, at the bundled monthly exchange rates."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.reference import usd_per_unit
from training.worlds.own.priors import Priors
from training.worlds.own.trade.geography import Geography
from training.worlds.own.trade.hashing import Floats, Hashes, Ints, cumulate, pick, unit
from training.worlds.own.trade.trade_lanes import EPOCH, calendar

#: Currencies in which consignors declare: US dollars, that of the export country, or that of the destination.
_CURRENCY_CHOICES: Final = ("dollar", "own", "destination")
#: Currencies whose amounts are declared without decimals.
_WHOLE_UNITS: Final = ("JPY", "KRW", "IDR")


class Money:
    """Currency and exchange rate of each shipment."""

    def __init__(self, priors: Priors, geography: Geography) -> None:
        self._whose = cumulate(priors.row("habit.currency", _CURRENCY_CHOICES))
        self.codes = sorted({str(code) for code in geography.currency} | {"USD"})
        self._of_country = np.array([self.codes.index(str(code)) for code in geography.currency], dtype=np.int64)
        self._usd = self.codes.index("USD")
        self.without_decimals = np.array([code in _WHOLE_UNITS for code in self.codes], dtype=np.bool_)
        days = calendar(priors)
        self._first_day = (days[0] - EPOCH).days
        # Rates are monthly, so look up each month once.
        rates: dict[tuple[str, int, int], float] = {}
        for day in days:
            for code in self.codes:
                key = (code, day.year, day.month)
                if key not in rates:
                    rates[key] = usd_per_unit(code, day) or np.nan
        self._rate = np.array([[rates[code, day.year, day.month] for code in self.codes] for day in days])

    def choose(self, habit: Hashes, export: Ints, destination: Ints, day: Ints) -> tuple[Ints, Floats]:
        """Return currencies (n,) by the consignor's habit, as indices of ``codes``, and their rates in US dollars."""
        whose = pick(self._whose, unit(habit, 31))
        currency = np.choose(
            whose, [np.full(len(habit), self._usd), self._of_country[export], self._of_country[destination]]
        )
        row = np.clip(day - self._first_day, 0, len(self._rate) - 1)
        rate = self._rate[row, currency]
        # Declarants use US dollars if there is no published rate for the currency in that month.
        currency = np.where(np.isnan(rate), self._usd, currency)
        return currency, np.asarray(np.where(np.isnan(rate), 1.0, rate))


def amounts(value: Floats, without_decimals: NDArray[np.bool_]) -> NDArray[np.object_]:
    """Return values (n,) as texts with two decimals; without decimals where ``without_decimals`` (n,) is true."""
    return np.array(
        [
            f"{max(v, 1):.0f}" if w else f"{max(v, 0.01):.2f}"
            for v, w in zip(value.tolist(), without_decimals.tolist(), strict=True)
        ],
        dtype=object,
    )
