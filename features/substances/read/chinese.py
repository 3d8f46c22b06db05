"""Chinese names in traditional characters and in pinyin, from the table of the characters that occur in them."""

from __future__ import annotations

from functools import cache

from features.reference.translations import han_characters
from features.substances.normalise import fold


@cache
def distinguished_characters() -> frozenset[str]:
    """Return the simplified characters that matching distinguishes from their traditional forms."""
    rows = han_characters().values()
    return frozenset(row.character for row in rows if {fold(form) for form in row.traditional} != {row.character})


def traditional(chinese: str) -> tuple[str, ...]:
    """Return a Chinese name in traditional characters: one spelling, or two if a character has two forms, the usual one first.

    >>> traditional("对氟丁酰芬太尼")
    ('對氟丁醯芬太尼', '對氟丁酰芬太尼')
    """
    characters = han_characters()
    forms = [characters[char].traditional if char in characters else (char,) for char in chinese]
    usual = "".join(form[0] for form in forms)
    other = "".join(form[-1] for form in forms)
    return (usual,) if usual == other else (usual, other)


def pinyin(chinese: str) -> tuple[str, ...]:
    """Return a Chinese name in pinyin with tone marks and blanks. A name with lǜ is also spelled with lv, as on keyboards.

    >>> pinyin("乙酰芬太尼"), pinyin("4-氯芬太尼")
    (('yǐ xiān fēn tài ní',), ('4-lǜ fēn tài ní', '4-lv fēn tài ní'))
    """
    characters = han_characters()
    written: list[str] = []
    after = False
    for char in chinese:
        row = characters.get(char)
        if row is not None and after:
            written.append(" ")
        written.append(char if row is None else row.syllable)
        after = row is not None
    name = "".join(written)
    plain = name.replace("lǜ", "lv")
    return (name,) if plain == name else (name, plain)
