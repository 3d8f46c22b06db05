"""Whether the goods belong to the parties' lines of business, as far as their names tell.

The words of a name are read by the goods classifier: "Garment", "Dyestuff" and "Dental" tell goods. Only organisations are read.
Chapters are joined to groups, because names tell the kind of goods and not their material.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.goods.classifier import read_texts
from features.goods.codes import CODES
from features.goods.model import goods_model
from features.groups.base import FloatArray, Group, GroupInput, TextCache
from features.groups.business.columns import FEATURES, BusinessColumn
from features.groups.text_cache import CAPACITY
from features.kinds.parties import is_organisation, without_legal_words
from features.texts.cache import TextIndex, TextRows

#: First chapters of groups of chapters that names do not tell apart, close to the sections of the nomenclature.
_FIRST_CHAPTERS: Final = (
    1, 6, 15, 16, 25, 28, 30, 31, 32, 33, 35, 38, 39, 41, 44, 50, 64, 68, 72, 84, 85, 86, 90, 93, 94, 95, 96, 97,
)  # fmt: skip
_LINES: Final = len(_FIRST_CHAPTERS)
#: Largest log-likelihood ratio. A larger one would rest on a few words.
_MOST: Final = 3.0


def _line_of_chapter() -> NDArray[np.int64]:
    """Return the line of each chapter, in the order of `CODES`."""
    chapters = np.array([int(chapter) for chapter in CODES.names[0]])
    return np.searchsorted(_FIRST_CHAPTERS, chapters, side="right") - 1


class BusinessGroup(Group):
    """How well the declared code fits the names of the parties."""

    name = "business"
    features = FEATURES

    def __init__(self, texts: TextCache | None = None) -> None:
        super().__init__(texts)
        self._model = goods_model()
        of_chapter = _line_of_chapter()
        self._usual = np.bincount(of_chapter, self._model.weights.chapter_prior, _LINES)
        self._line_of_chapter = np.append(of_chapter, _LINES)
        self._names = TextIndex(CAPACITY)
        # The last line is that of a missing or unknown code.
        self._rows = TextRows(self._read, np.zeros(_LINES + 1))
        self._word_rows = TextRows(self._model.word_rows, np.zeros(self._model.width + 2))

    def fill(self, source: GroupInput, history: FloatArray, out: FloatArray) -> None:
        table = source.table
        codes = table.text("hs_code")
        chapters = np.array([CODES.numbers(code)[0] for code in codes.values], dtype=np.int64)
        # Index -1 is the line of an unknown chapter.
        line = codes.lookup(self._line_of_chapter[chapters], _LINES) if len(chapters) else None
        rows = np.arange(table.n_rows)
        for name, column in (
            ("consignor_name", BusinessColumn.CONSIGNOR_FITS_CODE),
            ("consignee_name", BusinessColumn.CONSIGNEE_FITS_CODE),
        ):
            names = table.text(name)
            if line is None or not names.values:
                out[:, column] = 0.0
                continue
            fit = np.empty((table.n_rows, _LINES + 1))
            self._rows.fill(self._names.look_up(names.values), names.codes, fit, 0)
            out[:, column] = fit[rows, line]

    def _read(self, names: list[str]) -> FloatArray:
        """Return the log-likelihood ratio (names, lines + 1) of goods of each line, given the words of each name."""
        rows = np.zeros((len(names), _LINES + 1))
        firms = [at for at, name in enumerate(names) if is_organisation(name)]
        if firms:
            tokenised = self.texts.tokenise([without_legal_words(names[at]) for at in firms])
            reading = read_texts(self._model, tokenised, self._word_rows.of(tokenised.slots))
            shares = reading.chapter_probabilities(self._model)
            # Sum chapter by chapter, so that the result does not depend on the number of names.
            lines = np.zeros((len(firms), _LINES))
            for chapter, line in enumerate(self._line_of_chapter[:-1].tolist()):
                lines[:, line] += shares[:, chapter]
            rows[firms, :-1] = np.clip(np.log(lines / self._usual), -_MOST, _MOST)
        return rows
