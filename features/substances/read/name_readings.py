"""How a name in a declared text may have been meant: the spellings to try for it.

Declared names come with blanks inside, without their hyphens, in look-alike letters, inverted without the hyphen that says so,
and with the formula of a salt at the end.
"""

from __future__ import annotations

import re
from typing import Final

from features.substances.normalise import fold
from features.substances.read.name_blocks import BESIDE

#: Ends like a substituent: the rest of an inverted name, whose hyphen may have been lost.
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
# A locant that stands alone, and what stands at the end of a name after the last hyphen or bracket.
_ALONE: Final = re.compile(r"(?:\d{1,2}|[nNoOsSmp])(?:,(?:\d{1,2}|[nNoO]))*(?![A-Za-z\d])")
_LAST_PART: Final = re.compile(r"[^\s\-()\[\]{}]+$")
# Between a locant and what it locates, in either order, and after the nitrogen. An indicated hydrogen (1H) is no locant's end.
_LOST_HYPHEN: Final = re.compile(
    r"(?<=\d)(?=[a-z]{2}|[(\[])|(?<=[a-z]{2})(?=\d)|(?<=[)\]])(?=\d|N(?:[a-z(\[]|,N))"
    r"|(?-i:(?<=[a-z])(?=N[(\[,])|(?<=\dH)(?=[a-z]{3}))",
    re.IGNORECASE,
)
_LOST_N: Final = re.compile(
    r"(?<![a-z])N(?=[(\[]|\d|(?:di)?(?:phenyl|methyl|ethyl|propyl|benzyl|phenethyl|acetyl|boc|aryl|hydroxy|cyclo))",
    re.IGNORECASE,
)
#: Endings that have come apart from their name, as in "piperidin 4 yl".
_ENDINGS: Final = frozenset(("en", "ene", "enamide", "yl", "one", "ol", "amine", "imine", "diol", "amide", "ylidene"))


def reading(piece: str) -> str:
    """The name as its reader expects it: one line, blanks only between words, N as a locant in capitals, no formula of a salt."""
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
    kept = words[0]
    depth = _opened(words[0])
    for word in words[1:]:
        kept += (" " if depth <= 0 else _joint(kept, word)) + word
        depth += _opened(word)
    return kept


def joined(reading: str) -> str:
    """A name without its blanks, but those before a salt; locants that stood alone are joined by hyphens."""
    words = reading.split(" ")
    name = words[0]
    for word in words[1:]:
        apart = word.lower().strip("()[],") in BESIDE - _ENDINGS or name.endswith(",") or name.lower() in BESIDE
        name += (" " if apart else _joint(name, word)) + word
    # A lone n is the nitrogen only now that its hyphen is back.
    return _LOWER_N.sub("N", name)


def readings(piece: str) -> list[str]:
    """The spellings to try, the likeliest first: as written, without blanks, and with hyphens where a locant has lost its own."""
    as_written = reading(piece)
    without = joined(as_written)
    return list(dict.fromkeys((as_written, without, _LOST_N.sub("N-", _LOST_HYPHEN.sub("-", without)))))


def _joint(before: str, word: str) -> str:
    """What belongs between two parts of a name: a hyphen beside a locant, else nothing."""
    if before.endswith(("-", "(", "[", "{", ",")) or word[:1] in "-,)]}":
        return ""
    last = _LAST_PART.search(before)
    return "-" if _ALONE.match(word) or (last is not None and _ALONE.fullmatch(last[0])) else ""


def _opened(word: str) -> int:
    return sum(word.count(bracket) for bracket in "([{") - sum(word.count(bracket) for bracket in ")]}")


def _primes(name: str) -> str:
    return name.replace("\u2032", "'").replace("\u2019", "'")
