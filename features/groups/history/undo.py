"""Backup of the state that the counting of some shipments changes, to take the shipments back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from features.groups.history.batch import IntArray, RecentBackup, RecentShipments
from features.groups.history.entities import Entity, KeyRow, key_row
from features.groups.history.store import Store, StoreBackup


@dataclass(frozen=True, slots=True, eq=False)
class Backup:
    """Backup of the watermark and sequence of a history, of the entities of some shipments, and of the recent shipments."""

    numbers: tuple[int, int]
    met: int
    recent: RecentBackup
    stores: dict[Entity, StoreBackup]

    @classmethod
    def of(
        cls, numbers: tuple[int, int], stores: Mapping[Entity, Store], recent: RecentShipments, keys: IntArray
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
