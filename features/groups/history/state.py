"""State of an entity in the history: amounts, windows and columns.

**Windows.** A sum over the last 1, 7, 30 or 365 days is stored as two integers: the sum over the current calendar block of that
length (blocks are counted from 1970-01-01 00:00 UTC) and the sum over the previous block. If a fraction r of the current block
remains, the windowed sum is ``present + r * previous``. The remaining time is taken in whole hours, so ``present * hours +
hours_left * previous`` is an integer, and one division gives the float. The blocks of the stored sums are those of the entity's
last day.

The state consists of integers, so results do not depend on how a stream of shipments is split.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, auto
from typing import Final

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
