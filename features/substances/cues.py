"""Patterns for the words around a watched name: goods and documents that only mention it, denials, and words of trade.

The words are in `context_cues.toml`, in twenty languages and pinyin. Its `about` entries explain the patterns. All patterns apply
to folded text (`normalise.fold`), so the words are folded here too.
"""

from __future__ import annotations

import re
from typing import Final

from features.reference.words import context_cues
from features.substances.normalise import fold

# A reference to another key, in braces. The braces of a repetition contain digits instead.
_KEY: Final = re.compile(r"\{([a-z_]+)\}")


def _alternation(words: tuple[str, ...]) -> str:
    """Return an alternation of folded plain words, longest first."""
    folded = {fold(word) for word in words}
    return "|".join(re.escape(word).replace(r"\ ", "[ -]*") for word in sorted(folded, key=lambda w: (-len(w), w)))


def _pattern(section: str, key: str) -> str:
    """Return the pattern of a key. References to other keys are replaced by the patterns of these keys."""
    entry = context_cues()[section][key]
    if not isinstance(entry, str):
        return _alternation(entry)
    return _KEY.sub(
        lambda match: _pattern(section if match[1] in context_cues()[section] else "common", match[1]), entry
    )


def _cue(name: str) -> re.Pattern[str]:
    return re.compile(_pattern(name, "pattern"))


TEST: Final = _cue("test")
TEST_AFTER: Final = _cue("test_after")
PUBLICATION: Final = _cue("publication")
ANTIDOTE: Final = _cue("antidote")
PERMIT: Final = _cue("permit")
PERMIT_NUMBER: Final = _cue("permit_number")
STANDARD: Final = _cue("standard")
IMPURITY: Final = _cue("impurity")
TRACES: Final = _cue("traces")
AMOUNT: Final = _cue("amount")
FORM: Final = _cue("form")
DENIED_BEFORE: Final = _cue("denied_before")
DENIED_LIST: Final = _cue("denied_list")
DENIED_AFTER: Final = _cue("denied_after")
CHEMICAL_TRADE: Final = _cue("chemical_trade")
EVERYDAY_GOODS: Final = _cue("everyday_goods")
NAMED_AFTER: Final = _cue("named_after")
ONLY_NAMED_AFTER: Final = _cue("only_named_after")
JOINED_BY_HYPHEN: Final = _cue("joined_by_hyphen")
PLAIN: Final = _cue("plain")
BULK: Final = _cue("bulk")
AFTER_ISO: Final = _cue("after_iso")
AFTER_KOREAN: Final = _cue("after_korean")
LINK: Final = _cue("link")
STREET_TRADE: Final = _cue("street_trade")
STREET_OTHER_GOODS: Final = _cue("street_other_goods")
