"""A text becomes a substance, with the law that controls it.

This is the only public module of the package, with `features.substances.rows` for whole tables, which needs NumPy.

- `Substances` finds the substance that a text names, as a `Match`.
- `status` and `law_on` return the law on a match in a place on a day.
- `opsin` reads systematic names in a process of its own: configure, start and close it here.
"""

from __future__ import annotations

from features.substances.coverage import LawOn, Obligation, law_on, listed, listed_in_place, obligations
from features.substances.find.index import Substances
from features.substances.find.numbers import cas_numbers_in
from features.substances.law import ClassControl, LegalStatus, applies, era, eu_members, listings, months, status
from features.substances.match import ADULTERANT, BENIGN, CONTROLLED, KINDS, WATCHED, ClassMatch, Kind, Match
from features.substances.read.opsin import opsin
from features.substances.read.spotting import draw, read_structures, structures_in, systematic_names
from features.substances.read.translations import translated_names

__all__ = [
    "ADULTERANT",
    "BENIGN",
    "CONTROLLED",
    "KINDS",
    "WATCHED",
    "ClassControl",
    "ClassMatch",
    "Kind",
    "LawOn",
    "LegalStatus",
    "Match",
    "Obligation",
    "Substances",
    "applies",
    "cas_numbers_in",
    "draw",
    "era",
    "eu_members",
    "law_on",
    "listed",
    "listed_in_place",
    "listings",
    "months",
    "obligations",
    "opsin",
    "read_structures",
    "status",
    "structures_in",
    "systematic_names",
    "translated_names",
]
