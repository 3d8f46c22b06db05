"""Saving of a history: snapshots for bundles, its full state for checkpoints, and backups to take shipments back.

A snapshot contains the most important entities of each kind. The full state contains all entities in their order and the recent
shipments, so that the restored history gives the same values as the original would, to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from features.groups.history.batch import IntArray, RecentBackup, RecentShipments
from features.groups.history.state import Entity, FirstColumn, KeyRow, StateLayout, key_row
from features.groups.history.store import Store, StoreBackup

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


Arrays = dict[str, NDArray[Any]]

_RECENT: Final = ("previous", "reference", "identity", "values")


def store_arrays(name: str, store: Store) -> Arrays:
    """Return the entities of a store as arrays, in the order of its slots."""
    parts = {part: np.asarray(getattr(store, part))[: store.count] for part in ("keys", "narrow", "wide")}
    return {f"{name}_{part}": array for part, array in parts.items()}


def restore_store(name: str, store: Store, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Replace a store's entities with those from `store_arrays`.

    Raises:
        KeyError: an array is missing.
        ValueError: the shape of an array is wrong.
    """
    keys, narrow, wide = (arrays[f"{name}_{part}"] for part in ("keys", "narrow", "wide"))
    columns = store.narrow.shape[1], store.wide.shape[1]
    expected = (len(keys), columns[0]), (len(keys), columns[1])
    if (narrow.shape, wide.shape) != expected:
        raise ValueError(
            f"The history of {name} has arrays of shapes {narrow.shape} and {wide.shape}, expected {expected}."
        )
    store.replace(keys.astype(np.int64), narrow.astype(np.int32), wide.astype(np.int64))


def recent_arrays(recent: RecentShipments) -> Arrays:
    """Return the used part of the cache of recent shipments as arrays."""
    used = min(recent.met, recent.size)
    arrays = {f"recent_{part}": np.asarray(getattr(recent, part))[:used] for part in _RECENT}
    return arrays | {
        "recent_newest": np.asarray(recent.newest),
        "recent_meta": np.array([recent.size, recent.met], dtype=np.int64),
    }


def restored_recent(arrays: Mapping[str, NDArray[Any]]) -> RecentShipments:
    """Return the cache of recent shipments from `recent_arrays`.

    Raises:
        KeyError: an array is missing.
        ValueError: the shape of an array is wrong.
    """
    size, met = arrays["recent_meta"].tolist()
    recent = RecentShipments(size)
    recent.met = met
    used = min(met, size)
    np.asarray(recent.newest)[:] = arrays["recent_newest"]
    for part in _RECENT:
        np.asarray(getattr(recent, part))[:used] = arrays[f"recent_{part}"]
    return recent


@dataclass(frozen=True, slots=True, eq=False)
class Backup:
    """Backup of the times and sequence of a history, of the entities of some shipments, and of the recent shipments."""

    numbers: tuple[int, int, int]
    met: int
    recent: RecentBackup
    stores: dict[Entity, StoreBackup]

    @classmethod
    def of(
        cls, numbers: tuple[int, int, int], stores: Mapping[Entity, Store], recent: RecentShipments, keys: IntArray
    ) -> Self:
        """Return a backup. Call this before counting the shipments with the given keys (KEY_ROWS, n_shipments)."""
        return cls(
            numbers,
            recent.met,
            recent.backup(keys[KeyRow.REFERENCE]),
            {entity: store.backup(keys[key_row(entity)]) for entity, store in stores.items()},
        )

    def restore(self, stores: Mapping[Entity, Store], recent: RecentShipments) -> None:
        """Restore stores and recent shipments. Evicted entities cannot be restored."""
        for entity, store in stores.items():
            store.roll_back(self.stores[entity])
        recent.roll_back(self.recent)
        recent.met = self.met
