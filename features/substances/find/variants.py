"""Rule-based spellings of a name: locants as words, letters or digits, inverted prefixes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_POSITION: Final = {"ortho": ("o", "2"), "meta": ("m", "3"), "para": ("p", "4")}
_POSITIONED: Final = re.compile(r"\b(ortho|meta|para)([- ]?)(?=(\w+))")
# Substituents for which a digit means the aniline ring too: 3-methylfentanyl has its methyl on the piperidine.
_ON_ANILINE: Final = re.compile(r"(?:fluoro|chloro|bromo|iodo|methoxy)")
_NITROGEN: Final = re.compile(r"(?:n|1)-(?=(?:phenethyl|benzyl|boc)-?4-(?:piperidone|anilinopiperidine))")
# A prefix that English inverts after a comma: fentanyl, acetyl.
_INVERTED: Final = re.compile(r"(.{4,40}(?:yl|o|oxy))[ -]?fentanyl")


def variants(name: str) -> Iterator[str]:
    """Yield rule-based spellings of a name. A spelling does not count if another substance has that name.

    Args:
        name: the output of `normalise.spell`.
    """
    for position, (letter, figure) in _POSITION.items():
        if f"{position}-" in name or f"{position} " in name or name.startswith(position):
            yield re.sub(rf"\b{position}[- ]?", f"{letter}-", name)
            positioned = _POSITIONED.search(name)
            if positioned is not None and "fentanyl" in name and _ON_ANILINE.match(positioned[3]) is not None:
                yield re.sub(rf"\b{position}[- ]?", f"{figure}-", name)
    for greek, letter in (("alpha", "a"), ("beta", "b")):
        if f"{greek}-" in name:
            yield name.replace(f"{greek}-", f"{letter}-")
    for long, short in (("butyrylfentanyl", "butyrfentanyl"), ("acrylfentanyl", "acryloylfentanyl")):
        if name.replace(" ", "").endswith(long):
            yield name.replace(" ", "").replace(long, short)
    nitrogen = _NITROGEN.match(name)
    if nitrogen is not None:
        rest = name[nitrogen.end() :]
        yield from (f"n-{rest}", f"1-{rest}", rest)
    inverted = _INVERTED.fullmatch(name)
    if inverted is not None:
        yield f"fentanyl {inverted[1]}"
