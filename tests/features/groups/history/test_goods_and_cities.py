"""History of the consignor's goods and of its shipments to one city."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from features.groups.history.history import History
from tests.features.groups.history.oracle import DAY, Declared
from tests.features.groups.history.test_history import START, column, manifest

#: Noon of a day on which a block of 7 days and one of 30 days begin, so that the next days are in the same blocks.
NOON = int(START.timestamp()) // (210 * DAY) * (210 * DAY) + DAY // 2
TO = Declared("", NOON, "A", "B", "1 Main St", 100, codes=("610910", "610910"), city="Los Angeles", postcode="90012")


def sent(*changes: dict[str, Any]) -> np.ndarray:
    """Return the features of shipments an hour apart. Each is `TO` with the given changes."""
    rows = [
        replace(TO, **{"reference": str(i), "seconds": NOON + 3600 * i, **change}) for i, change in enumerate(changes)
    ]
    bulk = History.empty().advance(manifest(rows)).values
    history = History.empty()
    single = np.concatenate([history.advance(manifest([row])).values for row in rows])
    assert np.array_equal(bulk, single, equal_nan=True)
    return bulk


def test_shipments_to_several_consignees_of_a_city_are_counted_together() -> None:
    to = [{"consignee": name, "address": f"{name} Street 1", "postcode": f"9001{i}"} for i, name in enumerate("BCDC")]
    values = sent(*to, {"consignee": "E", "city": "Oakland"}, {"consignee": "F", "city": "LOS  ANGELES"})
    assert column(values, "consignor_city_recent_7") == [0, 1, 2, 3, 0, 4]
    # The fourth shipment goes to C under another postcode, which makes it another consignee.
    assert column(values, "consignor_city_new_consignees_30") == [0, 1, 2, 3, 0, 4]
    again = sent(*3 * [{}], {"consignee": "C"})
    assert column(again, "consignor_city_new_consignees_30") == [0, 1, 1, 1]


def test_cities_are_counted_per_consignor_and_country() -> None:
    assert column(sent({}, {"consignor": "Z"}), "consignor_city_recent_7") == [0, 0]
    rows = [replace(TO, reference=str(i), seconds=NOON + i) for i in range(2)]
    history = History.empty()
    history.advance(manifest(rows[:1]))
    columns = dict(manifest(rows[1:]).raw)
    columns["consignee_country"] = columns["consignee_country"].mapped(lambda _: "MX")
    table = type(manifest(rows)).from_columns(columns, 2)
    assert column(history.advance(table).values, "consignor_city_recent_7") == [0]


def test_without_a_city_the_first_digits_of_the_postcode_count_and_without_both_nothing_is_known() -> None:
    values = sent(
        {"city": "", "postcode": "90012"}, {"city": "", "postcode": "900-15"}, {"city": "", "postcode": "94601"}, {}
    )
    assert column(values, "consignor_city_recent_7") == [0, 1, 0, 0]
    assert np.isnan(column(sent({"city": "", "postcode": ""}), "consignor_city_recent_7")).all()


def test_goods_of_one_heading_to_a_city_are_counted_over_all_consignors() -> None:
    values = sent({}, {"consignor": "Z"}, {"consignor": ""}, {"city": "Oakland"}, {"codes": ("847130", "")}, {})
    assert column(values, "city_heading_recent_7") == [0, 1, 2, 0, 0, 3]
    assert column(sent({}, {"seconds": NOON + 14 * DAY}), "city_heading_recent_7") == [0, 0]
    assert np.isnan(column(sent({"codes": ("", "")}), "city_heading_recent_7")[0])


def test_windows_of_a_city_drop_old_shipments() -> None:
    values = sent({}, {"consignee": "C", "seconds": NOON + 14 * DAY}, {"consignee": "D", "seconds": NOON + 70 * DAY})
    assert column(values, "consignor_city_recent_7") == [0, 0, 0]
    assert column(values, "consignor_city_new_consignees_30") == [0, 1, 0]


def test_goods_of_another_chapter_than_before_have_a_small_share() -> None:
    values = sent(*3 * [{}], {"codes": ("610990", "")}, {"codes": ("847130", "")})
    assert column(values, "consignor_chapter_share")[1:] == [1.5 / 2, 2.5 / 3, 3.5 / 4, 0.5 / 5]
    assert column(values, "consignor_heading_share")[1:] == [1.5 / 2, 2.5 / 3, 3.5 / 4, 0.5 / 5]
    assert np.isnan(column(values, "consignor_chapter_share")[0])
    assert np.expm1(column(values, "consignor_heading_shipments")) == pytest.approx([0, 1, 2, 3, 0])


def test_headings_within_a_chapter_are_distinguished_and_chapters_are_counted() -> None:
    values = sent({}, {"codes": ("6104", "")}, {"codes": ("847130", "")}, {"codes": ("61", "")}, {})
    assert column(values, "consignor_chapter_share")[1:3] == [1.5 / 2, 0.5 / 3]
    assert column(values, "consignor_heading_share")[1:3] == [0.5 / 2, 0.5 / 3]
    assert column(values, "consignor_chapters") == [0, 1, 1, 2, 2]
    # A code of two digits is too short for a heading.
    assert np.isnan(column(values, "consignor_chapter_share")[3])


def test_a_turn_to_chemistry_is_large_after_a_history_without_it() -> None:
    values = sent(*9 * [{}], {"codes": ("293339", "")}, {"codes": ("3824", "")}, {})
    assert column(values, "consignor_chemistry_turn")[1:] == [0] * 8 + [9.5 / 10, 9.5 / 11, 0]
    assert column(values, "consignor_chemistry_share")[1:] == [0] * 9 + [1 / 10, 2 / 11]


def test_a_shipment_is_represented_by_its_lowest_code_of_chemistry_otherwise_by_its_lowest_code() -> None:
    values = sent(
        {"codes": ("610910", "293339")},
        {"codes": ("2933", "")},
        {"codes": ("", "847130")},
        {"codes": ("9503", "847190")},
    )
    assert np.expm1(column(values, "consignor_heading_shipments")) == pytest.approx([0, 1, 0, 1])
    assert column(values, "consignor_chemistry_share")[1:] == [1, 1, 2 / 3]


def test_items_of_one_shipment_do_not_see_each_others_goods() -> None:
    values = sent({"codes": ("293339", "293339")})
    assert column(values, "consignor_heading_shipments") == [0]
    assert column(values, "pair_heading_shipments") == [0]
    assert column(values, "consignor_city_recent_7") == [0]


def test_shipments_without_a_code_do_not_count_for_goods() -> None:
    values = sent({"codes": ("610910", "")}, *4 * [{"codes": ("", "")}], {"codes": ("610910", "")})
    assert column(values, "consignor_chapter_share")[-1] == 1.5 / 2
    assert np.isnan(column(values, "consignor_chapter_share")[1:5]).all()


def test_the_same_goods_between_the_same_parties_are_counted() -> None:
    values = sent({}, {}, {"consignee": "C"}, {"codes": ("847130", "")}, {})
    assert np.expm1(column(values, "pair_heading_shipments")) == pytest.approx([0, 1, 0, 0, 2])


def test_a_late_shipment_sees_the_present_goods_and_city() -> None:
    values = sent({}, {"seconds": NOON + 3 * DAY, "codes": ("293339", "")}, {"seconds": NOON + DAY})
    assert column(values, "consignor_city_recent_7")[2] == 2
    assert column(values, "consignor_chapter_share")[2] == 1.5 / 3
    assert math.expm1(column(values, "pair_heading_shipments")[2]) == pytest.approx(1)


def test_a_repeated_shipment_counts_its_goods_once_and_an_amended_one_gets_new_values() -> None:
    history = History.empty()
    first, second = replace(TO, reference="1"), replace(TO, reference="2")
    history.advance(manifest([first]))
    values = history.advance(manifest([second])).values
    assert np.array_equal(history.advance(manifest([second])).values, values, equal_nan=True)
    changed = history.advance(manifest([replace(second, codes=("293339", ""))])).values
    assert column(changed, "consignor_chapter_share") == [0.5 / 3]
    moved = history.advance(manifest([replace(second, city="Oakland")])).values
    assert column(moved, "consignor_city_recent_7") == [0]
    assert column(history.advance(manifest([replace(TO, reference="3")])).values, "consignor_city_recent_7") == [2]


def test_a_snapshot_keeps_goods_and_cities() -> None:
    history = History.empty()
    history.advance(manifest([replace(TO, reference=str(i), seconds=NOON + i) for i in range(3)]))
    restored = History.from_arrays(history.to_arrays())
    probe = manifest([replace(TO, reference="9", seconds=NOON + DAY)])
    values = restored.advance(probe).values
    assert column(values, "consignor_city_recent_7") == [3]
    assert column(values, "consignor_chapter_share") == [3.5 / 4]
    assert np.array_equal(values, history.advance(probe).values, equal_nan=True)


def test_results_of_inspections_are_not_counted_per_city() -> None:
    history = History.empty()
    history.learn(manifest([replace(TO, reference="1")]), np.array([True]))
    sizes = history.sizes()
    assert sizes["consignor"] == 1
    assert sizes["consignor_city"] == 0
