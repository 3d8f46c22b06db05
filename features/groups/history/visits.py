"""Compiled pass of a batch of shipments through the history: find entities, compute features, and count the shipments.

A pass visits the kinds of entities one by one, each for all shipments in order. For features that are logarithms, it writes plain
numbers into matrices of the batch. numpy then computes the logarithms of the matrices, because other libraries may differ in the
last bit. `RecentShipments.finish` copies them to the features.
"""

from __future__ import annotations

from collections.abc import Mapping

import cython
import numpy as np
from numpy.typing import NDArray

from features.groups.history.batch import Batch, RecentShipments
from features.groups.history.parties import ABSENT, PartyStore
from features.groups.history.state import NAME_CHANGES_POSITION, Entity, FirstColumn, KeyRow, Window
from features.groups.history.store import Store

IntArray = NDArray[np.int64]

#: A compiled pass raises no errors, so it never stops halfway.
IS_COMPILED = cython.compiled

_ENTITIES_ROW = cython.declare(cython.Py_ssize_t, KeyRow.ENTITIES)
_OCCUPANT = cython.declare(cython.Py_ssize_t, Entity.OCCUPANT)
_CONSIGNOR_ADDRESS = cython.declare(cython.Py_ssize_t, Entity.CONSIGNOR_ADDRESS)
_CONSIGNOR_CHAPTER = cython.declare(cython.Py_ssize_t, Entity.CONSIGNOR_CHAPTER)
_CONSIGNOR_HEADING = cython.declare(cython.Py_ssize_t, Entity.CONSIGNOR_HEADING)
_DAY = cython.declare(cython.Py_ssize_t, Window.DAY)

# Positions in the state of a link. Only contacts have the last three.
_SHIPMENTS = cython.declare(cython.Py_ssize_t, FirstColumn.SHIPMENTS)
_LAST_DAY = cython.declare(cython.Py_ssize_t, FirstColumn.LAST_DAY)
_FINDS = cython.declare(cython.Py_ssize_t, FirstColumn.FINDS)
_CLEAN = cython.declare(cython.Py_ssize_t, FirstColumn.CLEAN)
_NAME_CHANGES = cython.declare(cython.Py_ssize_t, NAME_CHANGES_POSITION)
#: Position of a contact's only wide column.
_LAST_NAME = cython.declare(cython.Py_ssize_t, 0)

#: Minimum number of shipments for which releasing the global interpreter lock is worthwhile.
_MIN_WITHOUT_LOCK = cython.declare(cython.Py_ssize_t, 64)


class LinkFeatures:
    """Features of one kind of link; `ABSENT` if the kind does not have the feature.

    Attributes:
        shipments: column of `Batch.log1p` for the number of shipments.
        names, finds, clean: features of a contact: changes of name, finds and clean inspections.
    """

    def __init__(self, shipments: int, names: int = ABSENT, finds: int = ABSENT, clean: int = ABSENT) -> None:
        self.shipments, self.names, self.finds, self.clean = shipments, names, finds, clean


class LinkStore(Store):
    """Store of the links of one kind."""

    def __init__(self, narrow: int, wide: int, entity: Entity, features: LinkFeatures) -> None:
        super().__init__(narrow, wide)
        self.entity, self.features = entity, features
        of_consignor = entity in (Entity.CONSIGNOR_PHONE, Entity.CONSIGNOR_EMAIL)
        #: Key row of the name that is declared with a contact.
        self.name_row = KeyRow.CONSIGNOR_NAME if of_consignor else KeyRow.CONSIGNEE_NAME

    def visit(self, batch: Batch) -> None:
        """Write the features of each shipment's link, then add the shipment to the link if it is counted."""
        self.locate(batch.keys[_ENTITIES_ROW + self.entity], batch.counted, batch.slots[self.entity], batch.n)
        contact = self.features.names >= 0
        for row in range(batch.n):
            if batch.keys[_ENTITIES_ROW + self.entity, row] == 0:
                continue
            slot = batch.slots[self.entity, row]
            shipments = self.narrow[slot, _SHIPMENTS] if slot >= 0 else 0
            if self.features.shipments >= 0:
                batch.log1p[row, self.features.shipments] = shipments
            if self.entity == _OCCUPANT:
                batch.new_occupant[row] = shipments == 0
            elif self.entity == _CONSIGNOR_ADDRESS:
                batch.new_address[row] = shipments == 0
            elif self.entity == _CONSIGNOR_CHAPTER:
                batch.chapter_shipments[row] = shipments
            elif self.entity == _CONSIGNOR_HEADING:
                batch.heading_shipments[row] = shipments
            elif contact:
                batch.raise_to(row, self.features.names, self.narrow[slot, _NAME_CHANGES] if slot >= 0 else 0)
                batch.raise_to(row, self.features.finds, self.narrow[slot, _FINDS] if slot >= 0 else 0)
                batch.raise_to(row, self.features.clean, self.narrow[slot, _CLEAN] if slot >= 0 else 0)
            if not batch.counted[row]:
                continue
            self.narrow[slot, _SHIPMENTS] = shipments + 1
            self.narrow[slot, _LAST_DAY] = batch.block[_DAY, row]
            if contact:
                self._count_name(batch, row, slot, shipments > 0)

    def _count_name(self, batch: Batch, row: int, slot: int, known: bool) -> None:
        """Store the name declared with a contact, and count a change if the previous name differs."""
        name, last_name = batch.keys[self.name_row, row], self.wide[slot, _LAST_NAME]
        if known and name != 0 and last_name != 0 and last_name != name:
            self.narrow[slot, _NAME_CHANGES] += 1
        self.wide[slot, _LAST_NAME] = name


