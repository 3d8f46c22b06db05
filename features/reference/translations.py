"""Names of substances and chemicals in several languages.

- `name_parts.csv`: forms of a part of an English name (``fluoro``, ``isobutyryl``, ``fentanyl``) in other languages
- `translated_names.csv`: names that do not follow from parts
- `name_characters.csv`: traditional forms and syllable of a Chinese character
- `name_fragments.csv`: structure of a part
- `chemical_names.csv`: names of the chemicals of `benign_chemicals.csv`, and of some that are recognised but not called harmless:
  solvents and acids that the conventions list for other drugs, medicines whose structure has a part that is typical of controlled
  substances, and mixtures and materials named by their use (dyes, inks, adhesives, surfactants)

All loaders raise `ReferenceDataError`, which names file, row and reason.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Annotated, Final

from features.reference.chemicals import benign_chemicals, substances
from features.reference.reading import ReferenceDataError, Row, Verified, read, table

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


#: Languages of the columns of `chemical_names.csv`. English names are those that `benign_chemicals.csv` does not contain.
CHEMICAL_LANGUAGES: Final = (
    Language.ENGLISH,
    Language.SPANISH,
    Language.PORTUGUESE,
    Language.FRENCH,
    Language.GERMAN,
    Language.ITALIAN,
    Language.DUTCH,
    Language.POLISH,
    Language.TURKISH,
    Language.RUSSIAN,
    Language.CHINESE,
)
#: Minimum number of letters and digits of a name of a common chemical. Shorter names are abbreviations, which have other meanings.
_MIN_CHARACTERS: Final = 4
_MIN_CHARACTERS_CHINESE: Final = 2


class Standing(StrEnum):
    """Conclusion from a common chemical's name: harmless, or only recognised."""

    BENIGN = "benign"  # on no list, and in benign_chemicals.csv
    KNOWN = "known"  # recognised, but not called harmless


def _language(row: Row, column: str) -> Language:
    language = row.one_of(column, Language)
    if language in (Language.TRADITIONAL, Language.PINYIN):
        raise ValueError(f"{column} is {language.value!r}, expected zh, from which it is derived")
    return language


def _underived_language(row: Row, column: str) -> Language:
    language = row.one_of(column, Language)
    if language in (Language.ENGLISH, Language.PINYIN):
        raise ValueError(
            f"{column} is {language.value!r}, expected one whose names are neither derived nor in another file"
        )
    return language


def _at_least_one(row: Row, column: str) -> tuple[str, ...]:
    return row.many(column) or (row.text(column),)


def _han(row: Row, column: str) -> str:
    return _checked_han(column, row.text(column))


def _checked_han(column: str, value: str) -> str:
    if not _HAN.fullmatch(value):
        raise ValueError(f"{column} is {value!r}, expected one Chinese character")
    return value


def _steps(row: Row, column: str) -> tuple[str, ...]:
    steps = tuple(row.text(column).split("+"))
    for step in steps:
        if not _STEP.fullmatch(step) or not (step.isdigit() or step in name_parts()):
            raise ValueError(f"{column} has {step!r}, expected parts of name_parts.csv or digits, joined by + signs")
    return steps


@dataclass(frozen=True, slots=True)
class NamePart:
    """Forms of one part of a name in one language.

    ``forms`` are alternatives, the usual one first. A form with a slot frames the rest of the name (``cloruro de {r}``).
    ``radical`` is the form in the radical slot of a frame (``propionilo``); empty if it equals ``forms``. ``source``
    and ``verified`` refer to the usual form; the alternatives are our own knowledge of the language.
    """

    part: str
    language: Annotated[Language, _language]
    forms: Annotated[tuple[str, ...], _at_least_one]
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
    language: Annotated[Language, _underived_language]
    names: Annotated[tuple[str, ...], _at_least_one]
    source: str
    verified: Verified


