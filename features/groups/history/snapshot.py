"""Snapshots of a store: the most important entities, as arrays for a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.groups.history.entities import Entity
from features.groups.history.state import FirstColumn, StateLayout
from features.groups.history.store import Store

IntArray = NDArray[np.int64]

#: Kinds of entities with another name in snapshots.
_SAVED_AS: Final = {Entity.TRADE_LANE: "lane", Entity.CONSIGNOR_TRADE_LANE: "consignor_lane"}
#: Rank of one day. It exceeds every number of shipments, so that the last day decides before this number.
_PER_DAY: Final = np.int64(1 << 31)
#: Rank of an entity with finds. It exceeds the rank of every day, so that finds decide first.
_WITH_FINDS: Final = 1 << 62


def most_important(layout: StateLayout, store: Store, count: int) -> IntArray:
    """Return the slots of the ``count`` most important entities, ascending.

    Entities with finds come first. Entities are then ranked by last day (latest first), number of shipments (most first) and key
    (lowest first).
    """
    if count == 0 or store.count <= count:
        return np.arange(min(store.count, count))
    narrow = np.asarray(store.narrow)[: store.count]
    rank = narrow[:, FirstColumn.LAST_DAY] * _PER_DAY + narrow[:, FirstColumn.SHIPMENTS]
    if len(layout.narrow) > FirstColumn.FINDS:
        rank[narrow[:, FirstColumn.FINDS] > 0] += _WITH_FINDS
    threshold = np.partition(rank, store.count - count)[store.count - count]
    selected = rank > threshold
    equal = np.flatnonzero(rank == threshold)
    order = np.argsort(np.asarray(store.keys)[equal])
    selected[equal[order[: count - np.count_nonzero(selected)]]] = True
    return np.flatnonzero(selected)


def snapshot(entity: Entity, layout: StateLayout, store: Store, count: int) -> dict[str, NDArray[Any]]:
    """Return the keys and states of the ``count`` most important entities as named arrays, sorted by key.

    A state (n, columns) has all saved columns of the layout. Saved columns that the store lacks are 0.
    """
    slots = most_important(layout, store, count)
    keys = np.asarray(store.keys)[slots]
    order = np.argsort(keys)
    narrow = np.zeros((len(slots), len(layout.saved_narrow)), dtype=np.int32)
    wide = np.zeros((len(slots), len(layout.saved_wide)), dtype=np.int64)
    narrow[:, _positions(layout.narrow, layout.saved_narrow)] = np.asarray(store.narrow)[slots[order]]
    wide[:, _positions(layout.wide, layout.saved_wide)] = np.asarray(store.wide)[slots[order]]
    keys_name, narrow_name, wide_name = _array_names(entity)
    return {keys_name: keys[order], narrow_name: narrow, wide_name: wide}


def restore(entity: Entity, layout: StateLayout, store: Store, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Replace a store's entities with those from `snapshot`.

    Raises:
        KeyError: an array is missing.
        ValueError: the shape of an array is wrong.
    """
    keys, narrow, wide = (arrays[name] for name in _array_names(entity))
    expected = ((len(keys), len(layout.saved_narrow)), (len(keys), len(layout.saved_wide)))
    if (narrow.shape, wide.shape) != expected:
        raise ValueError(
            f"The history of {entity.label} has arrays of shapes {narrow.shape} and {wide.shape}, expected {expected}."
        )
    store.replace(
        keys.astype(np.int64),
        narrow[:, _positions(layout.narrow, layout.saved_narrow)].astype(np.int32),
        wide[:, _positions(layout.wide, layout.saved_wide)].astype(np.int64),
    )


def _array_names(entity: Entity) -> tuple[str, str, str]:
    name = _SAVED_AS.get(entity, entity.label)
    return f"{name}_keys", f"{name}_narrow", f"{name}_wide"


def _positions(columns: tuple[IntEnum, ...], among: tuple[IntEnum, ...]) -> list[int]:
    return [among.index(column) for column in columns]
