"""History: what a shipment sees of earlier ones, one at a time and in bulk."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.groups import history as module
from features.groups.history import FEATURES, History
from features.table import Coded, ManifestTable

AT = {feature.name: position for position, feature in enumerate(FEATURES)}
START = datetime(2026, 1, 1, tzinfo=UTC)

Row = tuple[str, float, str, str, str, float]


def shipments(rows: list[Row]) -> ManifestTable:
    """Rows of (shipment_id, day, consignor, consignee, address, value in dollars)."""
    columns = {
        "shipment_id": [row[0] for row in rows],
        "declared_at": [(START + timedelta(days=row[1])).isoformat() for row in rows],
        "consignor_name": [row[2] for row in rows],
        "consignee_name": [row[3] for row in rows],
        "consignee_address": [row[4] for row in rows],
        "customs_value": [str(row[5]) for row in rows],
        "gross_mass_kg": ["1.5"] * len(rows),
        "currency": ["USD"] * len(rows),
        "goods_description": ["mug"] * len(rows),
    }
    return ManifestTable.from_columns({name: Coded.from_list(texts) for name, texts in columns.items()}, len(rows))


def column(values: np.ndarray, name: str) -> list[float]:
    return [float(value) for value in values[:, AT[name]]]


def test_a_shipment_sees_the_earlier_ones_and_not_itself() -> None:
    rows = History.empty().advance(
        shipments([("1", 0, "A", "x", "r", 10), ("2", 1, "A", "y", "r", 30), ("3", 2, "A", "y", "q", 20)])
    )
    assert np.expm1(column(rows.values, "consignor_shipments")) == pytest.approx([0, 1, 2])
    assert column(rows.values, "consignor_consignees") == [0, 1, 2]
    assert column(rows.values, "address_names")[:2] == [0, 1]
    assert column(rows.values, "consignor_value_ratio")[2] == pytest.approx(np.log(20 / 20))
    assert column(rows.values, "consignor_first_seen_days")[1:] == [1, 2]


def test_recent_counts_forget_after_two_blocks() -> None:
    rows = History.empty().advance(
        shipments([(str(i), day, "A", "x", "r", 1) for i, day in enumerate((0, 1, 40, 200))])
    )
    assert column(rows.values, "consignor_recent_30")[3] == 0
    assert np.expm1(column(rows.values, "consignor_shipments"))[3] == pytest.approx(3)


def test_a_late_shipment_meets_the_present_state_and_is_flagged() -> None:
    rows = History.empty().advance(shipments([("1", 5, "A", "x", "r", 1), ("2", 1, "A", "x", "r", 1)]))
    assert rows.late.tolist() == [False, True]
    assert np.expm1(column(rows.values, "consignor_shipments"))[1] == pytest.approx(1)


def test_a_reference_counts_once_and_meets_the_history_it_met_before() -> None:
    history = History.empty()
    first = history.advance(shipments([("1", 0, "A", "x", "r", 1), ("2", 0, "A", "x", "r", 1)]))
    again = history.advance(shipments([("2", 0, "A", "x", "r", 1)]))
    assert np.array_equal(again.values[0], first.values[1], equal_nan=True)
    after = history.advance(shipments([("3", 1, "A", "x", "r", 1)]))
    assert np.expm1(column(after.values, "consignor_shipments")) == pytest.approx([2])


def test_reading_without_update_leaves_no_trace() -> None:
    history = History.empty()
    history.advance(shipments([("1", 0, "A", "x", "r", 1)]))
    before = history.to_arrays()
    peek = history.advance(shipments([("2", 1, "A", "x", "r", 1), ("3", 1, "A", "x", "r", 1)]), update=False)
    assert np.expm1(column(peek.values, "consignor_shipments")) == pytest.approx([1, 2])
    assert all(np.array_equal(before[name], array) for name, array in history.to_arrays().items())


def test_a_find_is_seen_from_when_it_was_known_and_not_before() -> None:
    table = shipments([("1", 0, "A", "x", "r", 1), ("2", 3, "A", "y", "r", 1), ("3", 9, "A", "z", "q", 1)])
    known = np.array([int((START + timedelta(days=5)).timestamp()), -1, -1])
    rows = History.empty().replay(table, np.array([True, False, False]), known)
    assert column(rows.values, "consignor_finds") == [0, 0, 1]
    assert column(rows.values, "address_finds")[:2] == [0, 0]


def test_case_accents_and_punctuation_make_no_other_party() -> None:
    rows = History.empty().advance(
        shipments([("1", 0, "Café Ñandú, Ltd.", "x", "1 Main St.", 1), ("2", 1, "CAFE NANDU LTD", "X", "1 MAIN ST", 1)])
    )
    assert np.expm1(column(rows.values, "pair_shipments")) == pytest.approx([0, 1])


_rows = st.lists(
    st.tuples(
        st.sampled_from([str(i) for i in range(40)]),
        st.integers(0, 90).map(float),
        st.sampled_from(["A", "B", "C", ""]),
        st.sampled_from(["x", "y", "z", ""]),
        st.sampled_from(["r", "q", ""]),
        st.integers(0, 10**6).map(lambda cents: cents / 100),
    ),
    min_size=1,
    max_size=60,
    unique_by=lambda row: row[0],
)


@settings(max_examples=60, deadline=None)
@given(_rows, st.integers(1, 9))
def test_bulk_chunks_and_single_shipments_agree_to_the_last_bit(rows: list[Row], chunk: int) -> None:
    bulk, pieces = History.empty(), History.empty()
    whole = bulk.advance(shipments(rows))
    parts = [pieces.advance(shipments(rows[start : start + chunk])) for start in range(0, len(rows), chunk)]
    assert np.array_equal(whole.values, np.concatenate([part.values for part in parts]), equal_nan=True)
    assert np.array_equal(whole.late, np.concatenate([part.late for part in parts]))
    assert all(
        np.array_equal(a, b) for a, b in zip(bulk.to_arrays().values(), pieces.to_arrays().values(), strict=True)
    )


def test_eviction_keeps_finds_and_the_recent_and_does_not_depend_on_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_EVICT_EVERY", 20)
    rows: list[Row] = [(str(i), i / 10, f"A{i}", f"x{i}", f"r{i}", 1) for i in range(200)]
    rows += [(str(1000 + i), 30 + i, f"A{i}", f"x{i}", f"r{i}", 1) for i in range(0, 200, 10)]
    histories = []
    for chunk in (7, 220):
        history = History(capacity=30)
        history.learn(shipments(rows[:1]), np.array([True]))
        values = [history.advance(shipments(rows[i : i + chunk])).values for i in range(0, len(rows), chunk)]
        histories.append((history, np.concatenate(values)))
    (first, one), (_, two) = histories
    assert np.array_equal(one, two, equal_nan=True)
    assert max(first.sizes().values()) <= 30 + 20
    assert column(one, "consignor_finds")[200] == 1


def test_a_snapshot_restores_the_state_and_another_version_is_refused() -> None:
    history = History.empty()
    history.advance(shipments([("1", 0, "A", "x", "r", 1)]))
    arrays = history.to_arrays()
    restored = History.from_arrays(arrays)
    probe = shipments([("2", 4, "A", "x", "r", 1)])
    assert np.array_equal(restored.advance(probe).values, history.advance(probe).values, equal_nan=True)
    arrays["meta"] = arrays["meta"] + np.array([1, 0, 0, 0])
    with pytest.raises(ValueError, match="version 2"):
        History.from_arrays(arrays)


def test_an_empty_snapshot_is_a_history_without_a_past() -> None:
    restored = History.from_arrays(History.empty().to_arrays())
    rows = restored.advance(shipments([("1", 0, "A", "x", "r", 1)]))
    assert column(rows.values, "consignor_shipments") == [0]
