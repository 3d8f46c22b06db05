"""Snapshots of a store: the entities worth most, as arrays that a bundle holds."""

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

#: Kinds of entities whose arrays in a snapshot have another name.
_SAVED_AS: Final = {Entity.TRADE_LANE: "lane", Entity.CONSIGNOR_TRADE_LANE: "consignor_lane"}
#: Factor of the last day in an entity's worth. Counts of shipments stay below it.
_PER_DAY: Final = np.int64(1 << 31)
#: Added to the worth of an entity with finds: more than any day makes it.
_FINDS_BONUS: Final = 1 << 62


def strongest(layout: StateLayout, store: Store, count: int) -> IntArray:
    """Return the slots of the ``count`` entities worth most, ascending.

    Entities with finds come first, then those seen last, then those with the most shipments, then the lowest keys.
    """
    if count == 0 or store.count <= count:
        return np.arange(min(store.count, count))
    narrow = np.asarray(store.narrow)[: store.count]
    worth = narrow[:, FirstColumn.LAST_DAY] * _PER_DAY + narrow[:, FirstColumn.SHIPMENTS]
    if len(layout.narrow) > FirstColumn.FINDS:
        worth[narrow[:, FirstColumn.FINDS] > 0] += _FINDS_BONUS
    least = np.partition(worth, store.count - count)[store.count - count]
    kept = worth > least
    equal = np.flatnonzero(worth == least)
    order = np.argsort(np.asarray(store.keys)[equal])
    kept[equal[order[: count - np.count_nonzero(kept)]]] = True
    return np.flatnonzero(kept)


def snapshot(entity: Entity, layout: StateLayout, store: Store, count: int) -> dict[str, NDArray[Any]]:
    """Return keys and state of the ``count`` entities worth most, in the order of their keys, by names of arrays.

    The state has all saved columns of the layout, (n, columns); those that are not kept are 0.
    """
    slots = strongest(layout, store, count)
    keys = np.asarray(store.keys)[slots]
    order = np.argsort(keys)
    narrow = np.zeros((len(slots), len(layout.saved_narrow)), dtype=np.int32)
    wide = np.zeros((len(slots), len(layout.saved_wide)), dtype=np.int64)
    narrow[:, _positions(layout.narrow, layout.saved_narrow)] = np.asarray(store.narrow)[slots[order]]
    wide[:, _positions(layout.wide, layout.saved_wide)] = np.asarray(store.wide)[slots[order]]
    keys_name, narrow_name, wide_name = _array_names(entity)
    return {keys_name: keys[order], narrow_name: narrow, wide_name: wide}


def restore(entity: Entity, layout: StateLayout, store: Store, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Replace a store's entities with those of a `snapshot`.

    Raises:
        KeyError: an array is missing.
        ValueError: an array has another shape than expected.
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
