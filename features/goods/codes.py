"""The codes of HS 2022 as numbers: chapters, headings and subheadings, each in ascending order."""

from __future__ import annotations

from enum import IntEnum
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.reference.codes import hs_texts

Ids = NDArray[np.int32]
#: Number of digits of each level.
DIGITS: Final = (2, 4, 6)
#: Chapter for national use. The code list contains it for goods that statistics do not specify.
_NATIONAL: Final = "99"
#: Chapters of chemicals. Medicines (30), fertilisers (31), pigments and paints (32) and cosmetics (33) do not count.
CHEMICAL_CHAPTERS: Final = frozenset({"28", "29", "38"})


class HsLevel(IntEnum):
    """Levels of the nomenclature. Arrays of code numbers have a column per level."""

    CHAPTER = 0
    HEADING = 1
    SUBHEADING = 2


class Codes:
    """All codes by level (`HsLevel`) and number."""

    @cached_property
    def names(self) -> tuple[list[str], list[str], list[str]]:
        """The codes of each level, ascending."""
        subheadings = sorted(code for code in hs_texts() if len(code) == 6)
        return (
            sorted({code[:2] for code in subheadings}),
            sorted({code[:4] for code in subheadings}),
            subheadings,
        )

    @cached_property
    def _numbers(self) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
        chapters, headings, subheadings = ({code: at for at, code in enumerate(names)} for names in self.names)
        return chapters, headings, subheadings

    @cached_property
    def parents(self) -> tuple[Ids, Ids, Ids]:
        """The number of each code's parent, per level. All chapters have the parent 0."""
        chapters, headings, subheadings = self.names
        return (
            np.zeros(len(chapters), dtype=np.int32),
            np.array([self._numbers[HsLevel.CHAPTER][code[:2]] for code in headings], dtype=np.int32),
            np.array([self._numbers[HsLevel.HEADING][code[:4]] for code in subheadings], dtype=np.int32),
        )

    @cached_property
    def ends(self) -> tuple[Ids, Ids, Ids]:
        """The end (exclusive) of each parent's children, per level of the children."""
        of_chapter, of_heading, of_subheading = (
            np.cumsum(np.bincount(parent)).astype(np.int32) for parent in self.parents
        )
        return of_chapter, of_heading, of_subheading

    def numbers(self, code: str) -> tuple[int, int, int]:
        """Return the numbers of a code's chapter, heading and subheading.

        A level that HS 2022 lacks, and all levels below it, have the number -1. Chapter 99 counts as lacking, because countries use
        it for any goods.
        """
        numbers = [-1, -1, -1]
        if code.startswith(_NATIONAL):
            return -1, -1, -1
        for level, digits in enumerate(DIGITS):
            number = self._numbers[level].get(code[:digits], -1) if len(code) >= digits else -1
            if number < 0:
                break
            numbers[level] = number
        return numbers[0], numbers[1], numbers[2]


CODES: Final = Codes()
