"""Kinds of entities in the history, rows of the key matrix, and the texts of shipments that the history hashes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, auto
from typing import Final


class Entity(IntEnum):
    """Kinds of entities, in the order of their keys in a key matrix."""

    CONSIGNOR = 0
    CONSIGNEE = auto()
    ADDRESS = auto()
    #: Consignor and consignee together.
    PAIR = auto()
    #: Export country, consignee's country and channel.
    TRADE_LANE = auto()
    #: The consignor's shipments to one city.
    CONSIGNOR_CITY = auto()
    #: All consignors' shipments of one HS heading to one city.
    CITY_HEADING = auto()
    CONSIGNOR_TRADE_LANE = auto()
    #: Street address without the unit.
    BUILDING = auto()
    #: Consignee's name at its address.
    OCCUPANT = auto()
    #: The consignor's shipments to one address.
    CONSIGNOR_ADDRESS = auto()
    #: The consignor's shipments of one HS chapter, and of one HS heading.
    CONSIGNOR_CHAPTER = auto()
    CONSIGNOR_HEADING = auto()
    #: Shipments of one HS heading between two parties.
    PAIR_HEADING = auto()
    CONSIGNOR_PHONE = auto()
    CONSIGNOR_EMAIL = auto()
    CONSIGNEE_PHONE = auto()
    CONSIGNEE_EMAIL = auto()

    @property
    def label(self) -> str:
        """Name in lower case. For contacts it is also the name of the manifest column."""
        return self.name.lower()


#: Kinds that have sums over windows and also count results of inspections.
INSPECTED: Final = (Entity.CONSIGNOR, Entity.CONSIGNEE, Entity.ADDRESS, Entity.PAIR, Entity.TRADE_LANE)
#: Kinds with sums over windows.
PARTIES: Final = (*INSPECTED, Entity.CONSIGNOR_CITY, Entity.CITY_HEADING)
CONTACTS: Final = (
    Entity.CONSIGNOR_PHONE, Entity.CONSIGNOR_EMAIL, Entity.CONSIGNEE_PHONE, Entity.CONSIGNEE_EMAIL,
)  # fmt: skip
#: Kinds that only count shipments, except that contacts also count results and changes of name.
LINKS: Final = (
    Entity.CONSIGNOR_TRADE_LANE, Entity.BUILDING, Entity.OCCUPANT, Entity.CONSIGNOR_ADDRESS, Entity.CONSIGNOR_CHAPTER,
    Entity.CONSIGNOR_HEADING, Entity.PAIR_HEADING, *CONTACTS,
)  # fmt: skip


class KeyRow(IntEnum):
    """Rows of a key matrix (KEY_ROWS, n_shipments)."""

    #: Seconds since 1970.
    TIME = 0
    #: Hash of `shipment_id`.
    REFERENCE = auto()
    #: Hash of parties, places, goods and amounts. It is equal for unchanged repeats of a shipment.
    IDENTITY = auto()
    #: Value in US cents, and mass in grams; 0 where missing.
    CENTS = auto()
    GRAMS = auto()
    #: Goods items with HS headings of presses, their tools and moulds.
    PRESS = auto()
    #: 1 if an HS code is declared, otherwise 0.
    CODED = auto()
    #: 1 if a declared code is in a chapter of chemistry (28, 29, 38), otherwise 0.
    CHEMISTRY = auto()
    #: Value in US cents below which a consignment is exempt from duty or formalities.
    LIMIT = auto()
    #: Hashes of the parties' names; 0 where missing.
    CONSIGNOR_NAME = auto()
    CONSIGNEE_NAME = auto()
    #: First row of the entities' keys, in the order of `Entity`: 64-bit hashes, 0 where missing.
    ENTITIES = auto()


KEY_ROWS: Final = KeyRow.ENTITIES + len(Entity)


def key_row(entity: Entity) -> int:
    """Return the row of a key matrix for a kind of entity."""
    return KeyRow.ENTITIES + entity


class TextLine(IntEnum):
    """Rows of a matrix of hashed texts, one column per shipment."""

    CONSIGNOR_NAME = 0
    CONSIGNOR_COUNTRY = auto()
    CONSIGNEE_NAME = auto()
    #: City, or the area of the postcode if there is no city.
    CITY = auto()
    COUNTRY = auto()
    EXPORT_COUNTRY = auto()
    CHANNEL = auto()
    POSTCODE = auto()
    REFERENCE = auto()
    BUILDING = auto()
    UNIT = auto()
    #: First row of the contacts, in the order of `CONTACTS`.
    CONTACTS = auto()


TEXT_LINES = TextLine.CONTACTS + len(CONTACTS)


@dataclass(frozen=True, slots=True)
class HashedTexts:
    """Text columns that are hashed with the same normalisation.

    Attributes:
        columns: names of the columns.
        lines: output lines: first parts of all columns, then second parts.
        spell: function that normalises texts. It returns the first parts of all texts, then the second parts.
        parts: number of parts per text.
    """

    columns: tuple[str, ...]
    lines: tuple[int, ...]
    spell: Callable[[list[str]], list[bytes]]
    parts: int
