"""Entities of the history with their keys, and the state of each: amounts, windows and columns.

**Windows.** A sum over the last 1, 7, 30 or 365 days is stored as two integers: the sum over the current calendar block of that
length (blocks are counted from 1970-01-01 00:00 UTC) and the sum over the previous block. If a fraction r of the current block
remains, the windowed sum is ``present + r * previous``. The remaining time is taken in whole hours, so ``present * hours +
hours_left * previous`` is an integer, and one division gives the float. The blocks of the stored sums are those of the entity's
last day.

The state consists of integers, so results do not depend on how a stream of shipments is split.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
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

    #: Seconds since 1970; `UNDECLARED` is added to a time of receipt, which is not declared.
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
#: It makes every time of receipt lower than any declared time.
UNDECLARED: Final = -(1 << 62)


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


#: Version of the saved history.
VERSION: Final = 3


class Amount(IntEnum):
    """Amounts that one shipment adds to its parties.

    PARTNERS is 1 for a new partner: a new consignee of a consignor (also per city), a new consignor of a consignee, or a new name
    at an address. PLACES is 1 for a new address of a consignor, and for a new consignor of an address.
    """

    GRAMS = 0
    #: 1 if a party on the other side has known finds.
    LINKED_SHIPMENTS = auto()
    #: 1 if the value equals that of the previous shipment.
    REPEATS = auto()
    #: Goods items with HS headings of presses.
    PRESS = auto()
    PARTNERS = auto()
    PLACES = auto()
    #: 1 if an HS code is declared.
    CODED = auto()
    #: 1 if a declared HS code is in a chapter of chemistry.
    CHEMISTRY = auto()
    #: 1 if the consignor has not sent this HS chapter before.
    CHAPTERS = auto()
    SHIPMENTS = auto()
    CENTS = auto()
    #: 1 if the value is below the duty limit.
    SMALL = auto()
    #: The value in cents if it is below the duty limit, otherwise 0.
    SMALL_CENTS = auto()


class Window(IntEnum):
    """Windows of sums."""

    DAY = 0
    WEEK = auto()
    MONTH = auto()
    YEAR = auto()

    @property
    def days(self) -> int:
        """Length of the window in days."""
        return _DAYS[self]


_DAYS: Final = {Window.DAY: 1, Window.WEEK: 7, Window.MONTH: 30, Window.YEAR: 365}


class PartyColumn(IntEnum):
    """Columns of a party's state, in the order of a snapshot.

    Snapshots have no column names, so a change of columns requires a new `VERSION`.
    """

    GRAMS = 0
    LINKED_SHIPMENTS = auto()
    REPEATS = auto()
    PRESS = auto()
    PARTNERS = auto()
    PLACES = auto()
    CODED = auto()
    CHEMISTRY = auto()
    CHAPTERS = auto()
    SHIPMENTS = auto()
    CENTS = auto()
    SHIPMENTS_1_PRESENT = auto()
    CENTS_1_PRESENT = auto()
    SMALL_1_PRESENT = auto()
    SMALL_CENTS_1_PRESENT = auto()
    SHIPMENTS_1_PREVIOUS = auto()
    CENTS_1_PREVIOUS = auto()
    SMALL_1_PREVIOUS = auto()
    SMALL_CENTS_1_PREVIOUS = auto()
    SHIPMENTS_7_PRESENT = auto()
    CENTS_7_PRESENT = auto()
    SHIPMENTS_7_PREVIOUS = auto()
    CENTS_7_PREVIOUS = auto()
    PRESS_30_PRESENT = auto()
    PARTNERS_30_PRESENT = auto()
    PLACES_30_PRESENT = auto()
    SHIPMENTS_30_PRESENT = auto()
    CENTS_30_PRESENT = auto()
    PRESS_30_PREVIOUS = auto()
    PARTNERS_30_PREVIOUS = auto()
    PLACES_30_PREVIOUS = auto()
    SHIPMENTS_30_PREVIOUS = auto()
    CENTS_30_PREVIOUS = auto()
    SHIPMENTS_365_PRESENT = auto()
    CENTS_365_PRESENT = auto()
    SHIPMENTS_365_PREVIOUS = auto()
    CENTS_365_PREVIOUS = auto()
    FIRST_DAY = auto()
    LAST_DAY = auto()
    LAST_CENTS = auto()
    FINDS = auto()
    CLEAN = auto()


class LinkColumn(IntEnum):
    """Columns of a link's state, in the order of a snapshot."""

    SHIPMENTS = 0
    LAST_DAY = auto()
    #: Number of times that the name declared with a contact changed.
    NAME_CHANGES = auto()
    FINDS = auto()
    CLEAN = auto()
    #: Hash of the last name declared with a contact.
    LAST_NAME = auto()


