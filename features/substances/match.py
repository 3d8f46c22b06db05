"""What a text was found to declare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["exact", "identifier", "systematic", "translated", "misspelt", "class", "mention", "similar"]

#: All kinds, from the strongest evidence to the weakest.
KINDS: Final[tuple[Kind, ...]] = (
    "exact",
    "identifier",
    "systematic",
    "translated",
    "misspelt",
    "class",
    "mention",
    "similar",
)

#: Group of a common chemical that is not watched.
BENIGN: Final = "benign"
#: Groups whose declaration is a hit: evidence of illicit content.
WATCHED: Final = frozenset({"fentanyl", "nitazene", "other_opioid", "precursor"})


@dataclass(frozen=True, slots=True)
class ClassMatch:
    """A class-wide legal definition and how far a structure answers to it (`meets_definition`, not yet the law's result).

    Attributes:
        definition: identifier of its row in ``class_definitions.csv``.
        jurisdiction: whose law.
        listing: name of the row in ``control_listings.csv`` that puts the class under control.
        result: ``met``, or ``possible`` where an open-ended wording may or may not cover it.
        limbs: the limbs by which the structure differs from the parent, ``parent`` for the parent itself.
    """

    definition: str
    jurisdiction: str
    listing: str
    result: Literal["met", "possible"]
    limbs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """A substance found in a text.

    Attributes:
        kind: ``exact`` by name, synonym or abbreviation; ``identifier`` by CAS number, SMILES, InChI or InChIKey;
            ``systematic`` by a systematic name; ``translated`` by a name in another language; ``misspelt`` by a name with
            typing errors; ``class`` by a structure that is on no list but meets a class-wide definition; ``mention`` where
            the text names the substance without declaring it; ``similar`` where a structure only resembles a listed one.
        substance: name of the reference row; of a substance without one, its declared name.
        group: its group, or ``benign``.
        matched_text: the piece of the declared text that was recognised.
        cas: CAS number, empty where not known.
        inchikey: InChIKey, empty where not known.
        hit: whether a watched substance is declared; never for a mention or a similar structure.
        ambiguous: an abbreviation with other meanings, or a name inside a longer one.
        confidence: 0..1, how surely the text means this substance; not a probability of illicit content.
        context: what the words around it say (``test``, ``publication``, ``denied``, ``permit`` ...), empty where nothing.
        smiles: structure without salt and water, canonical; empty where not known.
        classes: the class-wide definitions that the structure meets or may meet.
        nearest: the listed substance whose structure is most like it, and ``similarity`` (Tanimoto, 0..1) to that;
            empty and ``None`` where no structure is known or the substance itself is listed.
        evidence: how it was recognised, in plain sentences.
    """

    kind: Kind
    substance: str
    group: str
    matched_text: str
    cas: str
    inchikey: str
    hit: bool
    ambiguous: bool = False
    confidence: float = 1.0
    context: str = ""
    smiles: str = ""
    classes: tuple[ClassMatch, ...] = ()
    nearest: str = ""
    similarity: float | None = None
    evidence: tuple[str, ...] = ()

    def __hash__(self) -> int:
        # Of the many fields these tell nearly all matches apart.
        return hash((self.substance, self.matched_text, self.kind))
