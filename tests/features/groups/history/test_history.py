"""History: the features of shipments one at a time and in bulk, and what changes the state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.groups.history import history as module
from features.groups.history import reads
from features.groups.history.columns import HistoryColumn
from features.groups.history.history import History
from features.table.table import Coded, ManifestTable
from tests.effort import examples
from tests.features.groups.history.oracle import DAY, Declared, features

AT = {column.feature: column for column in HistoryColumn}
START = datetime(2026, 1, 1, tzinfo=UTC)

Row = tuple[str, float, str, str, str, float]


def shipments(rows: list[Row]) -> ManifestTable:
    """Return a table from rows of (shipment_id, day, consignor, consignee, address, value in dollars)."""
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


def test_a_shipment_sees_earlier_shipments_and_not_itself() -> None:
    rows = History.empty().advance(
        shipments([("1", 0, "A", "x", "r", 10), ("2", 1, "A", "y", "r", 30), ("3", 2, "A", "y", "q", 20)])
    )
    assert np.expm1(column(rows.values, "consignor_shipments")) == pytest.approx([0, 1, 2])
    assert column(rows.values, "consignor_consignees") == [0, 1, 2]
    assert column(rows.values, "address_names")[:2] == [0, 1]
    assert column(rows.values, "consignor_value_ratio")[2] == pytest.approx(np.log(20 / 20))
    assert column(rows.values, "consignor_first_seen_days")[1:] == [1, 2]


def test_counts_over_a_window_drop_older_shipments() -> None:
    rows = History.empty().advance(
        shipments([(str(i), day, "A", "x", "r", 1) for i, day in enumerate((0, 1, 40, 200))])
    )
    assert column(rows.values, "consignor_recent_30")[3] == 0
    assert np.expm1(column(rows.values, "consignor_shipments"))[3] == pytest.approx(3)


def test_a_late_shipment_sees_the_present_state_and_is_flagged() -> None:
    rows = History.empty().advance(shipments([("1", 5, "A", "x", "r", 1), ("2", 1, "A", "x", "r", 1)]))
    assert rows.late.tolist() == [False, True]
    assert np.expm1(column(rows.values, "consignor_shipments"))[1] == pytest.approx(1)


def test_a_repeated_shipment_counts_once_and_gets_the_same_values() -> None:
    history = History.empty()
    first = history.advance(shipments([("1", 0, "A", "x", "r", 1), ("2", 0, "A", "x", "r", 1)]))
    again = history.advance(shipments([("2", 0, "A", "x", "r", 1)]))
    assert np.array_equal(again.values[0], first.values[1], equal_nan=True)
    after = history.advance(shipments([("3", 1, "A", "x", "r", 1)]))
    assert np.expm1(column(after.values, "consignor_shipments")) == pytest.approx([2])


def test_reading_without_update_leaves_the_state_unchanged() -> None:
    history = History.empty()
    history.advance(shipments([("1", 0, "A", "x", "r", 1)]))
    before = history.to_arrays()
    peek = history.advance(shipments([("2", 1, "A", "x", "r", 1), ("3", 1, "A", "x", "r", 1)]), update=False)
    assert np.expm1(column(peek.values, "consignor_shipments")) == pytest.approx([1, 2])
    assert all(np.array_equal(before[name], array) for name, array in history.to_arrays().items())


def test_parties_do_not_depend_on_case_accents_and_punctuation() -> None:
    rows = History.empty().advance(
        shipments([("1", 0, "Café Ñandú, Ltd.", "x", "1 Main St.", 1), ("2", 1, "CAFE NANDU LTD", "X", "1 MAIN ST", 1)])
    )
    assert np.expm1(column(rows.values, "pair_shipments")) == pytest.approx([0, 1])


#: Names of parties; an empty one is missing.
_names = st.sampled_from(["A", "B", "C", ""])
_declared = st.builds(
    Declared,
    reference=st.just(""),
    seconds=st.integers(0, 70 * 24).map(lambda hours: int(START.timestamp()) + hours * 3600 + hours % 7),
    consignor=_names,
    consignee=_names,
    address=st.sampled_from(["1 Main St", "2 Main St", "3 Elm Rd Apt 4", ""]),
    cents=st.sampled_from([0, 1999, 39_900, 45_050, 79_999, 80_000, 250_000]),
    phone=st.sampled_from(["+1 213 555 0100", "+1 213 555 0199", ""]),
    find=st.booleans(),
    known=st.one_of(st.just(-1), st.integers(0, 90).map(lambda days: int(START.timestamp()) + days * DAY // 2)),
    codes=st.tuples(*2 * [st.sampled_from(["847990", "691110", "293339", "2905", "3824", ""])]),
    city=st.sampled_from(["Los Angeles", "Oakland", ""]),
    postcode=st.sampled_from(["90012", "90015", "94601", ""]),
).map(lambda row: replace(row, press=sum(code == "847990" for code in row.codes)))


def _numbered(rows: list[Declared]) -> list[Declared]:
    return [replace(row, reference=str(i)) for i, row in enumerate(sorted(rows, key=lambda row: row.seconds))]


_stream = st.lists(_declared, min_size=1, max_size=50).map(_numbered)


def _codes(press: int) -> tuple[str, ...]:
    return tuple("847990" if item < press else "691110" for item in range(2))


def manifest(rows: list[Declared]) -> ManifestTable:
    """Return a table with two goods items per shipment. Without codes, ``press`` of them have the heading of a press part."""
    rows = [row if row.codes else replace(row, codes=_codes(row.press)) for row in rows]
    items = [(row, item) for row in rows for item in range(2)]
    columns: dict[str, list[str | None]] = {
        "shipment_id": [row.reference for row, _ in items],
        "declared_at": [datetime.fromtimestamp(row.seconds, UTC).isoformat() for row, _ in items],
        "consignor_name": [row.consignor for row, _ in items],
        "consignor_phone": [row.phone for row, _ in items],
        "consignee_name": [row.consignee for row, _ in items],
        "consignee_address": [row.address for row, _ in items],
        "customs_value": [str(row.cents / 100) if item == 0 and row.cents else None for row, item in items],
        "currency": ["USD"] * len(items),
        "hs_code": [row.codes[item] or None for row, item in items],
        "consignee_city": [row.city for row, _ in items],
        "consignee_postcode": [row.postcode for row, _ in items],
        "export_country": ["CN" if row.cents % 2 else "SG" for row, _ in items],
        "consignee_country": ["US"] * len(items),
        "goods_description": ["mug"] * len(items),
    }
    return ManifestTable.from_columns({name: Coded.from_list(texts) for name, texts in columns.items()}, len(items))


def results(rows: list[Declared]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([row.find for row in rows]), np.array([row.known for row in rows], dtype=np.int64)


def same(left: History, right: History) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(left.to_arrays().values(), right.to_arrays().values(), strict=True))


@examples(100)
@given(_stream)
def test_features_equal_a_search_through_all_earlier_shipments(rows: list[Declared]) -> None:
    values = History.empty().replay(manifest(rows), *results(rows)).values
    checked = set()
    for i, expected in enumerate(features(rows)):
        for name in AT.keys() & expected.keys():
            checked.add(name)
            assert values[i, AT[name]] == pytest.approx(expected[name], rel=1e-12, abs=1e-12), (i, name)
        for name in checked - expected.keys():
            assert np.isnan(values[i, AT[name]]), (i, name)


def test_the_search_covers_all_but_ten_features() -> None:
    row = Declared(
        "1",
        int(START.timestamp()),
        "A",
        "B",
        "1 Main St",
        100,
        phone="+1 213 555 0100",
        codes=("3924",),
        city="Oakland",
    )
    last = features([row, replace(row, reference="2", seconds=row.seconds + 60)])[1]
    assert AT.keys() - last.keys() == {
        "building_shipments", "occupant_shipments", "consignor_trade_lane_shipments", "trade_lane_growth", "trade_lane_find_ratio",
        "consignor_value_ratio", "consignor_mass_ratio",
        "consignee_contact_names", "consignee_contact_finds", "contact_clean",
    }  # fmt: skip


def test_flats_of_a_building_names_at_a_flat_and_trade_lanes_of_a_consignor_are_counted() -> None:
    start = int(START.timestamp())
    places = ("1 Main St Apt 1", "1 Main Street #2", "1 MAIN ST APT. 1", "1 Main St Apt 1")
    rows = [
        Declared(str(i), start + i, "A", name, place, 101 if i == 1 else 100)
        for i, (name, place) in enumerate(zip("BBBC", places, strict=True))
    ]
    values = History.empty().advance(manifest(rows)).values
    assert np.expm1(column(values, "building_shipments")) == pytest.approx([0, 1, 2, 3])
    assert np.expm1(column(values, "address_shipments")) == pytest.approx([0, 0, 1, 2])
    assert np.expm1(column(values, "occupant_shipments")) == pytest.approx([0, 0, 1, 0])
    assert np.expm1(column(values, "consignor_trade_lane_shipments")) == pytest.approx([0, 0, 1, 2])


def test_growth_is_positive_when_a_trade_lane_is_busier_this_month_than_in_its_year() -> None:
    start = 365 * DAY * 56
    rows = [Declared(str(i), start + i * 10 * DAY, "A", "B", "", 100) for i in range(20)]
    rows += [Declared(str(100 + i), start + 201 * DAY + i, "A", "B", "", 100) for i in range(40)]
    growth = column(History.empty().advance(manifest(rows)).values, "trade_lane_growth")
    assert growth[-1] > 1.0


def test_a_young_history_shows_no_growth_where_there_is_none() -> None:
    start = 365 * DAY * 56
    rows = [Declared(str(i), start + i * DAY // 2, "A", "B", "", 100) for i in range(80)]
    history = History.empty()
    growth = column(history.advance(manifest(rows)).values, "trade_lane_growth")
    assert np.abs(growth).max() < 0.4
    following = [Declared("next", start + 41 * DAY, "A", "B", "", 100)]
    read = column(
        History.from_full_arrays(history.to_full_arrays()).advance(manifest(following)).values, "trade_lane_growth"
    )
    kept = column(history.advance(manifest(following)).values, "trade_lane_growth")
    assert np.array_equal(read, kept)


def day_by_day(
    history: History, rows: list[Declared], split: Callable[[list[Declared]], list[list[Declared]]]
) -> np.ndarray:
    """Do what a service would do: each morning learn the results of the day before, then score the day in pieces."""
    values, learned = [], set()
    by_day: dict[int, list[Declared]] = {}
    for row in rows:
        by_day.setdefault(row.seconds // DAY, []).append(row)
    earlier: list[Declared] = []
    for day, own in by_day.items():
        known = [row for row in earlier if 0 <= row.known < day * DAY and row.reference not in learned]
        learned |= {row.reference for row in known}
        if known:
            history.learn(manifest(known), results(known)[0])
        values += [history.advance(manifest(part)).values for part in split(own)]
        earlier += own
    rest = [row for row in earlier if row.known >= 0 and row.reference not in learned]
    if rest:
        history.learn(manifest(rest), results(rest)[0])
    return np.concatenate(values)


@examples(50)
@given(_stream, st.randoms(use_true_random=False))
def test_a_replay_and_days_in_pieces_are_equal_to_the_last_bit(rows: list[Declared], random: Random) -> None:
    def pieces(own: list[Declared]) -> list[list[Declared]]:
        cuts = sorted({0, len(own), *(random.randrange(len(own)) for _ in range(3))})
        return [own[a:b] for a, b in pairwise(cuts)]

    whole, parts, single = History.empty(), History.empty(), History.empty()
    expected = whole.replay(manifest(rows), *results(rows)).values
    assert np.array_equal(expected, day_by_day(parts, rows, pieces), equal_nan=True)
    assert np.array_equal(expected, day_by_day(single, rows, lambda own: [[row] for row in own]), equal_nan=True)
    assert same(whole, parts)
    assert same(whole, single)


@examples(50)
@given(
    st.lists(_declared, min_size=1, max_size=40),
    st.lists(st.integers(0, 12), min_size=40, max_size=40),
    st.integers(1, 9),
)
def test_values_of_late_and_repeated_shipments_do_not_depend_on_the_chunk_size(
    rows: list[Declared], references: list[int], size: int
) -> None:
    rows = [replace(row, reference=str(number)) for row, number in zip(rows, references, strict=False)]
    # Adjacent rows with one reference would be one shipment.
    apart = [row for i, row in enumerate(rows) if i == 0 or row.reference != rows[i - 1].reference]
    bulk, pieces = History.empty(), History.empty()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_RECENT", 8)
        patch.setattr(module, "_CHUNK", 5)
        whole = bulk.advance(manifest(apart))
        parts = [pieces.advance(manifest(apart[start : start + size])) for start in range(0, len(apart), size)]
    assert np.array_equal(whole.values, np.concatenate([part.values for part in parts]), equal_nan=True)
    assert np.array_equal(whole.late, np.concatenate([part.late for part in parts]))
    assert same(bulk, pieces)


def without_adjacent_repeats(rows: list[Declared]) -> ManifestTable:
    """Return a table without shipments that repeat the previous reference, because both would be one shipment."""
    return manifest([row for i, row in enumerate(rows) if i == 0 or row.reference != rows[i - 1].reference])


@examples(60)
@given(
    st.lists(_declared, min_size=3, max_size=40),
    st.lists(st.integers(0, 12), min_size=40, max_size=40),
    st.sampled_from([4096, 5, 1]),
    st.sampled_from([65536, 7]),
)
def test_reading_without_update_gives_the_values_of_an_update_and_restores_the_state(
    rows: list[Declared], references: list[int], chunk: int, evict_every: int
) -> None:
    rows = [replace(row, reference=str(number)) for row, number in zip(rows, references, strict=False)]
    past, now, later = (rows[start::3] for start in range(3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_RECENT", 8)
        patch.setattr(module, "_EVICT_EVERY", evict_every)
        history = History(capacity=3)
        for row in past:
            history.advance(manifest([row]))
        before, reader = history.copy(), history.copy()
        patch.setattr(module, "_CHUNK", chunk)
        table = without_adjacent_repeats(now)
        read = history.advance(table, update=False)
        # Reading a table of one chunk never evicts.
        patch.setattr(module, "_EVICT_EVERY", evict_every if table.n_shipments > chunk else 65536)
        assert np.array_equal(read.values, reader.advance(table).values, equal_nan=True)
        patch.setattr(module, "_EVICT_EVERY", evict_every)
        assert same(history, before)
        assert history.watermark == before.watermark
        assert history.sequence == before.sequence
        follows, expected = (each.advance(without_adjacent_repeats(later)).values for each in (history, before))
        assert np.array_equal(follows, expected, equal_nan=True)


def test_a_result_counts_from_the_day_after_it_was_known() -> None:
    noon = int(START.timestamp()) + DAY // 2
    rows = [Declared(str(i), noon + i * 3600 * 6, "A", "B", "1 Main St", 100) for i in range(5)]
    rows[0] = replace(rows[0], find=True, known=noon)
    values = History.empty().replay(manifest(rows), *results(rows)).values
    assert column(values, "consignor_finds") == [0, 0, 1, 1, 1]
    assert column(values, "consignor_linked_shipments") == [0, 0, 0, 1, 2]


def test_a_shipment_never_sees_its_own_result() -> None:
    rows = [Declared("1", int(START.timestamp()) + 5 * DAY, "A", "B", "1 Main St", 100, find=True, known=0)]
    assert column(History.empty().replay(manifest(rows), *results(rows)).values, "consignor_finds") == [0]


def test_a_trade_lane_is_compared_by_finds_per_inspection_and_is_neutral_without_inspections() -> None:
    past = [
        Declared(str(i), int(START.timestamp()) + i, "A", "B", "", 101 if i % 2 else 100, find=i % 2 == 1, known=i)
        for i in range(40)
    ]
    now = [Declared("x", int(START.timestamp()) + 9 * DAY, "C", "D", "", cents) for cents in (101, 100)]
    history = History.empty()
    history.replay(manifest(past), *results(past))
    ratio = [column(history.advance(manifest([row]), update=False).values, "trade_lane_find_ratio")[0] for row in now]
    assert ratio[0] > 0.1
    assert ratio[1] < -0.1
    assert column(History.empty().advance(manifest(now[:1])).values, "trade_lane_find_ratio") == [0.0]


def test_items_of_one_shipment_do_not_see_each_other() -> None:
    rows = [Declared("1", int(START.timestamp()), "A", "B", "1 Main St", 100, press=2)]
    values = History.empty().advance(manifest(rows)).values
    assert column(values, "address_press_30") == [0]
    assert column(values, "consignor_shipments") == [0]


def test_reading_a_long_table_sees_earlier_shipments_of_the_same_table(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [Declared(str(i), int(START.timestamp()) + i, "A", "B", "1 Main St", 100) for i in range(20)]
    history = History.empty()
    read = history.advance(manifest(rows), update=False).values
    monkeypatch.setattr(module, "_CHUNK", 7)
    assert np.array_equal(read, history.advance(manifest(rows), update=False).values, equal_nan=True)
    assert history.sequence == 0
    assert np.array_equal(read, history.advance(manifest(rows)).values, equal_nan=True)


def test_only_shipments_that_reach_the_threshold_together_count_as_split() -> None:
    start = int(START.timestamp())
    for cents, expected in ((40_000, [0, 1]), (39_999, [0, 0]), (80_000, [0, 0])):
        rows = [Declared(str(i), start + i, "A", "B", "1 Main St", cents) for i in range(2)]
        assert column(History.empty().advance(manifest(rows)).values, "pair_split") == expected
    rows = [Declared(str(i), start + DAY - 1 + i, "A", "B", "1 Main St", 40_000) for i in range(2)]
    assert column(History.empty().advance(manifest(rows)).values, "pair_split") == [0, 0]


def test_an_amended_shipment_gets_new_values_and_counts_once() -> None:
    history, start = History.empty(), int(START.timestamp())
    history.advance(manifest([Declared("1", start, "A", "B", "1 Main St", 100)]))
    changed = Declared("1", start, "A", "C", "1 Main St", 100)
    assert column(history.advance(manifest([changed])).values, "pair_recent_7") == [0]
    assert column(history.advance(manifest([changed])).values, "address_recent_7") == [1]
    assert history.sequence == 1


def test_a_reference_expires_after_a_fixed_number_of_shipments_with_any_chunk_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_RECENT", 6)
    start = int(START.timestamp())
    for between, counted in ((4, 5), (5, 7)):
        names = ["again", *(str(i) for i in range(between)), "again"]
        rows = [Declared(name, start, "A", "B", "1 Main St", 100) for name in names]
        whole, single = History.empty(), History.empty()
        whole.advance(manifest(rows))
        for row in rows:
            single.advance(manifest([row]))
        assert whole.sequence == single.sequence == counted


def test_the_threshold_of_the_european_union_is_in_euros() -> None:
    rows = [Declared(str(i), int(START.timestamp()) + i, "A", "B", "1 Main St", 9_900) for i in range(2)]
    table = manifest(rows)
    assert column(History.empty().advance(table).values, "pair_split")[1] == 0
    columns = dict(table.raw) | {"consignee_country": Coded.from_list(["DE"] * 4)}
    union = ManifestTable.from_columns(columns, 4)
    assert column(History.empty().advance(union).values, "pair_split") == [0, 1]


def test_eviction_keeps_finds_and_recent_entities_with_any_chunk_size(monkeypatch: pytest.MonkeyPatch) -> None:
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
    arrays["meta"] = arrays["meta"] + np.array([1, 0, 0, 0, 0, 0])
    with pytest.raises(ValueError, match="version 4"):
        History.from_arrays(arrays)


def test_an_empty_snapshot_is_a_history_without_a_past() -> None:
    restored = History.from_arrays(History.empty().to_arrays())
    rows = restored.advance(shipments([("1", 0, "A", "x", "r", 1)]))
    assert column(rows.values, "consignor_shipments") == [0]


def test_every_column_is_written() -> None:
    phone = "+1 213 555 0100"
    start = int(START.timestamp())
    rows = [Declared(str(i), start + i * 60, "A", "B", "1 Main St", 45_050, phone, press=1, city="X") for i in range(3)]
    columns = dict(manifest(rows).raw)
    columns["consignee_phone"] = columns["consignor_phone"]
    columns["gross_mass_kg"] = Coded.from_list(["2.5"] * 6)
    values = History.empty().advance(ManifestTable.from_columns(columns, 6)).values
    assert [column.feature for column in HistoryColumn if np.isnan(values[-1, column])] == []


def test_every_feature_is_read_in_one_place() -> None:
    contacts = {feature for of in reads.CONTACT_FEATURES.values() for feature in (of.names, of.finds, of.clean)}
    listed = [
        *(feature for of_party in reads.READS.values() for feature in of_party),
        *set(reads.FIRST_SEEN.values()), *set(reads.SPLIT.values()), *reads.LINK_SHIPMENTS.values(), *contacts,
        *set(reads.LOG_FEATURES.values()),
    ]  # fmt: skip
    assert len(set(listed)) == len(listed)
    assert set(HistoryColumn) - set(listed) == {
        HistoryColumn.CONSIGNOR_LAST_SEEN_DAYS, HistoryColumn.CONSIGNOR_VALUE_REPEATS, HistoryColumn.CONSIGNOR_VALUE_SAME,
        HistoryColumn.CONSIGNOR_CHAPTER_SHARE, HistoryColumn.CONSIGNOR_HEADING_SHARE,
        HistoryColumn.CONSIGNOR_CHEMISTRY_SHARE, HistoryColumn.CONSIGNOR_CHEMISTRY_TURN,
    }  # fmt: skip


def test_features_are_read_from_the_kind_of_entity_in_their_name() -> None:
    for party, of_party in reads.READS.items():
        assert all(feature.feature.startswith(f"{party.label}_") for feature in of_party)
