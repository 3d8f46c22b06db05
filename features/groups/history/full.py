"""The full state of a history as arrays, for checkpoints.

Unlike a snapshot it contains all entities in their order and the recent shipments, so that the restored history gives the same
values as the original would, to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.groups.history.batch import RecentShipments
from features.groups.history.store import Store

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
