"""Texts of shipments that the history hashes, and the rows (lines) of the hashes in their matrix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, auto

from features.groups.history.entities import CONTACTS


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
