"""Fit of the goods with the lines of business that the names of the parties indicate."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.groups.base import Column, FloatArray, Group, GroupInput, TextCache, declare
from features.groups.shown import Shown
from features.kinds.parties import CHAPTERS, LINES_FROM, OUTSIDE, business_lines
from features.texts.cache import TextRows


def _fit(value: float) -> str:
    """Return the fit of goods with a line of business in words. Between -1 and 0 they are materials, which firms rarely send."""
    if value == 0.0:
        return "neutral"
    return "fits it" if value > 0.0 else "a material of it" if value > OUTSIDE else "unusual for it"


class BusinessColumn(Column):
    """Columns of the group, in order."""

    CONSIGNOR_FITS_CODE = (
        "PARTY_KIND",
        "Fit of the HS chapter with what the consignor's line of business sends (1 its own goods, -1 others, 0 neither)",
        Shown(_fit, "HS chapter against the business that the consignor's name suggests"),
    )
    CONSIGNEE_FITS_CODE = (
        "PARTY_KIND",
        "Fit of the HS chapter with what the consignee's line of business receives (1 its goods, -1 others, 0 neither)",
        Shown(_fit, "HS chapter against the business that the consignee's name suggests"),
    )


FEATURES: Final = declare("business", BusinessColumn)


Codes = NDArray[np.int32]

_UNKNOWN: Final = 0
_CONSIGNOR: Final = int(BusinessColumn.CONSIGNOR_FITS_CODE)
_CONSIGNEE: Final = int(BusinessColumn.CONSIGNEE_FITS_CODE)


class BusinessGroup(Group):
    """Fit of the declared HS chapter with the parties' lines of business."""

    name = "business"
    features = FEATURES

    def __init__(self, texts: TextCache | None = None) -> None:
        super().__init__(texts)
        self._chapters = TextRows(lambda codes: [chapter_of(code) for code in codes], np.array([_UNKNOWN]))
        self._lines = business_lines()

    def fill(self, source: GroupInput, history: FloatArray, out: FloatArray) -> None:
        text = source.table.text
        out[:] = 0.0
        for name, column, fits in (
            ("consignor_name", _CONSIGNOR, self._lines.sold),
            ("consignee_name", _CONSIGNEE, self._lines.bought),
        ):
            marks = source.name_marks(name)
            # Few names indicate a line.
            if max(marks.tolist(), default=0) >> LINES_FROM:
                chapters = self._chapters.numbers(source.hs_codes, text("hs_code").codes)
                out[:, column] = best_fits(marks, text(name).codes, chapters, fits)


def best_fits(marks: Codes, codes: Codes, chapters: Codes, table: FloatArray) -> FloatArray:
    """Return the best fit over the lines of business that each row's name indicates (n,); 0 if it indicates none.

    Args:
        marks: (names,) `features.kinds.parties.name_marks` of each distinct name.
        codes: (n,) index of each row's name; -1 where missing.
        chapters: (n,) HS chapter of each row.
        table: (lines, chapters) fit of each chapter with each line.
    """
    best = np.zeros(len(codes))
    rows = np.flatnonzero(codes >= 0)
    lines = marks[codes[rows]] >> LINES_FROM
    rows, lines = rows[lines > 0], lines[lines > 0]
    if len(rows):
        indicated = lines[:, None] >> np.arange(len(table)) & 1 > 0
        best[rows] = np.where(indicated, table[:, chapters[rows]].T, -np.inf).max(axis=1)
    return best


def chapter_of(code: str) -> int:
    """Return the chapter of an HS code, or 0 if it is unknown."""
    chapter = int(code[:2]) if code[:2].isdecimal() else _UNKNOWN
    return chapter if chapter < CHAPTERS else _UNKNOWN
