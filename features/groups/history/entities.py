"""Kinds of entities in the history, and rows of the key matrix."""

from __future__ import annotations

from enum import IntEnum, auto
from typing import Final


class Entity(IntEnum):
    """Kinds of entities, in the order of their keys in a key matrix."""

    CONSIGNOR = 0
    CONSIGNEE = auto()
    ADDRESS = auto()
    PAIR = auto()
    TRADE_LANE = auto()
    CONSIGNOR_TRADE_LANE = auto()
    BUILDING = auto()
    OCCUPANT = auto()
    CONSIGNOR_ADDRESS = auto()
    CONSIGNOR_PHONE = auto()
    CONSIGNOR_EMAIL = auto()
    CONSIGNEE_PHONE = auto()
    CONSIGNEE_EMAIL = auto()

    @property
    def label(self) -> str:
        """Name in lower case. For contacts it is also the name of the manifest column."""
        return self.name.lower()


#: Kinds with sums over windows.
PARTIES: Final = (Entity.CONSIGNOR, Entity.CONSIGNEE, Entity.ADDRESS, Entity.PAIR, Entity.TRADE_LANE)
CONTACTS: Final = (
    Entity.CONSIGNOR_PHONE, Entity.CONSIGNOR_EMAIL, Entity.CONSIGNEE_PHONE, Entity.CONSIGNEE_EMAIL,
)  # fmt: skip
#: Kinds that count shipments only. Contacts also count results and changes of name.
LINKS: Final = (
    Entity.CONSIGNOR_TRADE_LANE, Entity.BUILDING, Entity.OCCUPANT, Entity.CONSIGNOR_ADDRESS, *CONTACTS,
)  # fmt: skip


class KeyRow(IntEnum):
    """Rows of a key matrix (KEY_ROWS, n_shipments)."""

    #: Seconds since 1970.
    TIME = 0
    #: Hash of `shipment_id`.
    REFERENCE = auto()
    #: Hash of all other data that the history reads. It is equal for unchanged repeats of a shipment.
    IDENTITY = auto()
    #: Value in US cents, and mass in grams; 0 where missing.
    CENTS = auto()
    GRAMS = auto()
    #: Goods items with HS headings of presses, their tools and moulds.
    PRESS = auto()
    #: Value in US cents below which a consignment is exempt from duty or formalities.
    LIMIT = auto()
    #: Hashes of the names; 0 where missing.
    CONSIGNOR_NAME = auto()
    CONSIGNEE_NAME = auto()
    #: First row of the entities' keys, in the order of `Entity`: 64-bit hashes, 0 where missing.
    ENTITIES = auto()


KEY_ROWS: Final = KeyRow.ENTITIES + len(Entity)


def key_row(entity: Entity) -> int:
    """Return the row of a key matrix for a kind of entity."""
    return KeyRow.ENTITIES + entity
