"""Building blocks of systematic chemical names, and the spellings to try for a declared one.

The blocks distinguish such names from other text. They are not a grammar: OPSIN decides whether a text is a name. They lack their
last vowel, because endings change it (piperidine, piperidin-4-yl). Declared names contain blanks and look-alike letters, and lack
hyphens, also the hyphen that marks an inversion. Some end in the formula of a salt.
"""

from __future__ import annotations

import re
from typing import Final

from features.reference.words import chemical_words
from features.substances.normalise import fold

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


#: An ending of a substituent: the rest of an inverted name, whose hyphen may be missing.
PREFIX_AT_END: Final = re.compile(r"(?:yl|oxy|oxo|amino|nitro|fluoro|chloro|bromo|iodo|hydroxy|thio|methylene)[)\]}]*$")
_SPACED_HYPHEN: Final = re.compile(r"(?<=[\w)\]}]) ?- (?=[\w(\[{])|(?<=[\w)\]}]) -(?=[\w(\[{])")
_SALT_FORMULA: Final = re.compile(
    r"[\s.*\u00b7\u2022-]+(?:x ?)?(?:\d ?)?(?:hcl|hbr|hi|h2o|tfa|h2so4)\b.*$", re.IGNORECASE
)
# n-butyl is an unbranched butyl; any other n is the nitrogen.
_LOWER_N: Final = re.compile(
    r"(?<![A-Za-z])n(?=,[nN\d]|\d|'|-(?!(?:prop|but|pent|hex|hept|oct|non|dec|undec|dodec|amyl|alk)))"
)
_INVERTED: Final = re.compile(
    r"(?<=-),(?=[A-Za-z])|(?<=[A-Za-z]{4})(?<!alpha)(?<!beta)(?<!gamma)(?<!delta)(?<!omega),(?=[A-Za-z\d(\[])",
    re.IGNORECASE,
)
_SPACED_LOCANTS: Final = re.compile(r"(?<=(?<![A-Za-z\d])[NOS\d]), (?=[NOSnos\d]['\u2032]*[-,])")
# A locant that stands alone, and the end of a name after the last hyphen or bracket.
_ALONE: Final = re.compile(r"(?:\d{1,2}|[nNoOsSmp])(?:,(?:\d{1,2}|[nNoO]))*(?![A-Za-z\d])")
_LAST_PART: Final = re.compile(r"[^\s\-()\[\]{}]+$")
# Between a locant and its part, in either order, and after the nitrogen. An indicated hydrogen (1H) does not end a
# locant.
_LOST_HYPHEN: Final = re.compile(
    r"(?<=\d)(?=[a-z]{2}|[(\[])|(?<=[a-z]{2})(?=\d)|(?<=[)\]])(?=\d|N(?:[a-z(\[]|,N))"
    r"|(?-i:(?<=[a-z])(?=N[(\[,])|(?<=\dH)(?=[a-z]{3}))",
    re.IGNORECASE,
)
_LOST_N: Final = re.compile(
    r"(?<![a-z])N(?=[(\[]|\d|(?:di)?(?:phenyl|methyl|ethyl|propyl|benzyl|phenethyl|acetyl|boc|aryl|hydroxy|cyclo))",
    re.IGNORECASE,
)
#: Endings separated from their name, as in "piperidin 4 yl".
_ENDINGS: Final = frozenset(("en", "ene", "enamide", "yl", "one", "ol", "amine", "imine", "diol", "amide", "ylidene"))


def reading(piece: str) -> str:
    """Return the name as OPSIN expects it: one line, single blanks, the locant N as a capital, no formula of a salt."""
    name = (piece if piece.isascii() else _primes(fold(piece))).replace("_", "-")
    name = _SPACED_HYPHEN.sub("-", " ".join(name.split()))
    name = _SALT_FORMULA.sub("", name)
    name = _LOWER_N.sub("N", name)
    name = _INVERTED.sub(", ", _SPACED_LOCANTS.sub(",", name))
    if ", " in name and PREFIX_AT_END.search(name.lower()):
        name += "-"
    if " " not in name or not any(bracket in name for bracket in "([{"):
        return name
    words = name.split(" ")
    result = words[0]
    depth = _opened(words[0])
    for word in words[1:]:
        result += (" " if depth <= 0 else _joint(result, word)) + word
        depth += _opened(word)
    return result


def joined(reading: str) -> str:
    """Return a name without its blanks, except before a salt. Hyphens join separate locants to their parts."""
    words = reading.split(" ")
    name = words[0]
    for word in words[1:]:
        apart = word.lower().strip("()[],") in BESIDE - _ENDINGS or name.endswith(",") or name.lower() in BESIDE
        name += (" " if apart else _joint(name, word)) + word
    # A lone n can be recognised as the nitrogen only after its hyphen is restored.
    return _LOWER_N.sub("N", name)


def readings(piece: str) -> list[str]:
    """Return the spellings to try, the likeliest first: as written, without blanks, with hyphens added next to locants."""
    as_written = reading(piece)
    without = joined(as_written)
    return list(dict.fromkeys((as_written, without, _LOST_N.sub("N-", _LOST_HYPHEN.sub("-", without)))))


def _joint(before: str, word: str) -> str:
    """Return the separator of two parts of a name: a hyphen next to a locant, otherwise nothing."""
    if before.endswith(("-", "(", "[", "{", ",")) or word[:1] in "-,)]}":
        return ""
    last = _LAST_PART.search(before)
    return "-" if _ALONE.match(word) or (last is not None and _ALONE.fullmatch(last[0])) else ""


def _opened(word: str) -> int:
    return sum(word.count(bracket) for bracket in "([{") - sum(word.count(bracket) for bracket in ")]}")


def _primes(name: str) -> str:
    return name.replace("\u2032", "'").replace("\u2019", "'")
