"""Names of common chemicals in other languages.

`chemical_names.csv` names the chemicals of `benign_chemicals.csv`. It also names some chemicals that are recognised but not
called harmless: solvents and acids that the conventions list for other drugs, medicines whose structure has a part that is
typical of controlled substances, and mixtures and materials named by their use (dyes, inks, adhesives, surfactants).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from features.reference.errors import ReferenceDataError
from features.reference.reading import Row, read
from features.reference.rows import Verified
from features.reference.tables import benign_chemicals, substances
from features.reference.translations import Language

_FILE: Final = "chemical_names.csv"
#: Languages of the columns of names. English names are those that `benign_chemicals.csv` does not contain.
LANGUAGES: Final = (
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
#: Minimum number of letters and digits of a name. Shorter names are abbreviations, which have other meanings.
_MIN_CHARACTERS: Final = 4
_MIN_CHARACTERS_CHINESE: Final = 2


class Standing(StrEnum):
    """Conclusion from a chemical's name: harmless, or only recognised."""

    BENIGN = "benign"  # on no list, and in benign_chemicals.csv
    KNOWN = "known"  # recognised, but not called harmless


@dataclass(frozen=True, slots=True)
class ChemicalNames:
    """Names of one chemical by language. ``chemical`` is its English name."""

    chemical: str
    standing: Standing
    names: Mapping[Language, tuple[str, ...]]
    source: str
    verified: Verified


def chemical_names() -> tuple[ChemicalNames, ...]:
    """Return the names of common chemicals in other languages. Not cached, because they are only used once, to build an index.

    Raises:
        ReferenceDataError: the file is invalid; the message names file, row and reason.
    """
    columns = ("chemical", "standing", *LANGUAGES, "source", "verified")
    rows = read(_FILE, columns, _build, key=lambda row: row.chemical)
    benign, watched = {chemical.name for chemical in benign_chemicals()}, {row.name for row in substances()}
    for row in rows:
        if (row.chemical in benign) is not (row.standing is Standing.BENIGN) or row.chemical in watched:
            reason = (
                f"{row.chemical} is {row.standing}, expected benign for rows of benign_chemicals.csv, known for others,"
                " and no row of substances.csv"
            )
            raise ReferenceDataError(_FILE, None, reason)
    return rows


def _build(row: Row) -> ChemicalNames:
    names = {language: values for language in LANGUAGES if (values := row.many(language))}
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
