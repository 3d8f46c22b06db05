"""Patterns of words that show that a watched name is not the goods: tests, books, denials, papers.

The words are in `context_cues.toml`, in twenty languages and pinyin. All patterns apply to the output of
`normalise.fold`, so words of other alphabets are folded here too.
"""

from __future__ import annotations

import re
from typing import Final

from features.reference.words import context_cues
from features.substances.normalise import fold

# A key in a pattern; the braces of a repetition contain digits.
_KEY: Final = re.compile(r"\{([a-z_]+)\}")


def _any(words: tuple[str, ...]) -> str:
    """Return an alternation of folded plain words, longest first."""
    folded = {fold(word) for word in words}
    return "|".join(re.escape(word).replace(r"\ ", "[ -]*") for word in sorted(folded, key=lambda w: (-len(w), w)))


def _written(section: str, key: str) -> str:
    """Return a pattern with the words and common patterns that it refers to."""
    found = context_cues()[section][key]
    if not isinstance(found, str):
        return _any(found)
    return _KEY.sub(
        lambda match: _written(section if match[1] in context_cues()[section] else "common", match[1]), found
    )


def _cue(name: str) -> re.Pattern[str]:
    return re.compile(_written(name, "pattern"))


#: Goods that detect a substance. Group ``antibody`` if they bind it, otherwise ``test``.
TEST: Final = _cue("test")
#: Directly after the name, also as one word with it: fentanyl tests, but not a fentanyl test sample.
TEST_AFTER: Final = _cue("test_after")
#: Printed matter, papers, wear and other things that mention a substance, keep it off or represent it.
PUBLICATION: Final = _cue("publication")
#: Medicines and kits against an overdose.
ANTIDOTE: Final = _cue("antidote")
#: A document that allows a shipment. Group ``paper`` if the goods are the documents themselves.
PERMIT: Final = _cue("permit")
#: A permit number, under which goods travel.
PERMIT_NUMBER: Final = _cue("permit_number")
#: A reference standard is analytical if its amount is in micrograms (or a solution of at most some mg per ml).
STANDARD: Final = _cue("standard")
#: After a name: a substance named after the medicine of which it is an impurity, sold as a standard, or a metabolite.
#: Goods free of impurities, or with less than a limit, are no such substance.
IMPURITY: Final = _cue("impurity")
#: The amount of a trace, and of goods.
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
