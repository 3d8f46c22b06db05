"""Tests of currency rates in US dollars per unit."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.reference import ReferenceDataError, currency, rate_table, rates, reading, usd_per_unit
from tools.build_rates import monthly_usd_per_unit

JUNE_2021 = date(2021, 6, 15)


def test_the_rate_of_the_us_dollar_is_always_one() -> None:
    assert usd_per_unit("USD", date(1970, 1, 1)) == 1.0


@pytest.mark.parametrize(
    ("code", "low", "high"),
    [("EUR", 1.15, 1.25), ("GBP", 1.35, 1.45), ("CNY", 0.14, 0.17), ("JPY", 0.0085, 0.0097), ("KRW", 0.0008, 0.001)],
)
def test_rates_are_us_dollars_per_unit(code: str, low: float, high: float) -> None:
    rate = usd_per_unit(code, JUNE_2021)
    assert rate is not None
    assert low < rate < high


@pytest.mark.parametrize("code", ["VND", "XXX", "", "usd", "BTC"])
def test_a_currency_without_a_published_rate_has_no_rate(code: str) -> None:
    assert usd_per_unit(code, JUNE_2021) is None


def test_there_is_no_rate_before_the_first_month() -> None:
    assert usd_per_unit("EUR", date(2014, 12, 31)) is None
    assert usd_per_unit("EUR", date(2015, 1, 1)) is not None


def test_all_days_of_a_month_have_the_same_rate() -> None:
    assert usd_per_unit("GBP", date(2022, 9, 1)) == usd_per_unit("GBP", date(2022, 9, 30))
    assert usd_per_unit("GBP", date(2022, 9, 30)) != usd_per_unit("GBP", date(2022, 10, 1))


def test_the_last_rate_of_an_ended_series_is_used_for_eighteen_months() -> None:
    # The last rate of the kuna is of December 2022, before Croatia joined the euro.
    last = usd_per_unit("HRK", date(2022, 12, 1))
    assert usd_per_unit("HRK", date(2024, 6, 30)) == last
    assert usd_per_unit("HRK", date(2024, 7, 1)) is None


def test_the_newest_rate_is_used_for_later_days_up_to_its_maximum_age() -> None:
    newest = rates.newest_month()
    assert usd_per_unit("EUR", date(newest.year + 1, newest.month, 28)) == usd_per_unit("EUR", newest)
    assert usd_per_unit("EUR", date(newest.year + 2, newest.month, 28)) is None


def test_the_table_is_sorted_and_has_positive_rates_of_iso_currencies() -> None:
    for code, (months, values) in rate_table().items():
        assert currency(code) == code
        assert len(months) == len(values)
        assert (np.diff(months) > 0).all()
        assert (values > 0).all()


@given(st.sampled_from(sorted(rate_table())), st.dates(date(2014, 1, 1), date(2030, 12, 31)))
def test_the_table_and_the_function_agree(code: str, day: date) -> None:
    months, values = rate_table()[code]
    month = rates.month_ordinal(day)
    at = int(np.searchsorted(months, month, side="right")) - 1
    usable = at >= 0 and month - months[at] <= rates.MAX_AGE_MONTHS
    assert usd_per_unit(code, day) == (values[at] if usable else None)


def test_a_monthly_rate_is_the_mean_of_the_daily_cross_rates() -> None:
    history = [
        {"Date": "2021-02-02", "USD": "1.2", "GBP": "0.8", "CYP": "N/A", "": ""},
        {"Date": "2021-02-01", "USD": "1.0", "GBP": "0.5", "CYP": "N/A", "": ""},
        {"Date": "2014-12-31", "USD": "9.0", "GBP": "9.0", "CYP": "N/A", "": ""},
    ]
    (_, euro, euro_rate), (month, pound, pound_rate) = monthly_usd_per_unit(history)
    assert (month, euro, pound) == ("2021-02", "EUR", "GBP")
    assert euro_rate == pytest.approx(1.1)
    assert pound_rate == pytest.approx((1.2 / 0.8 + 1.0 / 0.5) / 2)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (["2021-13", "EUR", "1.1"], "expected a month"),
        (["2021-02", "EUR", "much"], "expected a month"),
        (["2021-02", "EUR", "-1"], "expected a number"),
        (["2021-01", "EUR", "1.2"], "already has a rate"),
    ],
)
def test_an_invalid_rate_is_refused_with_its_row(
    row: list[str], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / rates.FILE).open("w", newline="") as file:
        csv.writer(file).writerows([["month", "currency", "usd_per_unit"], ["2021-01", "EUR", "1.1"], row])
    monkeypatch.setattr(reading, "DATA", tmp_path)
    rates._series.cache_clear()
    try:
        with pytest.raises(ReferenceDataError, match=reason) as refused:
            usd_per_unit("EUR", JUNE_2021)
    finally:
        rates._series.cache_clear()
    assert (refused.value.file, refused.value.row) == (rates.FILE, 3)
