"""What stands around a name: whether it declares the substance, only mentions it, or is part of another name."""

from __future__ import annotations

import re
from typing import Final

from features.substances.normalise import CAS

# Goods that name a watched substance without being or holding an amount of it.
_MENTION: Final = re.compile(
    r"\b(?:test(?:ing)?[ -]*(?:strips?|kits?|cards?|cups?|cassettes?|panels?|papers?|devices?)|dip[ -]?sticks?"
    r"|(?:rapid|drug|urine|saliva)[ -]+tests?|lateral[ -]flow|immuno[ -]?assays?|elisa|anti[ -]?bod(?:y|ies)"
    r"|detect(?:ion|or|ors)|books?|e[ -]?books?|paperback|hardcover|dvds?|posters?|stickers?|leaflets?|awareness"
    r"|t[ -]shirts?)\b"
)
# A reference standard is analytical where its amount is in micrograms (or a solution of at most some mg per ml).
_STANDARD: Final = re.compile(
    r"\b(?:(?:certified[ -]+)?reference[ -]+(?:standards?|materials?)|(?:analytical|calibration)[ -]+standards?|crm)\b"
)
_MICROGRAMS: Final = re.compile(r"\d[ ]*(?:[um]cg|ug|micrograms?)\b|\d[ ]*(?:mg|ug|mcg)[ ]*/[ ]*ml\b")
# Right before the name: it is said not to be there.
_DENIED_BEFORE: Final = re.compile(
    r"(?:\b(?:not|no|without|non|never|exclud\w+|free (?:of|from)|(?:does|do) not contain|not contain\w*"
    r"|contain\w* (?:no|neither)|zero)\b(?:[ -]+(?:any|added|traces? of))*)[ -]*$"
)
# Right after it: fentanyl-free, but not the free base.
_DENIED_AFTER: Final = re.compile(r"^[ -]*free\b(?![ -]*base)")

# Words of chemical trade that make a bare abbreviation believable.
_CHEMICAL: Final = re.compile(
    r"\b(?:intermediates?|reagents?|powders?|crystal(?:s|line)?|chem\w*|pharma\w*|apis?|assay|purity|hplc|gc|cas|piperid\w*"
    r"|anilin\w*|fentan\w*|hydrochloride|hcl|synthesi[sz]\w*|lab(?:oratory)? (?:samples?|grade)|research)\b"
    r"|\b9\d(?:\.\d+)?[ ]*%"
)

# Substituents: a name that follows one of these belongs to a longer name, of another substance.
_SUBSTITUENT: Final = re.compile(
    r"(?:[a-z]*(?:yl|oxy|oyl|fluoro|chloro|bromo|iodo|nitro|amino|anilino|hydroxy|oxo|aza|thio)|boc|cbz|tert|iso)"
)
# These only stand for a locant when nothing but a hyphen, comma or bracket joins them to the name.
_LOCANT: Final = re.compile(r"(?:\d{1,2}|[nosmprdl]|alpha|beta|gamma|ortho|meta|para|cis|trans|di|tri|tetra|mono)")
_JOINT: Final = re.compile(r"[-,'()\[\]\u2032]+")
_WORD_BEFORE: Final = re.compile(r"([a-z]+|\d+)([^a-z\d]*)$")
_CONTINUED: Final = re.compile(r"-\d{1,2}(?:,\d{1,2})*-[a-z]|-(?:yl|ol|oic|carb)")


class Surroundings:
    """The text around names found in it. What holds for the whole text is worked out once, when first asked for.

    Args:
        spelled: the text as `normalise.spell` gives it.
        chemical: whether the text comes from a field for chemicals.
    """

    __slots__ = ("_about", "_chemical", "_numbers", "_spelled")

    def __init__(self, spelled: str, *, chemical: bool = False) -> None:
        self._spelled = spelled
        self._chemical: bool | None = chemical or None
        self._about: bool | None = None
        self._numbers: tuple[str, ...] | None = None

    def only_mention(self, start: int, end: int) -> bool:
        """Whether the name there is only mentioned: in a test for it, a book, a denial, an analytical trace."""
        text = self._spelled
        if self._about is None:
            traces = _STANDARD.search(text) is not None and _MICROGRAMS.search(text) is not None
            self._about = traces or _MENTION.search(text) is not None
        if self._about:
            return True
        # A denial is near what it denies; forty characters hold "does not contain any added".
        before, after = text[max(0, start - 40) : start], text[end : end + 12]
        return _DENIED_BEFORE.search(before) is not None or _DENIED_AFTER.search(after) is not None

    def admits_abbreviation(self, start: int, end: int, cas: str) -> bool:
        """Whether letters there can be the abbreviation of the substance with that CAS number.

        They stand in one piece, the text speaks of chemicals, and no CAS number in it is another substance's.
        """
        if " " in self._spelled[start:end]:
            return False
        numbers = self._cas_numbers()
        if numbers:
            return cas in numbers
        if self._chemical is None:
            self._chemical = _CHEMICAL.search(self._spelled) is not None
        return self._chemical

    def continue_name(self, start: int, end: int) -> bool:
        """Whether the name there continues to the left or right into the name of another substance.

        ``1-methyl-4-piperidone`` is not 4-piperidone, and neither is ``4-piperidone-3-carboxylic acid``.
        """
        before = _WORD_BEFORE.search(self._spelled[max(0, start - 40) : start])
        if before is not None:
            word, gap = before[1], before[2]
            joined = gap == "" or _JOINT.fullmatch(gap) is not None
            if (joined or gap == " ") and _SUBSTITUENT.fullmatch(word):
                return True
            if joined and gap and _LOCANT.fullmatch(word):
                return True
        return _CONTINUED.match(self._spelled[end : end + 16]) is not None

    def _cas_numbers(self) -> tuple[str, ...]:
        if self._numbers is None:
            from stdnum import casrn

            shaped = ("-".join(found.groups()) for found in CAS.finditer(self._spelled))
            self._numbers = tuple(number for number in shaped if casrn.is_valid(number))
        return self._numbers
