"""Lines of business that names of firms tell, and whether goods of an HS chapter belong to them."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np

from features.kinds.parties import LINES_FROM, name_marks, names

#: Chapters are 1 to 97.
CHAPTERS: Final = 98
_UNKNOWN_CHAPTER: Final = 0
OWN_GOODS: Final = 1.0
#: A firm rarely sends the materials that it uses.
SENT_MATERIAL: Final = -0.7
OUTSIDE: Final = -1.0


class BusinessLines:
    """Lines of business with their words and goods.

    Attributes:
        names: of the lines. Line i is bit ``1 << i``.
        sold: (lines, CHAPTERS) whether a firm of the line sends goods of the chapter: 1 its own, 0 goods of any firm,
            negative others.
        bought: (lines, CHAPTERS) whether a firm of the line receives goods of the chapter: 1 its own and its materials, 0
            what every firm needs, -1 others.
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
        """Return the lines, one bit each, that the name of an organisation tells; 0 for private persons.

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
