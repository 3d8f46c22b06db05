"""Parts of substance names in several languages, and names that are not composed of parts.

- `name_parts.csv`: forms of a part of an English name (``fluoro``, ``isobutyryl``, ``fentanyl``) in other languages
- `translated_names.csv`: names that do not follow from parts
- `name_characters.csv`: traditional forms and syllable of a Chinese character
- `name_fragments.csv`: structure of a part

All loaders raise `ReferenceDataError`, which names file, row and reason.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Final

from features.reference.errors import ReferenceDataError
from features.reference.reading import Row, read
from features.reference.rows import Verified
from features.reference.tables import substances

#: Slots of a frame: for the rest of the name, and for the rest with its last part as a radical.
SLOT: Final = "{}"
RADICAL_SLOT: Final = "{r}"
_SLOTS: Final = re.compile(r"\{r?\}")
_STEP: Final = re.compile(r"[a-z]+|\d", re.ASCII)
_HAN: Final = re.compile(r"[\u4e00-\u9fff]")


class Language(StrEnum):
    """Language and script of a name (BCP 47)."""

    ENGLISH = "en"
    CHINESE = "zh"
    TRADITIONAL = "zh-Hant"  # only in translated_names.csv, otherwise derived from `CHINESE`
    PINYIN = "zh-Latn"  # never in a file, derived from `CHINESE`
    SPANISH = "es"
    PORTUGUESE = "pt"
    FRENCH = "fr"
    GERMAN = "de"
    RUSSIAN = "ru"
    JAPANESE = "ja"
    KOREAN = "ko"
    ARABIC = "ar"
    # The following occur only in translated_names.csv. Their names that follow from parts are recognised by sound.
    ITALIAN = "it"
    DUTCH = "nl"
    POLISH = "pl"
    TURKISH = "tr"
    UKRAINIAN = "uk"
    GREEK = "el"
    HEBREW = "he"
    HINDI = "hi"
    THAI = "th"
    VIETNAMESE = "vi"


class Role(StrEnum):
    """Role of a structure fragment in a molecule."""

    ACYL = "acyl"  # replaces the propionyl group of fentanyl; its first atom binds to nitrogen
    SUBSTITUENT = "substituent"  # replaces a hydrogen
    SIDE_CHAIN = "side_chain"  # replaces a hydrogen, only with a Greek locant
    NITAZENE = "nitazene"  # the substituted phenyl ring of a nitazene's prefix


@dataclass(frozen=True, slots=True)
class NamePart:
    """Forms of one part of a name in one language.

    ``forms`` are alternatives, the usual one first. A form with a slot frames the rest of the name (``cloruro de {r}``).
    ``radical`` is the form in the radical slot of a frame (``propionilo``); empty if it equals ``forms``. ``source``
    and ``verified`` refer to the usual form; the alternatives are our own knowledge of the language.
    """

    part: str
    language: Language
    forms: tuple[str, ...]
    radical: tuple[str, ...]
    source: str
    verified: Verified

    @property
    def frames(self) -> bool:
        """True if the forms enclose the rest of a name."""
        return SLOT in self.forms[0] or RADICAL_SLOT in self.forms[0]


@dataclass(frozen=True, slots=True)
class IrregularNames:
    """Names of one substance in one language that do not follow from the parts of its English name."""

    substance: str
    language: Language
    names: tuple[str, ...]
    source: str
    verified: Verified


@dataclass(frozen=True, slots=True)
class HanCharacter:
    """A simplified character with its traditional forms, the usual one first, and its syllable with tone mark."""

    character: str
    traditional: tuple[str, ...]
    syllable: str
    source: str
    verified: Verified


@dataclass(frozen=True, slots=True)
class Fragment:
    """The structure (SMILES) of a part, or of several consecutive parts; single digits are locants."""

    parts: tuple[str, ...]
    role: Role
    smiles: str
    source: str
    verified: Verified


def _part(row: Row) -> NamePart:
    forms, radical = row.many("forms"), row.many("radical")
    language = row.one_of("language", Language)
    if language in (Language.TRADITIONAL, Language.PINYIN):
        raise ValueError(f"language is {language.value!r}, expected zh, from which it is derived")
    if not forms:
        raise ValueError("forms is blank, expected a value")
    slots = {len(_SLOTS.findall(form)) for form in forms}
    if slots not in ({0}, {1}):
        raise ValueError(f"forms is {'|'.join(forms)!r}, expected one slot in every form or in none")
    return NamePart(row.text("part"), language, forms, radical, row.text("source"), row.one_of("verified", Verified))


@cache
def name_parts() -> MappingProxyType[str, MappingProxyType[Language, NamePart]]:
    """Return the forms of each part, by part and language; every part has English forms."""
    file = "name_parts.csv"
    columns = ("part", "language", "forms", "radical", "source", "verified")
    rows = read(file, columns, _part, key=lambda row: (row.part, row.language))
    grouped: dict[str, dict[Language, NamePart]] = {}
    for row in rows:
        grouped.setdefault(row.part, {})[row.language] = row
    owner: dict[str, str] = {}
    for part, languages in grouped.items():
        english = languages.get(Language.ENGLISH)
        if english is None:
            raise ReferenceDataError(file, None, f"{part} has no row for en, expected its English forms")
        for form in english.forms:
            if owner.setdefault(form, part) != part:
                raise ReferenceDataError(file, None, f"en form {form!r} belongs to both {owner[form]} and {part}")
        for row in languages.values():
            if row.frames != english.frames:
                reason = f"{part} frames the name in only one of en and {row.language}, expected a slot in both or none"
                raise ReferenceDataError(file, None, reason)
    return MappingProxyType({part: MappingProxyType(languages) for part, languages in grouped.items()})


@cache
def irregular_names() -> tuple[IrregularNames, ...]:
    """Return names that do not follow from parts; no name belongs to two substances."""
    file = "translated_names.csv"

    def build(row: Row) -> IrregularNames:
        names = row.many("names")
        language = row.one_of("language", Language)
        if language in (Language.ENGLISH, Language.PINYIN):
            raise ValueError(
                f"language is {language.value!r}, expected one whose names are neither derived nor in another file"
            )
        if not names:
            raise ValueError("names is blank, expected a value")
        return IrregularNames(
            row.text("substance"), language, names, row.text("source"), row.one_of("verified", Verified)
        )

    columns = ("substance", "language", "names", "source", "verified")
    rows = read(file, columns, build, key=lambda row: (row.substance, row.language))
    known = {substance.name for substance in substances()}
    owner: dict[str, str] = {}
    for row in rows:
        if row.substance not in known:
            raise ReferenceDataError(file, None, f"substance {row.substance!r} is not in substances.csv")
        for name in row.names:
            if owner.setdefault(name.casefold(), row.substance) != row.substance:
                reason = f"{name!r} stands for {owner[name.casefold()]} and {row.substance}, expected one substance"
                raise ReferenceDataError(file, None, reason)
    return rows


@cache
def han_characters() -> MappingProxyType[str, HanCharacter]:
    """Return the Chinese characters of all names in the other files, by character."""
    file = "name_characters.csv"

    def build(row: Row) -> HanCharacter:
        character, traditional, syllable = row.text("character"), row.many("traditional"), row.text("syllable")
        for column, value in (("character", character), *(("traditional", form) for form in traditional)):
            if not _HAN.fullmatch(value):
                raise ValueError(f"{column} is {value!r}, expected one Chinese character")
        plain = "".join(char for char in unicodedata.normalize("NFD", syllable) if not unicodedata.combining(char))
        if not (traditional and plain.isascii() and plain.isalpha() and plain.islower()):
            raise ValueError(f"syllable is {syllable!r}, expected lower-case Latin letters with a tone mark")
        return HanCharacter(character, traditional, syllable, row.text("source"), row.one_of("verified", Verified))

    columns = ("character", "traditional", "syllable", "source", "verified")
    rows = read(file, columns, build, key=lambda row: row.character)
    characters = {row.character: row for row in rows}
    chinese = [form for part in name_parts().values() for form in _forms(part.get(Language.CHINESE))]
    chinese += [name for row in irregular_names() if row.language is Language.CHINESE for name in row.names]
    for name in chinese:
        for character in _HAN.findall(name):
            if character not in characters:
                raise ReferenceDataError(file, None, f"lacks {character!r} of {name!r}, expected a row for it")
    return MappingProxyType(characters)


def _forms(part: NamePart | None) -> tuple[str, ...]:
    return () if part is None else part.forms


@cache
def fragments() -> tuple[Fragment, ...]:
    """Return the structures of parts. Their SMILES are not parsed here."""

    def build(row: Row) -> Fragment:
        steps = tuple(row.text("parts").split("+"))
        for step in steps:
            if not _STEP.fullmatch(step) or not (step.isdigit() or step in name_parts()):
                raise ValueError(f"parts has {step!r}, expected parts of name_parts.csv or digits, joined by + signs")
        return Fragment(
            steps,
            row.one_of("role", Role),
            row.text("smiles"),
            row.text("source"),
            row.one_of("verified", Verified),
        )

    columns = ("parts", "role", "smiles", "source", "verified")
    return read("name_fragments.csv", columns, build, key=lambda row: (row.parts, row.role))
