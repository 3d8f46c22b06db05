"""The store behind history finds what was put in, whatever keys collide, and cuts back to what is worth most."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from features.groups.history_entities import Layout, Store

LAYOUT = Layout(("n", "last_day", "finds", "cents"), frozenset({"cents"}))


def filled(keys: list[int]) -> Store:
    store = Store(LAYOUT)
    array = np.array(keys, dtype=np.int64)
    kinds = (np.arange(len(keys)) % 2).astype(np.int8)
    slots = np.concatenate([store.add(array[at : at + 900], kinds[at : at + 900]) for at in range(0, len(keys), 900)])
    number = np.arange(len(keys))
    store.write(slots, np.stack([number, number, number % 5 == 0, number * 10**12]))
    return store


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(-40, 40).map(lambda key: key << 20), max_size=30), max_size=6))
def test_a_store_holds_what_a_dict_holds(batches: list[list[int]]) -> None:
    store = Store(LAYOUT)
    expected: dict[int, int] = {}
    for batch in batches:
        new = np.array(sorted(set(batch) - expected.keys()), dtype=np.int64)
        expected |= dict(zip(new.tolist(), store.add(new, np.zeros(len(new), dtype=np.int8)).tolist(), strict=True))
        asked = np.array([*batch, 7, -7], dtype=np.int64)
        assert store.find(asked).tolist() == [expected.get(key, -1) for key in asked.tolist()]


def test_a_store_grows_and_keeps_its_state() -> None:
    keys = np.random.default_rng(1).permutation(20_000).tolist()
    store = filled(keys)
    slots = store.find(np.array(keys, dtype=np.int64))
    assert slots.tolist() == list(range(20_000))
    assert store.read(slots)[3].tolist() == [i * 10**12 for i in range(20_000)]
    assert (store.read(np.array([20_000, -1])) == 0).all()


def test_a_copy_is_of_its_own() -> None:
    store = filled([1, 2, 3])
    other = store.copy()
    other.increase(np.array([1, 1, 0, 9]), np.zeros(4, dtype=np.int8), {"finds": np.array([1, 1, 1, 1])})
    assert store.read(store.find(np.array([1])))[2, 0] == 1
    assert other.read(other.find(np.array([1])))[2, 0] == 3
    assert store.find(np.array([9])).tolist() == [-1]
    assert other.read(other.find(np.array([9])))[2, 0] == 1


def test_finds_are_kept_then_the_latest_of_each_kind() -> None:
    store = filled(list(range(100, 200)))
    slots = store.strongest(0, 15)
    # Of the 50 of kind 0, ten have finds; the five latest of the others go with them.
    assert (store.keys[slots] - 100).tolist() == [*range(0, 81, 10), 88, 90, 92, 94, 96, 98]
    kept = store.only(slots)
    assert kept.sizes(2) == [15, 0]
    assert kept.find(np.array([102, 188, 190])).tolist()[0] == -1
    assert (kept.find(np.array([100, 188, 190])) >= 0).all()
