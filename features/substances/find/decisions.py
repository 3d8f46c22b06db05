"""Decision whether a match is a hit or a mention, and order of importance of matches."""

from __future__ import annotations

from dataclasses import replace

from features.substances.context import Surroundings
from features.substances.find.names import Found
from features.substances.match import BENIGN, CONTROLLED, READ_IN_CONTEXT, WATCHED, Match


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