class FirstColumn(IntEnum):
    """First columns of the narrow state of every kind. Links that are not contacts have only the first two."""

    SHIPMENTS = 0
    LAST_DAY = auto()
    FINDS = auto()
    CLEAN = auto()


#: Positions of a party's FIRST_DAY and of a contact's NAME_CHANGES in the narrow state.
FIRST_DAY_POSITION: Final = len(FirstColumn)
NAME_CHANGES_POSITION: Final = len(FirstColumn)
#: Columns of 64 bits. The others have 32.
_WIDE_PARTY: Final = frozenset(
    column for column in PartyColumn if column is PartyColumn.GRAMS or "CENTS" in column.name
)
_WIDE_LINK: Final = frozenset({LinkColumn.LAST_NAME})


def block_columns(amount: Amount, window: Window) -> tuple[PartyColumn, PartyColumn]:
    """Return the columns of a windowed sum for the current and the previous block.

    Raises:
        KeyError: there are no columns for this sum.
    """
    name = f"{amount.name}_{window.days}"
    return PartyColumn[f"{name}_PRESENT"], PartyColumn[f"{name}_PREVIOUS"]


@dataclass(frozen=True, slots=True)
class StateLayout:
    """Columns of one kind of entity, in its store and in its snapshot.

    Attributes:
        narrow, wide: columns of 32 and of 64 bits in the store, in order.
        saved_narrow, saved_wide: columns of a snapshot.
    """

    narrow: tuple[IntEnum, ...]
    wide: tuple[IntEnum, ...]
    saved_narrow: tuple[IntEnum, ...]
    saved_wide: tuple[IntEnum, ...]

    @property
    def columns(self) -> tuple[IntEnum, ...]:
        """Columns of the store: narrow columns, followed by wide columns."""
        return (*self.narrow, *self.wide)


def party_layout(columns: Iterable[PartyColumn]) -> StateLayout:
    """Return the layout of a kind of party: the given columns, and the columns of all parties."""
    first = (*(PartyColumn[column.name] for column in FirstColumn), PartyColumn.FIRST_DAY)
    others = sorted(set(columns) - set(first))
    return StateLayout(
        (*first, *(column for column in others if column not in _WIDE_PARTY)),
        tuple(column for column in others if column in _WIDE_PARTY),
        tuple(column for column in PartyColumn if column not in _WIDE_PARTY),
        tuple(column for column in PartyColumn if column in _WIDE_PARTY),
    )


def link_layout(*, contact: bool) -> StateLayout:
    """Return the layout of a kind of link. Only contacts have columns for results and names."""
    first = tuple(LinkColumn[column.name] for column in FirstColumn)
    wide = tuple(column for column in LinkColumn if column in _WIDE_LINK)
    saved = tuple(column for column in LinkColumn if column not in _WIDE_LINK)
    if contact:
        return StateLayout((*first, LinkColumn.NAME_CHANGES), wide, saved, wide)
    return StateLayout((LinkColumn.SHIPMENTS, LinkColumn.LAST_DAY), (), saved, wide)
