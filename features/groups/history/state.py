"""The state of an entity in history: amounts, windows, and the columns of its state.

**Windows.** A sum over the last 1, 7, 30 or 365 days is two integers: the sum in the present calendar block of that length
(blocks begin at 1970-01-01 00:00 UTC) and the sum in the previous block. If a fraction r of the present block is still to
come, the window holds the present block and the fraction r of the previous one: ``present + r * previous``. r is counted in
whole hours, so ``present * hours + hours_left * previous`` is an integer, and one division at the end makes the float. The
day on which the entity was last seen decides which block the stored sums belong to.

All state is integers, so results do not depend on where a stream of shipments is cut into parts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, auto
from typing import Final


class Amount(IntEnum):
    """Amounts that one shipment adds to its parties.

    PARTNERS and PLACES count those that are met for the first time. Partners of a consignor are consignees, of a consignee
    consignors, and of an address the names at it. Places of a consignor are addresses. Of an address, PLACES counts the
    consignors that send to it.
    """

    GRAMS = 0
    #: 1 if finds are known at a party on the other side.
    LINKED_SHIPMENTS = auto()
    #: 1 if the value equals that of the previous shipment.
    REPEATS = auto()
    #: Goods items with HS headings of presses.
    PRESS = auto()
    PARTNERS = auto()
    PLACES = auto()
    SHIPMENTS = auto()
    CENTS = auto()
    #: Shipments with a value below the limit of duty, and their cents.
    SMALL = auto()
    SMALL_CENTS = auto()


class Window(IntEnum):
    """Windows of sums."""

    DAY = 0
    WEEK = auto()
    MONTH = auto()
    YEAR = auto()

    @property
    def days(self) -> int:
        """The length of the window."""
        return _DAYS[self]


_DAYS: Final = {Window.DAY: 1, Window.WEEK: 7, Window.MONTH: 30, Window.YEAR: 365}


class PartyColumn(IntEnum):
    """Columns of a party's state, in the order of a snapshot.

    A snapshot has no column names. Another set or order of columns needs another `history.VERSION`.
    """

    GRAMS = 0
    LINKED_SHIPMENTS = auto()
    REPEATS = auto()
    PRESS = auto()
    PARTNERS = auto()
    PLACES = auto()
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
    #: Times that another name came with a contact.
    NAME_CHANGES = auto()
    FINDS = auto()
    CLEAN = auto()
    #: Hash of the name that came last with a contact.
    LAST_NAME = auto()


class FirstColumn(IntEnum):
    """The columns with which the narrow state of every kind begins. Links other than contacts have the first two only."""

    SHIPMENTS = 0
    LAST_DAY = auto()
    FINDS = auto()
    CLEAN = auto()


#: Position in the narrow state of a party's FIRST_DAY, and of a contact's NAME_CHANGES.
FIRST_DAY_POSITION: Final = len(FirstColumn)
NAME_CHANGES_POSITION: Final = len(FirstColumn)
#: Columns of 64 bits; the others have 32.
_WIDE_PARTY: Final = frozenset(
    column for column in PartyColumn if column is PartyColumn.GRAMS or "CENTS" in column.name
)
_WIDE_LINK: Final = frozenset({LinkColumn.LAST_NAME})


def block_columns(amount: Amount, window: Window) -> tuple[PartyColumn, PartyColumn]:
    """Return the columns of a windowed sum: of the present and of the previous block.

    Raises:
        KeyError: no columns exist for this sum.
    """
    name = f"{amount.name}_{window.days}"
    return PartyColumn[f"{name}_PRESENT"], PartyColumn[f"{name}_PREVIOUS"]


@dataclass(frozen=True, slots=True)
class StateLayout:
    """The columns that are kept of one kind of entity, and those of its snapshot.

    Attributes:
        narrow, wide: columns of 32 and of 64 bits that are kept, in the order of the store.
        saved_narrow, saved_wide: columns of a snapshot.
    """

    narrow: tuple[IntEnum, ...]
    wide: tuple[IntEnum, ...]
    saved_narrow: tuple[IntEnum, ...]
    saved_wide: tuple[IntEnum, ...]

    @property
    def columns(self) -> tuple[IntEnum, ...]:
        """All columns that are kept: the narrow ones, then the wide ones."""
        return (*self.narrow, *self.wide)


def party_layout(columns: Iterable[PartyColumn]) -> StateLayout:
    """Return the layout of a kind of party that keeps these columns and those that every party has."""
    first = (*(PartyColumn[column.name] for column in FirstColumn), PartyColumn.FIRST_DAY)
    others = sorted(set(columns) - set(first))
    return StateLayout(
        (*first, *(column for column in others if column not in _WIDE_PARTY)),
        tuple(column for column in others if column in _WIDE_PARTY),
        tuple(column for column in PartyColumn if column not in _WIDE_PARTY),
        tuple(column for column in PartyColumn if column in _WIDE_PARTY),
    )


def link_layout(*, contact: bool) -> StateLayout:
    """Return the layout of a kind of link; only contacts keep results and names."""
    first = tuple(LinkColumn[column.name] for column in FirstColumn)
    wide = tuple(column for column in LinkColumn if column in _WIDE_LINK)
    saved = tuple(column for column in LinkColumn if column not in _WIDE_LINK)
    if contact:
        return StateLayout((*first, LinkColumn.NAME_CHANGES), wide, saved, wide)
    return StateLayout((LinkColumn.SHIPMENTS, LinkColumn.LAST_DAY), (), saved, wide)