class EntityStores:
    """Stores of all kinds of entities.

    Attributes:
        by_entity: stores in the order of `Entity`.
    """

    def __init__(self, parties: Mapping[Entity, PartyStore], links: Mapping[Entity, LinkStore]) -> None:
        self.by_entity: dict[Entity, Store] = {**parties, **links}
        self._consignor = parties[Entity.CONSIGNOR]
        self._consignee = parties[Entity.CONSIGNEE]
        self._address = parties[Entity.ADDRESS]
        self._pair = parties[Entity.PAIR]
        self._trade_lane = parties[Entity.TRADE_LANE]
        self._consignor_city = parties[Entity.CONSIGNOR_CITY]
        self._city_heading = parties[Entity.CITY_HEADING]
        self._consignor_trade_lane = links[Entity.CONSIGNOR_TRADE_LANE]
        self._building = links[Entity.BUILDING]
        self._occupant = links[Entity.OCCUPANT]
        self._consignor_address = links[Entity.CONSIGNOR_ADDRESS]
        self._consignor_chapter = links[Entity.CONSIGNOR_CHAPTER]
        self._consignor_heading = links[Entity.CONSIGNOR_HEADING]
        self._pair_heading = links[Entity.PAIR_HEADING]
        self._consignor_phone = links[Entity.CONSIGNOR_PHONE]
        self._consignor_email = links[Entity.CONSIGNOR_EMAIL]
        self._consignee_phone = links[Entity.CONSIGNEE_PHONE]
        self._consignee_email = links[Entity.CONSIGNEE_EMAIL]

    def advance(self, batch: Batch, recent: RecentShipments, update: bool, bound: int) -> None:
        """Visit all entities of the batch's shipments. ``bound`` limits the growth of stores as in `Store.reserve`.

        Without ``update`` no shipment is counted, and later shipments do not see earlier ones.
        """
        if update:
            for store in self.by_entity.values():
                store.reserve(batch.n, bound)
        if batch.n < _MIN_WITHOUT_LOCK:
            self._visit_all(batch, recent, update)
        else:
            with cython.nogil:
                self._visit_all(batch, recent, update)

    def _visit_all(self, batch: Batch, recent: RecentShipments, update: bool) -> None:
        recent.match(batch, update)
        self._consignor_trade_lane.visit(batch)
        self._building.visit(batch)
        self._pair_heading.visit(batch)
        # Visit the links below before the parties, and find all parties before visiting one: features of parties depend on new
        # links, earlier goods and known finds.
        self._occupant.visit(batch)
        self._consignor_address.visit(batch)
        self._consignor_chapter.visit(batch)
        self._consignor_heading.visit(batch)
        self._consignor_phone.visit(batch)
        self._consignor_email.visit(batch)
        self._consignee_phone.visit(batch)
        self._consignee_email.visit(batch)
        self._consignor.locate_all(batch)
        self._consignee.locate_all(batch)
        self._address.locate_all(batch)
        self._pair.locate_all(batch)
        self._trade_lane.locate_all(batch)
        self._consignor_city.locate_all(batch)
        self._city_heading.locate_all(batch)
        self._pair.visit(batch)
        self._consignor.visit(batch)
        self._consignee.visit(batch)
        self._address.visit(batch)
        self._trade_lane.visit(batch)
        self._consignor_city.visit(batch)
        self._city_heading.visit(batch)


def learn(store: Store, keys: IntArray, find: NDArray[np.int8]) -> None:
    """Add the results of n inspected shipments to their entities. Call `Store.reserve` first.

    Args:
        keys: (n,) keys of the entities; 0 for a shipment without the entity.
        find: (n,) 1 for a find, 0 for a clean inspection.
    """
    _add_results(store, store.find(keys, add=True), find)


def _add_results(store: Store, slots: NDArray[np.int32], find: NDArray[np.int8]) -> None:
    for row in range(slots.shape[0]):
        slot = slots[row]
        if slot >= 0:
            if find[row]:
                store.narrow[slot, _FINDS] += 1
            else:
                store.narrow[slot, _CLEAN] += 1
