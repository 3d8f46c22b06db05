"""Patterns for the words around a watched name: goods and documents that only mention it, denials, and words of trade.

The words are in `context_cues.toml`, in twenty languages and pinyin. All patterns apply to folded text (`normalise.fold`), so
the words are folded here too.
"""

from __future__ import annotations

import re
from typing import Final

from features.reference.words import context_cues
from features.substances.normalise import fold

# A reference to another key, in braces. The braces of a repetition contain digits instead.
_KEY: Final = re.compile(r"\{([a-z_]+)\}")


def _any(words: tuple[str, ...]) -> str:
    """Return an alternation of folded plain words, longest first."""
    folded = {fold(word) for word in words}
    return "|".join(re.escape(word).replace(r"\ ", "[ -]*") for word in sorted(folded, key=lambda w: (-len(w), w)))


def _written(section: str, key: str) -> str:
    """Return a pattern with its references replaced by words and common patterns."""
    entry = context_cues()[section][key]
    if not isinstance(entry, str):
        return _any(entry)
    return _KEY.sub(
        lambda match: _written(section if match[1] in context_cues()[section] else "common", match[1]), entry
    )


def _cue(name: str) -> re.Pattern[str]:
    return re.compile(_written(name, "pattern"))


#: Goods that detect a substance. Group ``antibody`` if they bind it, otherwise ``test``.
TEST: Final = _cue("test")
#: Tests, named directly after the substance or in one word with it: "fentanyl tests", but not "fentanyl test sample".
TEST_AFTER: Final = _cue("test_after")
#: Printed matter, documents, clothing and other goods that mention a substance, protect from it or represent it.
PUBLICATION: Final = _cue("publication")
#: Medicines and kits against an overdose.
ANTIDOTE: Final = _cue("antidote")
#: A document that allows a shipment. Group ``paper`` if the goods are the documents themselves.
PERMIT: Final = _cue("permit")
#: Number of a permit under which goods travel.
PERMIT_NUMBER: Final = _cue("permit_number")
#: A reference standard. It is analytical if its amount is in micrograms, or if it is a solution of at most some mg per ml.
STANDARD: Final = _cue("standard")
#: After the name of a medicine: its impurity or metabolite, sold as a standard. Goods that state the absence or the limit of an
#: impurity do not match.
IMPURITY: Final = _cue("impurity")
#: The amount of a trace, and the amount of goods.
TRACES: Final = _cue("traces")
AMOUNT: Final = _cue("amount")
#: The substance itself, in some form.
FORM: Final = _cue("form")
#: Directly before the name: a denial.
DENIED_BEFORE: Final = _cue("denied_before")
#: A list of absent substances, up to the name.
DENIED_LIST: Final = _cue("denied_list")
#: Directly after the name: fentanyl-free, but not the free base.
DENIED_AFTER: Final = _cue("denied_after")
#: Words of chemical trade that make an abbreviation plausible.
CHEMICAL_TRADE: Final = _cue("chemical_trade")
#: Everyday goods whose names contain the same letters as an abbreviation, and other chemicals with the same abbreviation.
EVERYDAY_GOODS: Final = _cue("everyday_goods")
#: Words of trade before a hyphen and a name. They are not part of the name.
JOINED_BY_HYPHEN: Final = _cue("joined_by_hyphen")
#: In a field for chemicals, an abbreviation may be next to these without any other chemical word.
PLAIN: Final = _cue("plain")
#: Forms of goods that have no name of their own.
BULK: Final = _cue("bulk")
#: After iso as an abbreviation. The same letters begin many names: isopropyl, iso butane.
AFTER_ISO: Final = _cue("after_iso")
#: Particles and goods after a Korean noun. Katakana after a Japanese name in katakana is the name of a salt.
AFTER_KOREAN: Final = _cue("after_korean")
#: Words between a cue and the following name by which the cue refers to the name.
LINK: Final = _cue("link")
#: Words of the drug trade. A street name with another use must stand beside one of them.
STREET_TRADE: Final = _cue("street_trade")
#: Goods whose names equal street names: porcelain and paint, screws, engines, cosmetics.
STREET_OTHER_GOODS: Final = _cue("street_other_goods")
