"""Text cache of a feature space, and input of the feature groups.

A text cache belongs to one feature space and is freed with it. It holds at most `CAPACITY` texts of each kind, with a few hundred
bytes per text. Threads may share it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np

from features.kinds.parties import name_marks
from features.substances.rows import Resolution, SubstanceResolver
from features.table.table import ManifestTable
from features.texts.cache import Codes, TextIndex, TextRows, TextSlots, national_digits_masked
from features.texts.folding import folded
from features.texts.words import TokenisedTexts

#: Capacity of an index in distinct texts.
CAPACITY: Final = 32_768
#: Fields whose names `GroupInput.name_marks` reads.
PARTY_NAMES: Final = ("consignor_name", "consignee_name")
#: Number of cached batches of tokenised texts. Several groups request the same new texts of a table, and several threads may
#: score tables at the same time.
_BATCHES: Final = 4
#: Maximum number of characters of a cached batch, with some 50 bytes of tokens each. 2,048 ordinary descriptions have 100,000.
_LONGEST_BATCH: Final = 400_000


class TextCache:
    """Indexes of known texts. Feature groups cache values per text by its slot.

    Attributes:
        descriptions, hs_codes, words: index of the texts of each kind. National digits of HS codes are masked.
        substances: resolver of the substances that texts name.
        names, name_marks: index of party names, and their marks (`features.kinds.parties.name_marks`).
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.descriptions = TextIndex(capacity)
        self.hs_codes = TextIndex(capacity)
        self.words = words = TextIndex(capacity)
        self.substances = SubstanceResolver()
        self.names = TextIndex(capacity)
        self.name_marks = TextRows(lambda names: [name_marks(name) for name in names], np.zeros(1))
        self._tokenise = lru_cache(maxsize=_BATCHES)(lambda texts: TokenisedTexts([*texts], folded, words))

    def tokenise(self, texts: list[str]) -> TokenisedTexts:
        """Return the texts with their tokens and words."""
        if sum(map(len, texts)) > _LONGEST_BATCH:
            return TokenisedTexts(texts, folded, self.words)
        return self._tokenise(tuple(texts))


class GroupInput:
    """Table with the derived values that several feature groups share.

    Args:
        table: the table.
        texts: the text cache.

    Attributes:
        descriptions: texts of ``goods_description``.
        described: texts of `ManifestTable.description_or_chemical`.
        hs_codes: texts of ``hs_code`` with national digits masked.
    """

    def __init__(self, table: ManifestTable, texts: TextCache) -> None:
        self.table = table
        self._texts = texts
        self._substances: Resolution | None = None
        self._name_marks: dict[str, Codes] | None = None
        description, described = table.text("goods_description"), table.description_or_chemical
        look_up = texts.descriptions.look_up
        self.descriptions: TextSlots = look_up(description.values)
        self.described: TextSlots = self.descriptions if described is description else look_up(described.values)
        self.hs_codes: TextSlots = texts.hs_codes.look_up(national_digits_masked(table.text("hs_code").values))

    def name_marks(self, field: str) -> Codes:
        """Return the marks of each distinct name in a field of `PARTY_NAMES` (`features.kinds.parties.name_marks`), read once."""
        if self._name_marks is None:
            self._name_marks = self._read_names()
        return self._name_marks[field]

    def _read_names(self) -> dict[str, Codes]:
        # One look-up for the names of both parties, because its cost hardly depends on the number of names.
        texts, (consignor, consignee) = self._texts, PARTY_NAMES
        consignors, consignees = self.table.text(consignor).values, self.table.text(consignee).values
        marks = texts.name_marks.numbers(texts.names.look_up([*consignors, *consignees]))
        return {consignor: marks[: len(consignors)], consignee: marks[len(consignors) :]}

    @property
    def substances(self) -> Resolution:
        """Substances that the rows name, resolved once."""
        if self._substances is None:
            self._substances = self._texts.substances.resolve(self.table, self.descriptions)
        return self._substances
