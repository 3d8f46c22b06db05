"""How a name in a declared text may have been meant: the spellings to try for it.

Declared names come with blanks inside, without their hyphens, in look-alike letters, inverted without the hyphen that says so,
and with the formula of a salt at the end.
"""

from __future__ import annotations

import re
from typing import Final

from features.substances.name_blocks import BESIDE
from features.substances.normalise import fold

#: Ends like a substituent: the rest of an inverted name, whose hyphen may have been lost.
PREFIX_AT_END: Final = re.compile(r"(?:yl|oxy|oxo|amino|nitro|fluoro|chloro|bromo|iodo|hydroxy|thio|methylene)[)\]}]*$")
_SPACED_HYPHEN: Final = re.compile(r"(?<=[\w)\]}]) ?- (?=[\w(\[{])|(?<=[\w)\]}]) -(?=[\w(\[{])")
_SALT_FORMULA: Final = re.compile(
    r"[\s.*\u00b7\u2022-]+(?:x ?)?(?:\d ?)?(?:hcl|hbr|hi|h2o|tfa|h2so4)\b.*$", re.IGNORECASE
)
# n-butyl is an unbranched butyl; any other n is the nitrogen.
_LOWER_N: Final = re.compile(
    r"(?<![A-Za-z])n(?=,[nN\d]|'|-(?!(?:prop|but|pent|hex|hept|oct|non|dec|undec|dodec|amyl|alk)))"
)
_INVERTED: Final = re.compile(
    r"(?<=-),(?=[A-Za-z])|(?<=[A-Za-z]{4})(?<!alpha)(?<!beta)(?<!gamma)(?<!delta)(?<!omega),(?=[A-Za-z\d(\[])",
    re.IGNORECASE,
)
_SPACED_LOCANTS: Final = re.compile(r"(?<=(?<![A-Za-z\d])[NOS\d]), (?=[NOSnos\d]['\u2032]*[-,])")
_ALONE: Final = re.compile(r"(?:\d{1,2}|[nNoOsSmp])(?:,(?:\d{1,2}|[nNoO]))*")


def reading(piece: str) -> str:
    """The name as its reader expects it: one line, blanks only between words, N as a locant in capitals, no formula of a salt."""
    name = piece if piece.isascii() else _primes(fold(piece))
    name = _SPACED_HYPHEN.sub("-", " ".join(name.split()))
    name = _SALT_FORMULA.sub("", name)
    name = _LOWER_N.sub("N", name)
    name = _INVERTED.sub(", ", _SPACED_LOCANTS.sub(",", name))
    if ", " in name and PREFIX_AT_END.search(name.lower()):
        name += "-"
    depth = 0
    kept = []
    for char in name:
        depth += (char in "([{") - (char in ")]}")
        if char != " " or depth <= 0:
            kept.append(char)
    return "".join(kept)


def _primes(name: str) -> str:
    return name.replace("\u2032", "'").replace("\u2019", "'")


def joined(reading: str) -> str:
    """A name without its blanks, but those before a salt; locants that stood alone are joined by hyphens."""
    words = reading.split(" ")
    name = words[0]
    for word in words[1:]:
        if word.lower().strip("(),") in BESIDE or name.endswith(",") or name.lower() in BESIDE:
            name += " " + word
        elif (word[0].isdigit() or _ALONE.fullmatch(name.rpartition("-")[2])) and not name.endswith("-"):
            name += "-" + word
        else:
            name += word
    return name
