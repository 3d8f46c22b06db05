"""Errors of the triage lanes: by origin, by number of items, and the cost of equal rates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.table.table import Coded, ManifestTable
from models.lanes import GREEN, RED, YELLOW
from training.data.dataset import Outcome
from training.evaluation.evaluation import Scored
from training.evaluation.lane_errors import capped_rates, items_of, lane_shares, origin_of, red_by_items, red_by_origin


def _scored(lane: np.ndarray, risk: np.ndarray | None = None) -> Scored:
    n = len(lane)
    return Scored(
        ("risk",), np.zeros(n) if risk is None else risk, np.zeros((n, 1)), {"risk": 0.01}, lane.astype(np.int8)
    )


def _table(columns: dict[str, list[str | None]]) -> ManifestTable:
    n = len(next(iter(columns.values())))
    return ManifestTable.from_columns({k: Coded.from_list(v) for k, v in columns.items()}, n)


def test_error_rates_by_origin_count_clean_shipments_of_major_origins() -> None:
    origin = ["CN"] * 4000 + ["DE"] * 2000 + ["FR"] * 600 + ["IS"] * 20
    lane = np.full(6620, GREEN)
    lane[:200] = RED  # 200 of CN: 160 clean, 40 finds
    lane[4000:4020] = RED
    lane[6600:] = RED
    find = np.zeros((6620, 1), dtype=bool)
    find[:40] = True
    found = red_by_origin(_scored(lane), Outcome(find, np.ones(6620)), origin)
    assert found["origins"] == {
        "CN": {"clean_shipments": 3960, "red_rate": pytest.approx(160 / 3960)},
        "DE": {"clean_shipments": 2000, "red_rate": pytest.approx(0.01)},
        "FR": {"clean_shipments": 600, "red_rate": 0.0},
    }
    # Of 600 clean shipments three are expected in red, so a count of zero is no evidence.
    assert found["ratio"] == pytest.approx(160 / 3960 / 0.01)
    low, high = found["ratio_interval"]
    assert 2.0 < low < found["ratio"] < high < 8.0


def test_a_single_origin_gives_a_reason_instead_of_a_ratio() -> None:
    lane = np.full(3900, GREEN)
    found = red_by_origin(
        _scored(lane), Outcome(np.zeros((3900, 1), bool), np.ones(3900)), ["CN"] * 2000 + ["DE"] * 1900
    )
    assert found["ratio"] is None
    assert found["reason"] == "1 major origins with 2000 clean shipments or more; at least 2 are needed"
    assert found["cause"] == "too little traffic"


def test_limiting_the_ratio_costs_the_finds_between_the_old_and_the_new_threshold() -> None:
    # CN: 2,000 clean shipments, 120 of them red; DE: 2,000, 20 red. With a ratio of at most 3 the same 140 are split
    # 105 and 35. Of 50 finds from CN, 30 score above all clean shipments and 20 between the 111th and the 112th, which
    # are lost; 10 finds from DE lie between the 28th and the 29th clean shipment, which are gained.
    clean = np.concatenate([np.arange(2000.0, 0, -1), np.arange(2000.0, 0, -1) - 100])
    finds = np.concatenate([np.full(30, 4000.0), np.full(20, 1889.5), np.full(10, 1872.5)])
    risk = np.concatenate([clean, finds])
    origin = ["CN"] * 2000 + ["DE"] * 2000 + ["CN"] * 50 + ["DE"] * 10
    lane = np.where(risk > 1880, RED, GREEN)
    find = (np.arange(4060) >= 4000)[:, None]
    found = red_by_origin(_scored(lane, risk), Outcome(find, np.ones(4060)), origin)
    assert [origin["red_rate"] for origin in found["origins"].values()] == [0.06, 0.01]
    assert found["ratio"] == pytest.approx(6.0)
    three = found["cost"][0]
    assert three["max_ratio"] == 3.0
    assert three["recall"]["0.005"]["value"] == pytest.approx(40 / 60)
    assert three["recall_lost"]["0.005"]["value"] == pytest.approx(10 / 60)
    assert three["recall"]["0.005"]["low"] < 40 / 60 < three["recall"]["0.005"]["high"]


def test_origins_that_are_close_enough_cost_nothing() -> None:
    risk = np.concatenate([np.arange(2000.0), np.arange(2000.0) + 5, np.full(30, 4000.0)])
    lane = np.where(risk > 1980, RED, GREEN)
    find = (np.arange(4030) >= 4000)[:, None]
    origin = ["CN"] * 2000 + ["DE"] * 2030
    found = red_by_origin(_scored(lane, risk), Outcome(find, np.ones(4030)), origin)
    assert [cost["recall_lost"]["0.005"]["value"] for cost in found["cost"][:2]] == [0.0, 0.0]
    few = red_by_origin(_scored(lane[:4005], risk[:4005]), Outcome(find[:4005], np.ones(4005)), origin[:4005])
    assert few["cost"][0]["recall"]["0.005"] == {
        "value": None,
        "reason": "5 finds; at least 10 are needed",
        "cause": "too few finds",
    }


@given(
    st.lists(st.tuples(st.floats(0.0, 1.0), st.integers(500, 10**6)), min_size=2, max_size=8),
    st.floats(1.0, 10.0),
)
def test_capped_rates_keep_the_total_and_the_order_and_limit_the_ratio(
    origins: list[tuple[float, int]], ratio: float
) -> None:
    rate = np.array([r for r, _ in origins])
    shipments = np.array([n for _, n in origins])
    capped = capped_rates(rate, shipments, ratio)
    assert capped @ shipments == pytest.approx(rate @ shipments, rel=1e-6, abs=1e-6)
    assert capped.max() <= ratio * capped.min() * (1 + 1e-9)
    order = np.argsort(rate, kind="stable")
    assert np.all(np.diff(capped[order]) >= -1e-12)
    if rate.max() <= ratio * rate.min():
        np.testing.assert_allclose(capped, rate, rtol=1e-6, atol=1e-12)


def test_lane_shares_are_of_clean_traffic_and_of_weighted_finds() -> None:
    lane = np.array([RED] * 10 + [YELLOW] * 10 + [GREEN] * 80)
    find = np.zeros((100, 1), dtype=bool)
    find[:8] = find[15:18] = find[90:] = True
    weight = np.where(np.arange(100) < 8, 2.0, 1.0)
    shares = lane_shares(_scored(lane), Outcome(find, weight))
    assert shares["red"] == {"clean_traffic": 2 / 79, "shipments": 10, "finds": pytest.approx(16 / 29)}
    assert shares["yellow"]["finds"] == pytest.approx(3 / 29)
    assert shares["green"]["clean_traffic"] == pytest.approx(70 / 79)


def test_origin_is_that_of_the_goods_or_the_country_of_export() -> None:
    table = _table(
        {
            "shipment_id": ["A", "A", "B", "C"],
            "goods_description": ["cup", "lamp", "cup", "cup"],
            "origin_country": ["DE", "CN", None, None],
            "export_country": ["NL", "NL", "MX", None],
        }
    )
    assert origin_of(table) == ["DE", "MX", None]


def test_clean_shipments_in_red_are_counted_by_number_of_items() -> None:
    sizes = [1, 2, 3, 5, 6, 9]
    ids: list[str | None] = [f"S{k}" for k, size in enumerate(sizes) for _ in range(size)]
    table = _table({"shipment_id": ids, "goods_description": ["cup"] * len(ids)})
    assert items_of(table).tolist() == ["1", "2", "3-5", "3-5", "6+", "6+"]
    lane = np.array([RED, YELLOW, RED, GREEN, RED, RED])
    find = np.array([[False], [False], [False], [False], [False], [True]])
    assert red_by_items(_scored(lane), Outcome(find, np.ones(6)), items_of(table)) == {
        "1": {"clean_shipments": 1, "red_rate": 1.0, "yellow_rate": 0.0},
        "2": {"clean_shipments": 1, "red_rate": 0.0, "yellow_rate": 1.0},
        "3-5": {"clean_shipments": 2, "red_rate": 0.5, "yellow_rate": 0.0},
        "6+": {"clean_shipments": 1, "red_rate": 1.0, "yellow_rate": 0.0},
    }
