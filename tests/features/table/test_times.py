"""Declaration times far outside the present: shipments are scored with a warning and do not change the history."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from features.groups.history.history import History
from features.table.reading import EARLIEST_S, FAR_FUTURE_S, FUTURE_TOLERANCE_S
from features.table.table import Coded, ManifestTable

NOW = 1_780_000_000  # 2026-05-28


def table(times: Sequence[str | None], receipt: int | None = NOW, first: int = 0) -> ManifestTable:
    n = len(times)
    columns: dict[str, Sequence[str | None]] = {
        "shipment_id": [f"S{first + k}" for k in range(n)],
        "declared_at": times,
        "consignor_name": ["Example Trading"] * n,
        "consignee_name": [f"Consignee {(time or '')[-1:]}" for time in times],
        "consignee_address": ["1 Sample Street"] * n,
        "goods_description": ["ceramic mug"] * n,
    }
    return ManifestTable.from_columns(
        {name: Coded.from_list(list(values)) for name, values in columns.items()}, n, receipt=receipt
    )


@pytest.mark.parametrize(
    "time", ["9999-12-31", "9999-12-31T23:59:59Z", "2099-01-01", "0001-01-01", "1970-01-01", "1989-12-31"]
)
def test_a_time_far_outside_the_present_is_missing_with_a_warning(time: str) -> None:
    read = table([time])
    assert read.declared_s.tolist() == [NOW]
    words = "lies in the future" if time > "2026" else "lies before the year 1990"
    assert read.warning_texts() == [f"declared_at: {words}; treated as missing"]
    assert read.far_dated is not None
    assert read.far_dated.tolist() == [True]


def test_a_time_since_1990_and_within_days_of_the_receipt_is_not_far_dated() -> None:
    read = table(["2026-06-10", "2026-05-29", None, "1990-01-01"])
    assert read.far_dated is None
    assert read.declared_s.tolist() == [NOW, NOW - NOW % 86400 + 86400, NOW, EARLIEST_S]
    assert FUTURE_TOLERANCE_S < FAR_FUTURE_S


def test_an_implausible_time_does_not_fill_in_missing_ones() -> None:
    assert len(set(table(["2026-05-01", "0001-01-01", None], receipt=None).declared_s.tolist())) == 1


def test_parts_of_a_table_keep_the_far_dated_flags() -> None:
    part = table(["2026-05-01", "9999-01-01", "2026-05-02"]).take(np.array([1, 2]))
    assert part.far_dated is not None
    assert part.far_dated.tolist() == [True, False]


def test_far_dated_rows_are_scored_with_the_history_and_do_not_affect_other_rows() -> None:
    wrong = "9999-12-31"
    usual = [f"2026-05-{day:02}" for day in range(1, 5)]
    mixed = [wrong, wrong, *usual[:2], wrong, wrong, wrong, *usual[2:]]
    is_usual = np.array([time != wrong for time in mixed])
    history = History.empty()
    history.advance(table(["2026-04-01", "2026-04-02"], first=100))
    expected = history.copy().advance(table(usual))
    rows = history.advance(table(mixed), update=False)
    np.testing.assert_array_equal(rows.values[is_usual], expected.values)
    assert (history.watermark, history.sequence) == (table(["2026-04-02"]).declared_s.item(), 2)
    np.testing.assert_array_equal(history.copy().advance(table(mixed)).values, rows.values)
    one_by_one = [history.advance(table([time], first=number)).values[0] for number, time in enumerate(mixed)]
    np.testing.assert_array_equal(rows.values, one_by_one)


@pytest.mark.parametrize("wrong", ["9999-12-31", "0001-01-01"])
def test_far_dated_rows_do_not_change_the_history(wrong: str) -> None:
    usual = [f"2026-05-{day:02}" for day in range(1, 9)]
    with_wrong, without = History.empty(), History.empty()
    without.advance(table(usual))
    mixed = [*usual[:3], wrong, *usual[3:6], wrong, wrong, *usual[6:], wrong]
    is_usual = np.array([time != wrong for time in mixed])
    expected = History.empty().advance(table([time for time in mixed if time != wrong]))
    rows = with_wrong.advance(table(mixed))
    assert rows.late.tolist() == [False] * len(mixed)
    np.testing.assert_array_equal(rows.values[is_usual], expected.values)
    assert not np.isnan(rows.values[3]).all()
    assert (with_wrong.watermark, with_wrong.sequence) == (without.watermark, without.sequence)
    later = table(["2026-05-20"] * 3, first=100)
    np.testing.assert_array_equal(with_wrong.advance(later).values, without.advance(later).values)
