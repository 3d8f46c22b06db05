"""Stores of entities: lookup with colliding keys, growth, roll back, eviction and snapshots."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.groups.history import store as history_store
from features.groups.history.reads import LINK_LAYOUTS, PARTY_LAYOUTS
from features.groups.history.saving import most_important, restore, snapshot
from features.groups.history.state import CONTACTS, VERSION, Entity, FirstColumn, PartyColumn
from features.groups.history.store import Store
from features.groups.history.visits import learn
from tests.effort import examples

LAYOUT = LINK_LAYOUTS[Entity.CONSIGNOR_PHONE]
#: Columns of the narrow state that the tests set: those that every contact and party has.
FIRST = len(FirstColumn)
NO_BOUND = 10**9
#: Version of the saved history -> a party's columns of 32 and of 64 bits. Other columns need another version.
SAVED = {3: (29, 13)}


def empty() -> Store:
    return Store(FIRST, len(LAYOUT.wide))


def array(*keys: int) -> np.ndarray:
    return np.array(keys, dtype=np.int64)


def add(store: Store, keys: np.ndarray) -> np.ndarray:
    store.reserve(len(keys), NO_BOUND)
    return store.find(keys, add=True)


def state(store: Store) -> tuple[np.ndarray, np.ndarray]:
    """Return the narrow and the wide state (count, columns) of a store; writing to them changes the store."""
    return np.asarray(store.narrow)[: store.count], np.asarray(store.wide)[: store.count]


def filled(keys: list[int]) -> Store:
    """Return a store with the given keys.

    Key number i has i shipments, the last day i, a find if i is a multiple of 5, and the wide number ``i * 10**12``.
    """
    store = empty()
    slots = np.concatenate([add(store, array(*keys[at : at + 900])) for at in range(0, len(keys), 900)])
    number = np.arange(len(keys))
    narrow, wide = state(store)
    narrow[slots] = np.stack([number, number, number % 5 == 0, 0 * number], axis=1)
    wide[slots, 0] = number * 10**12
    return store


@examples(40)
@given(st.lists(st.lists(st.integers(-40, 40).map(lambda key: key << 20), max_size=30), max_size=6))
def test_a_store_behaves_like_a_dict(batches: list[list[int]]) -> None:
    store = empty()
    expected: dict[int, int] = {}
    for batch in batches:
        for key in batch:
            if key:
                expected.setdefault(key, len(expected))
        slots = add(store, array(*batch))
        assert slots.tolist() == [expected.get(key, -1) for key in batch]
        assert store.count == len(expected)
        looked_up = [*range(-41 << 20, 41 << 20, 1 << 20), 7, -7]
        assert store.find(array(*looked_up)).tolist() == [expected.get(key, -1) for key in looked_up]


def test_a_store_grows_and_keeps_its_state() -> None:
    keys = (1 + np.random.default_rng(1).permutation(20_000)).tolist()
    store = filled(keys)
    assert store.find(array(*keys)).tolist() == list(range(20_000))
    assert state(store)[1][:, 0].tolist() == [i * 10**12 for i in range(20_000)]
    assert store.find(array(20_001, 0, -1)).tolist() == [-1, -1, -1]


@pytest.mark.parametrize("allocations", [0, 1, 2])
def test_a_store_can_grow_after_memory_ran_out(allocations: int, monkeypatch: pytest.MonkeyPatch) -> None:
    store = empty()
    keys = np.arange(1, 51)
    store.reserve(50, NO_BOUND)
    slots = store.find(keys, add=True)
    np.asarray(store.narrow)[slots, 0] = keys
    left = allocations

    def failing(array: Any, count: int, room: int) -> Any:
        nonlocal left
        if not left:
            raise MemoryError
        left -= 1
        return resized(array, count, room)

    resized = history_store._resized
    with monkeypatch.context() as full:
        full.setattr(history_store, "_resized", failing)
        with pytest.raises(MemoryError):
            store.reserve(500, NO_BOUND)
    assert store.find(keys).tolist() == slots.tolist()
    store.reserve(500, NO_BOUND)
    assert min(len(store.keys), len(store.narrow), len(store.wide)) >= 550
    assert np.asarray(store.narrow)[store.find(keys), 0].tolist() == keys.tolist()


def test_a_store_grows_to_its_bound_and_not_beyond() -> None:
    store = empty()
    for start in range(1, 1000, 40):
        store.reserve(40, 1000)
        store.find(np.arange(start, start + 40, dtype=np.int64), add=True)
    assert store.count == len(store.keys) == len(store.narrow) == 1000


def test_the_last_doubling_of_a_store_goes_up_to_its_bound() -> None:
    store, rooms = empty(), set()
    for start in range(1, 1000, 40):
        store.reserve(40, 1000)
        store.find(np.arange(start, start + 40, dtype=np.int64), add=True)
        rooms.add(len(store.keys))
    assert not [room for room in rooms if 500 < room < 1000]


def test_a_copy_does_not_share_state() -> None:
    store, other = filled([1, 2, 3]), empty()
    other.copy_from(store)
    other.reserve(4, NO_BOUND)
    learn(other, array(1, 1, 0, 9), np.array([1, 1, 1, 0], dtype=np.int8))
    assert state(store)[0][:, 2].tolist() == [1, 0, 0]
    assert state(other)[0][:, 2].tolist() == [3, 0, 0, 0]
    assert state(other)[0][3, 3] == 1
    assert store.find(array(9)).tolist() == [-1]


@examples(40)
@given(
    st.lists(st.integers(1, 60).map(lambda key: key << 20), min_size=1, max_size=40),
    st.lists(st.integers(1, 60).map(lambda key: key << 20), max_size=80),
)
def test_a_roll_back_restores_changed_entities_and_drops_new_ones(before: list[int], keys: list[int]) -> None:
    store, same = filled(list(dict.fromkeys(before))), empty()
    same.copy_from(store)
    saved = store.backup(array(*keys))
    for row in add(store, array(*keys)).tolist():
        store.narrow[row, 0] += 7
        store.wide[row, 0] -= 7
    store.roll_back(saved)
    assert store.count == same.count
    assert all(np.array_equal(restored, expected) for restored, expected in zip(state(store), state(same), strict=True))
    looked_up = array(*(key << 20 for key in range(1, 61)))
    assert store.find(looked_up).tolist() == same.find(looked_up).tolist()
    # An entity that is added after the roll back starts with zeros.
    fresh = array(77 << 20)
    assert add(store, fresh).tolist() == [same.count]
    assert state(store)[0][same.count].tolist() == [0, 0, 0, 0]


@examples(60)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(0, 2)), min_size=1, max_size=30),
    st.integers(0, 30),
    st.randoms(use_true_random=False),
)
def test_the_most_important_are_ordered_by_finds_then_day_then_shipments_then_key(
    rows: list[tuple[int, int, int]], count: int, random: Random
) -> None:
    keys = random.sample([key for key in range(-50, 50) if key], len(rows))
    store = filled(keys)
    state(store)[0][:, :3] = rows
    ranked = sorted(range(len(rows)), key=lambda i: (rows[i][2] == 0, -rows[i][1], -rows[i][0], keys[i]))
    assert most_important(LAYOUT, store, count).tolist() == sorted(ranked[:count])


def test_eviction_keeps_finds_then_the_latest() -> None:
    store = filled(list(range(100, 150)))
    slots = most_important(LAYOUT, store, 15)
    # Ten of the 50 have finds. The five latest of the others are also kept.
    assert (np.asarray(store.keys)[slots] - 100).tolist() == sorted([*range(0, 46, 5), 44, 46, 47, 48, 49])
    store.keep_only(slots)
    assert store.count == 15
    assert store.find(array(101, 143)).tolist() == [-1, -1]
    assert store.find(array(100, 149)).tolist() == [0, 14]
    assert state(store)[1][:, 0].tolist() == [(key - 100) * 10**12 for key in np.asarray(store.keys)[:15].tolist()]


def test_a_snapshot_has_all_saved_columns_and_restores_those_of_the_store() -> None:
    layout = PARTY_LAYOUTS[Entity.PAIR]
    store = Store(len(layout.narrow), len(layout.wide))
    store.reserve(2, NO_BOUND)
    store.find(array(9, -3), add=True)
    narrow, wide = state(store)
    narrow[:] = 1 + np.arange(narrow.size).reshape(narrow.shape)
    wide[:] = -1 - np.arange(wide.size).reshape(wide.shape)
    arrays = snapshot(Entity.PAIR, layout, store, 10)
    assert arrays["pair_keys"].tolist() == [-3, 9]
    saved = arrays["pair_narrow"]
    narrow_columns, wide_columns = len(layout.saved_narrow), len(layout.saved_wide)
    assert {VERSION: (narrow_columns, wide_columns)} == SAVED
    assert (saved.shape, arrays["pair_wide"].shape) == ((2, narrow_columns), (2, wide_columns))
    assert saved[1, layout.saved_narrow.index(PartyColumn.SHIPMENTS)] == 1
    assert (saved[:, layout.saved_narrow.index(PartyColumn.PRESS_30_PRESENT)] == 0).all()
    again = Store(len(layout.narrow), len(layout.wide))
    restore(Entity.PAIR, layout, again, arrays)
    assert np.array_equal(state(again)[0], narrow[::-1])
    assert np.array_equal(state(again)[1], wide[::-1])


def test_a_snapshot_names_its_arrays_as_saved_bundles_do() -> None:
    layout = PARTY_LAYOUTS[Entity.TRADE_LANE]
    arrays = snapshot(Entity.TRADE_LANE, layout, Store(len(layout.narrow), len(layout.wide)), 10)
    assert list(arrays) == ["lane_keys", "lane_narrow", "lane_wide"]


def test_a_snapshot_of_another_shape_is_refused() -> None:
    layout = PARTY_LAYOUTS[Entity.PAIR]
    store = Store(len(layout.narrow), len(layout.wide))
    arrays = snapshot(Entity.PAIR, layout, store, 10)
    with pytest.raises(ValueError, match=rf"history of pair has arrays of shapes \(0, {SAVED[VERSION][0] - 1}\)"):
        restore(Entity.PAIR, layout, store, arrays | {"pair_narrow": arrays["pair_narrow"][:, 1:]})


def test_every_kind_begins_with_the_columns_that_visits_expect() -> None:
    first = [column.name for column in FirstColumn]
    for party in PARTY_LAYOUTS.values():
        assert [column.name for column in party.narrow[: FIRST + 1]] == [*first, "FIRST_DAY"]
    for link, layout in LINK_LAYOUTS.items():
        wanted = [*first, "NAME_CHANGES"] if link in CONTACTS else first[:2]
        assert [column.name for column in layout.narrow] == wanted