@dataclass(frozen=True, slots=True)
class HanCharacter:
    """A simplified character with its traditional forms, the usual one first, and its syllable with tone mark."""

    character: Annotated[str, _han]
    traditional: tuple[str, ...]
    syllable: str
    source: str
    verified: Verified


@dataclass(frozen=True, slots=True)
class Fragment:
    """The structure (SMILES) of a part, or of several consecutive parts; single digits are locants."""

    parts: Annotated[tuple[str, ...], _steps]
    role: Role
    smiles: str
    source: str
    verified: Verified


@dataclass(frozen=True, slots=True)
class ChemicalNames:
    """Names of one common chemical by language. ``chemical`` is its English name."""

    chemical: str
    standing: Standing
    names: Mapping[Language, tuple[str, ...]]
    source: str
    verified: Verified


def _check_slots(part: NamePart) -> None:
    slots = {len(_SLOTS.findall(form)) for form in part.forms}
    if slots not in ({0}, {1}):
        raise ValueError(f"forms is {'|'.join(part.forms)!r}, expected one slot in every form or in none")


@cache
def name_parts() -> MappingProxyType[str, MappingProxyType[Language, NamePart]]:
    """Return the forms of each part, by part and language; every part has English forms."""
    file = "name_parts.csv"
    rows = table(file, NamePart, lambda row: (row.part, row.language), _check_slots)
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
    rows = table(file, IrregularNames, lambda row: (row.substance, row.language))
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

    def check(row: HanCharacter) -> None:
        for form in row.traditional:
            _checked_han("traditional", form)
        plain = "".join(char for char in unicodedata.normalize("NFD", row.syllable) if not unicodedata.combining(char))
        if not (row.traditional and plain.isascii() and plain.isalpha() and plain.islower()):
            raise ValueError(f"syllable is {row.syllable!r}, expected lower-case Latin letters with a tone mark")

    rows = table(file, HanCharacter, lambda row: row.character, check)
    characters = {row.character: row for row in rows}
    chinese = [
        form for part in name_parts().values() if Language.CHINESE in part for form in part[Language.CHINESE].forms
    ]
    chinese += [name for row in irregular_names() if row.language is Language.CHINESE for name in row.names]
    for name in chinese:
        for character in _HAN.findall(name):
            if character not in characters:
                raise ReferenceDataError(file, None, f"lacks {character!r} of {name!r}, expected a row for it")
    return MappingProxyType(characters)


@cache
def fragments() -> tuple[Fragment, ...]:
    """Return the structures of parts. Their SMILES are not parsed here."""
    return table("name_fragments.csv", Fragment, lambda row: (row.parts, row.role))


def chemical_names() -> tuple[ChemicalNames, ...]:
    """Return the names of common chemicals in other languages. Not cached, because they are only used once, to build an index."""
    file = "chemical_names.csv"
    columns = ("chemical", "standing", *CHEMICAL_LANGUAGES, "source", "verified")
    rows = read(file, columns, _chemical_names, key=lambda row: row.chemical)
    benign, watched = {chemical.name for chemical in benign_chemicals()}, {row.name for row in substances()}
    for row in rows:
        if (row.chemical in benign) is not (row.standing is Standing.BENIGN) or row.chemical in watched:
            reason = (
                f"{row.chemical} is {row.standing}, expected benign for rows of benign_chemicals.csv, known for others,"
                " and no row of substances.csv"
            )
            raise ReferenceDataError(file, None, reason)
    return rows


def _chemical_names(row: Row) -> ChemicalNames:
    names = {language: values for language in CHEMICAL_LANGUAGES if (values := row.many(language))}
    for language, values in names.items():
        shortest = _MIN_CHARACTERS_CHINESE if language is Language.CHINESE else _MIN_CHARACTERS
        for name in values:
            if sum(map(str.isalnum, name)) < shortest:
                raise ValueError(f"{language} is {name!r}, expected at least {shortest} letters")
    return ChemicalNames(
        row.text("chemical"),
        row.one_of("standing", Standing),
        names,
        row.text("source"),
        row.one_of("verified", Verified),
    )
