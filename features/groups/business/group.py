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
        nothing = np.zeros(CHAPTERS)
        self._parties = [
            (name, column, TextIndex(CAPACITY), TextRows(partial(lines.fits, table=fits), nothing))
            for name, column, fits in (
                ("consignor_name", BusinessColumn.CONSIGNOR_FITS_CODE, lines.sold),
                ("consignee_name", BusinessColumn.CONSIGNEE_FITS_CODE, lines.bought),
            )
        ]

    def fill(self, source: GroupInput, history: FloatArray, out: FloatArray) -> None:
        table = source.table
        codes = table.text("hs_code")
        chapters = np.array([_chapter(code) for code in codes.values], dtype=np.int64)
        chapter = codes.lookup(chapters, _UNKNOWN) if len(chapters) else np.full(table.n_rows, _UNKNOWN)
        rows = np.arange(table.n_rows)
        for name, column, index, fits in self._parties:
            names = table.text(name)
            fit = np.empty((table.n_rows, CHAPTERS))
            fits.fill(index.look_up(names.values), names.codes, fit, 0)
            out[:, column] = fit[rows, chapter]


def _chapter(code: str) -> int:
    """Return the chapter of an HS code, 0 if it has none."""
    chapter = int(code[:2]) if code[:2].isdecimal() else _UNKNOWN
    return chapter if chapter < CHAPTERS else _UNKNOWN
