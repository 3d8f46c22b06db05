"""US dollars per unit of a currency, by month.

Monthly means of the European Central Bank's euro reference rates, 2015 to the newest month of `data/usd_rates.csv`
(its README describes its origin). A currency that the ECB does not publish has no rate. A month without a rate takes the
newest earlier one that is at most `MAX_AGE_MONTHS` old. Otherwise there is no rate, because missing amounts are better than
wrong ones.
"""

from __future__ import annotations

import csv
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Final

from features.reference.reading import ReferenceDataError, open_data

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FILE: Final = "usd_rates.csv"
# The last rate is used for a while after a series ends: the currency joined the euro, publication was suspended, or the bundled
# file is a little old. It is not used for years, because exchange rates then drift by tens of per cent.
MAX_AGE_MONTHS: Final = 18


def month_ordinal(day: date) -> int:
    """Return months since year 0: consecutive months differ by one."""
    return day.year * 12 + day.month - 1


@cache
def _series() -> dict[str, dict[int, float]]:
    """Return currency -> month ordinal -> US dollars per unit."""
    series: dict[str, dict[int, float]] = {}
    with open_data(FILE) as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            try:
                month = month_ordinal(date.fromisoformat(f"{row['month']}-01"))
                rate = float(row["usd_per_unit"])
            except ValueError as error:
                reason = f"{error}; expected a month YYYY-MM and a decimal number"
                raise ReferenceDataError(FILE, number, reason) from None
            if not 0 < rate < 1e6:
                raise ReferenceDataError(FILE, number, f"usd_per_unit is {rate!r}, expected a number in (0, 1e6)")
            months = series.setdefault(row["currency"], {})
            if month in months:
                raise ReferenceDataError(FILE, number, f"{row['currency']} already has a rate for {row['month']}")
            months[month] = rate
    return series


@cache
def rate_table() -> dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Return currency -> (month ordinals, ascending; US dollars per unit), as arrays for calculations with whole columns.

    A month ordinal is ``year * 12 + month - 1``. USD is not in the table: it is always 1. Callers must apply
    `MAX_AGE_MONTHS` themselves: use the last ordinal up to the day's, if it is at most that old.
    """
    import numpy as np

    table = {}
    for currency, months in _series().items():
        ordinals = np.array(sorted(months), dtype=np.int64)
        table[currency] = (ordinals, np.array([months[ordinal] for ordinal in ordinals.tolist()], dtype=np.float64))
    return table


def usd_per_unit(currency: str, day: date) -> float | None:
    """Return US dollars for one unit of an ISO 4217 currency in the month of ``day``; None without a usable rate.

    The newest month on or before the day counts if it is at most `MAX_AGE_MONTHS` old. USD is 1.
    """
    return usd_per_unit_in(currency, month_ordinal(day))


def usd_per_unit_in(currency: str, ordinal: int) -> float | None:
    """Return `usd_per_unit` for a month given as `month_ordinal`."""
    if currency == "USD":
        return 1.0
    months = _series().get(currency)
    if months is None:
        return None
    for month in range(ordinal, ordinal - MAX_AGE_MONTHS - 1, -1):
        if (rate := months.get(month)) is not None:
            return rate
    return None


def newest_month() -> date:
    """Return the first day of the newest month in the bundled file."""
    newest = max(max(months) for months in _series().values())
    return date(newest // 12, newest % 12 + 1, 1)
