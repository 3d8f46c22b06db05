"""Building blocks of systematic chemical names, which distinguish such names from other text.

This is not a grammar: OPSIN decides whether a text is a name. The blocks lack their last vowel, because endings change it
(piperidine, piperidin-4-yl).
"""

from __future__ import annotations

from typing import Final

from features.reference.words import chemical_words

_BLOCKS: Final = chemical_words()["blocks"]

#: Distinctive blocks, which rarely occur outside chemistry. Other words with such blocks consist mostly of other letters.
CORE: Final = frozenset(_BLOCKS["core"])
#: Connecting blocks: multipliers, endings, prefixes of position and form, vowels.
FILL: Final = frozenset(_BLOCKS["fill"])
#: Words that belong to an adjacent name.
BESIDE: Final = frozenset(_BLOCKS["beside"])
#: Everyday goods whose names consist of such blocks.
EVERYDAY: Final = frozenset(_BLOCKS["everyday"])
#: Words that cannot begin or end a name.
LINKS: Final = frozenset(_BLOCKS["links"])
#: Words of the second part of an inverted name.
SECOND_PART: Final = frozenset(_BLOCKS["second_part"])
