"""The text cache of a feature space, and a table as the feature groups read it.

A text cache belongs to one feature space, so it goes when the space's model is replaced. It is bounded (`CAPACITY` texts of
each kind, some hundred bytes per text) and safe for threads.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Final

from features.groups.substance.resolution import Resolution, SubstanceResolver
from features.table.table import ManifestTable
from features.texts.cache import TextIndex, TextSlots, national_digits_masked
from features.texts.folding import folded
from features.texts.words import TokenisedTexts

#: Distinct texts of a kind that an index holds.
CAPACITY: Final = 32_768
#: Batches of tokenised texts that are kept: several groups ask for the same new texts of a table one after another. More
#: than one, because threads score tables side by side.
_BATCHES: Final = 4


class TextCache:
    """Texts met before, with slots in which feature groups keep what they computed from them.

    Attributes:
        descriptions, hs_codes, words: indexes of the texts of each kind. National digits of HS codes are masked.
        substances: finds the substances that texts name.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.descriptions = TextIndex(capacity)
        self.hs_codes = TextIndex(capacity)
        self.words = words = TextIndex(capacity)
        self.substances = SubstanceResolver()
        self._tokenise = lru_cache(maxsize=_BATCHES)(lambda texts: TokenisedTexts([*texts], folded, words))

    def tokenise(self, texts: list[str]) -> TokenisedTexts:
        """Return the texts with their tokens and words."""
        return self._tokenise(tuple(texts))


class GroupInput:
    """A table with what several feature groups read from it.

    Args:
        table: the table.
        texts: the cache that its texts are looked up in.

    Attributes:
        descriptions: the texts of ``goods_description``.
        described: the texts of `ManifestTable.description_or_chemical`.
        hs_codes: the texts of ``hs_code``, with national digits masked.
    """

    def __init__(self, table: ManifestTable, texts: TextCache) -> None:
        self.table = table
        self._texts = texts
        description, described = table.text("goods_description"), table.description_or_chemical
        look_up = texts.descriptions.look_up
        self.descriptions: TextSlots = look_up(description.values)
        self.described: TextSlots = self.descriptions if described is description else look_up(described.values)
        self.hs_codes: TextSlots = texts.hs_codes.look_up(national_digits_masked(table.text("hs_code").values))

    @cached_property
    def substances(self) -> Resolution:
        """The substances that the rows name."""
        return self._texts.substances.resolve(self.table, self.descriptions)
