"""Whether the goods belong to the parties' lines of business, as far as their names tell."""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from features.groups.base import FloatArray, Group, GroupInput, TextCache
from features.groups.business.columns import FEATURES, BusinessColumn
from features.groups.text_cache import CAPACITY
from features.kinds.lines import CHAPTERS, business_lines
from features.texts.cache import TextIndex, TextRows

_UNKNOWN: Final = 0


class BusinessGroup(Group):
    """How well the chapter of the declared code fits the names of the parties."""

    name = "business"
    features = FEATURES

    def __init__(self, texts: TextCache | None = None) -> None:
        super().__init__(texts)
        lines = business_lines()
        self._chapters = TextRows(lambda codes: [_chapter(code) for code in codes], np.array([_UNKNOWN]))
        nothing = np.zeros(CHAPTERS)
        self._parties = [
            (name, int(column), TextIndex(CAPACITY), TextRows(partial(lines.fits, table=fits), nothing))
            for name, column, fits in (
                ("consignor_name", BusinessColumn.CONSIGNOR_FITS_CODE, lines.sold),
                ("consignee_name", BusinessColumn.CONSIGNEE_FITS_CODE, lines.bought),
            )
        ]

    def fill(self, source: GroupInput, history: FloatArray, out: FloatArray) -> None:
        table = source.table
        chapters = self._chapters.numbers(source.hs_codes, table.text("hs_code").codes)
        for name, column, index, fits in self._parties:
            names = table.text(name)
            fits.pick(index.look_up(names.values), names.codes, chapters, out, column)


def _chapter(code: str) -> int:
    """Return the chapter of an HS code, 0 if it has none."""
    chapter = int(code[:2]) if code[:2].isdecimal() else _UNKNOWN
    return chapter if chapter < CHAPTERS else _UNKNOWN
