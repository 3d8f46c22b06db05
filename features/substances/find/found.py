"""A name of a substance found in a text, and the decision whether it is a hit or a mention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from features.reference import Substance
from features.substances.context import Surroundings
from features.substances.match import BENIGN, CONTROLLED, READ_IN_CONTEXT, WATCHED, Kind, Match

#: Groups whose members are watched even inside a longer name.
FAMILIES: Final = frozenset({"fentanyl", "nitazene"})
#: Kinds of names that are complete: with more words around them they name another substance.
SYSTEMATIC: Final = frozenset({"identifier", "systematic"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One written form of one substance.

    Attributes:
        substance, group, cas, inchikey: as in `Match`.
        kind: the kind of match that this name gives.
        abbreviation: whether it is an abbreviation with other meanings, which counts only next to chemical words.
        language: language of a translated name (BCP 47; ``zh-Latn`` is pinyin), otherwise empty.
    """

    substance: str
    group: str
    cas: str
    inchikey: str
    kind: Kind
    abbreviation: bool = False
    language: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """The name of an entry in a text.

    Attributes:
        start, end: position in the spelled text.
        context, mention: as returned by `Surroundings.context`.
        ambiguous: whether it is an abbreviation, or a name inside a longer one.
        confidence: 0..1, the certainty that the text means the substance.
        distance: number of typing errors (letters inserted, deleted, replaced or transposed).
        disguised: whether digits or signs stand for letters.
    """

    entry: Entry
    start: int
    end: int
    context: str = ""
    mention: bool = False
    ambiguous: bool = False
    confidence: float = 1.0
    distance: int = 0
    disguised: bool = False

    @property
    def hit(self) -> bool:
        return self.entry.group in WATCHED and not self.mention

    @property
    def rank(self) -> tuple[int, bool, bool, bool, int, int, int]:
        """Sort key of importance: hits, then mentions, then other substances that are not benign.

        Certain names rank first, then drugs under control (above what they are mixed with), then long names.
        """
        group = self.entry.group
        watched_mention = self.mention and group in WATCHED
        importance = 3 if self.hit else 2 if watched_mention else 1 if group != BENIGN and not self.mention else 0
        identifier = self.entry.kind == "identifier"
        length, drug = self.end - self.start, group == CONTROLLED
        return importance, not self.ambiguous, drug, identifier, -self.distance, length, -self.start


def entry_of(row: Substance, kind: Kind, language: str = "") -> Entry:
    """Return the entry of a name of a row of the substance table."""
    return Entry(row.name, row.group.value, row.cas, row.inchikey, kind, language=language)


def decide_in_context(match: Match, around: Surroundings, start: int, end: int) -> Match:
    """Return a match with its decision, which depends on the words around its position in the text."""
    context, mention = around.context_of(match.group, start, end)
    return decide(match, context, mention=mention)


def decide_name(match: Match, found: Found) -> Match:
    """Return the match of a found name with its decision. Ambiguity and context are those of the name in the text."""
    return decide(
        replace(match, ambiguous=found.ambiguous, confidence=min(match.confidence, found.confidence)),
        found.context,
        mention=found.mention,
    )


def decide(match: Match, context: str, *, mention: bool = False) -> Match:
    """Return a match with its decision. A watched substance is a hit, unless the text only mentions it."""
    watched = match.group in WATCHED and match.kind != "similar"
    if mention and match.group in READ_IN_CONTEXT and match.kind != "similar":
        return replace(match, kind="mention", context=context)
    return replace(match, hit=watched, context=context)


def importance(match: Match) -> tuple[int, bool, bool, bool, float]:
    """Return a sort key: hits rank above mentions of watched substances, then other listed ones and similar structures.

    Drugs under control rank above what they are mixed with.
    """
    if match.hit:
        rank = 4
    elif match.kind == "mention" and match.group in WATCHED:
        rank = 3
    elif match.group == BENIGN or match.kind in ("street", "mention"):
        rank = 0
    else:
        rank = 1 if match.kind == "similar" else 2
    return rank, not match.ambiguous, match.group == CONTROLLED, match.kind != "misspelt", match.confidence


def merged(known: Sequence[Found], misspelt: Sequence[Found]) -> list[Found]:
    """Return all names, without those that are only part of a longer misspelt name (fentanyl in acetil fentanyl)."""
    remaining = [
        item for item in known if not any(other.start <= item.start and item.end <= other.end for other in misspelt)
    ]
    return [*remaining, *misspelt]
