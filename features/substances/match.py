"""What a text was found to declare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["exact", "identifier", "class", "mention"]

#: Group of a common chemical that is not watched.
BENIGN: Final = "benign"
#: Groups whose declaration is a hit: evidence of illicit content.
WATCHED: Final = frozenset({"fentanyl", "nitazene", "other_opioid", "precursor"})


@dataclass(frozen=True, slots=True)
class Match:
    """A substance found in a text.

    Attributes:
        kind: ``exact`` by name, synonym or abbreviation; ``identifier`` by CAS number, InChIKey or systematic name;
            ``mention`` where the text names the substance without declaring it. ``class`` is not given yet.
        substance: name of the reference row.
        group: its group, or ``benign``.
        matched_text: the piece of the declared text that was recognised.
        cas: CAS number, empty where not known.
        inchikey: InChIKey, empty where not known.
        hit: whether a watched substance is declared; never for a mention.
        ambiguous: an abbreviation with other meanings, or a name inside a longer one.
    """

    kind: Kind
    substance: str
    group: str
    matched_text: str
    cas: str
    inchikey: str
    hit: bool
    ambiguous: bool = False
