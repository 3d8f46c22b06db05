"""Whether the goods belong to the parties' lines of business, as far as their names tell."""

from __future__ import annotations

from typing import Final

import numpy as np

from features.groups.base import FloatArray, Group, GroupInput, TextCache
from features.groups.business.columns import FEATURES, BusinessColumn
from features.groups.business.rows import fill_fits
from features.kinds.lines import CHAPTERS, business_lines
from features.texts.cache import TextRows

_UNKNOWN: Final = 0
_CONSIGNOR: Final = int(BusinessColumn.CONSIGNOR_FITS_CODE)
_CONSIGNEE: Final = int(BusinessColumn.CONSIGNEE_FITS_CODE)


class BusinessGroup(Group):
    """How well the chapter of the declared code fits the names of the parties."""

    name = "business"
    features = FEATURES

    def __init__(self, texts: TextCache | None = None) -> None:
        super().__init__(texts)
        self._chapters = TextRows(lambda codes: [_chapter(code) for code in codes], np.array([_UNKNOWN]))
        self._lines = business_lines()

    def fill(self, source: GroupInput, history: FloatArray, out: FloatArray) -> None:
        table = source.table
        chapters = self._chapters.numbers(source.hs_codes, table.text("hs_code").codes)
        for name, column, fits in (
            ("consignor_name", _CONSIGNOR, self._lines.sold),
            ("consignee_name", _CONSIGNEE, self._lines.bought),
        ):
            fill_fits(source.name_marks(name), table.text(name).codes, chapters, fits, out, column)


def _chapter(code: str) -> int:
    """Return the chapter of an HS code, 0 if it has none."""
    chapter = int(code[:2]) if code[:2].isdecimal() else _UNKNOWN
    return chapter if chapter < CHAPTERS else _UNKNOWN
