"""Lines of business, recognised from names of firms, and the fit of goods of an HS chapter with them."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np

from features.kinds.parties import LINES_FROM, name_marks, names

#: Number of columns per chapter: 0 for an unknown chapter, then chapters 1 to 97.
CHAPTERS: Final = 98
_UNKNOWN_CHAPTER: Final = 0
OWN_GOODS: Final = 1.0
#: A firm rarely sends the materials that it uses.
SENT_MATERIAL: Final = -0.7
OUTSIDE: Final = -1.0


class BusinessLines:
    """Lines of business and their goods.

    Attributes:
        names: names of the lines. Line i is bit ``1 << i``.
        sold: (lines, CHAPTERS) fit of goods of a chapter with what a firm of the line sends: 1 for its own products, 0 for goods
            that any firm sends, negative for others.
        bought: (lines, CHAPTERS) fit with what it receives: 1 for its own products and materials, 0 for goods that every firm
            needs, -1 for others.
    """

    def __init__(self) -> None:
        sections = names().lines.sections
        any_line = sections["any"]
        self.names = names().names_of_lines
        self.sold, self.bought = (np.full((len(self.names), CHAPTERS), OUTSIDE) for _ in range(2))
        for line, name in enumerate(self.names):
            own, used = (_chapters(sections[name], key) for key in ("sells", "uses"))
            self.bought[line, _chapters(any_line, "uses")] = 0.0
            self.bought[line, own + used] = OWN_GOODS
            self.sold[line, used] = SENT_MATERIAL
            self.sold[line, _chapters(any_line, "sells")] = 0.0
            self.sold[line, own] = OWN_GOODS
        self.sold[:, _UNKNOWN_CHAPTER] = self.bought[:, _UNKNOWN_CHAPTER] = 0.0

    def of_name(self, name: str) -> int:
        """Return the lines of business that the name of an organisation indicates, one bit each; 0 for private persons.

        >>> lines = business_lines()
        >>> [[line for bit, line in enumerate(lines.names) if lines.of_name(name) >> bit & 1]
        ...  for name in ("Sample Garment Co., Ltd.", "Sample Trading Ltd", "Dana Example")]
        [['clothing'], [], []]
        """
        return name_marks(name) >> LINES_FROM


@cache
def business_lines() -> BusinessLines:
    """Return the lines of business, read once."""
    return BusinessLines()


def _chapters(section: dict[str, Any], key: str) -> list[int]:
    return [int(chapter) for chapter in section[key].split()]
