"""The substance found in a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["exact", "identifier", "systematic", "translated", "misspelt", "class", "mention", "similar", "street"]

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
    "street",
)

#: Group of a common chemical that is not watched.
BENIGN: Final = "benign"
#: Group of substances that are mixed with drugs. Evidence, never a hit.
ADULTERANT: Final = "adulterant"
#: Drugs under control that are mixed with opioids. Other writings of their names are searched for like those of adulterants.
MIXED_DRUGS: Final = frozenset({"Bromazolam", "Clonazolam", "Etizolam", "Flualprazolam", "Flubromazolam"})
#: Groups whose declaration is a hit: evidence of illicit content.
WATCHED: Final = frozenset({"fentanyl", "nitazene", "other_opioid", "precursor"})
#: Group of substances under control that are not watched.
CONTROLLED: Final = "other_controlled"
#: Groups for which the words around a name decide whether the text declares the substance or only mentions it.
READ_IN_CONTEXT: Final = WATCHED | {CONTROLLED}


@dataclass(frozen=True, slots=True)
class ClassMatch:
    """A class definition whose wording a structure meets or may meet. The law may still exempt the substance.

    Attributes:
        definition: identifier of its row in ``class_definitions.csv``.
        jurisdiction: its jurisdiction.
        listing: name of the row in ``control_listings.csv`` that puts the class under control.
        result: ``met``, or ``possible`` if an open-ended wording may cover it.
        limbs: the limbs by which the structure differs from the parent; ``parent`` for the parent itself.
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
            ``systematic`` by a systematic name; ``translated`` by a name in another language; ``misspelt`` by a name
            with typing errors; ``class`` by a structure that is on no list but meets a class definition; ``mention`` if
            the text names a watched or controlled substance without declaring it; ``similar`` if a structure only
            resembles a listed one; ``street`` by a street or advertising name, which names no substance for certain.
        substance: name of the reference row, or the declared name of a substance without a row.
        group: its group, or ``benign``.
        matched_text: the recognised piece of the declared text.
        cas: CAS number, empty if unknown.
        inchikey: InChIKey, empty if unknown.
        hit: whether a watched substance is declared; never for a mention, a similar structure or a street name.
        ambiguous: whether it is an abbreviation with other meanings, or a name inside a longer one.
        confidence: 0..1, the certainty that the text means this substance; not a probability of illicit content.
        context: the meaning of the surrounding words (``test``, ``publication``, ``denied``, ``permit`` ...); empty
            without such words.
        smiles: canonical structure without salt and water; empty if unknown.
        classes: the class definitions that the structure meets or may meet.
        nearest: the watched substance with the most similar structure; empty if no structure is known, or if the substance
            is listed or harmless.
        similarity: Tanimoto similarity to ``nearest``, 0..1; None if ``nearest`` is empty.
        evidence: how the substance was recognised, in plain sentences.
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

    @property
    def mixed(self) -> bool:
        """True if the text declares a substance that is mixed with opioids: an adulterant, or one of `MIXED_DRUGS`."""
        return self.group == ADULTERANT or (self.substance in MIXED_DRUGS and self.kind != "mention")

    def __hash__(self) -> int:
        # These few fields distinguish nearly all matches.
        return hash((self.substance, self.matched_text, self.kind))
