"""Whether a match is a hit or a mention, and which of several matches matters most."""

from __future__ import annotations

from dataclasses import replace

from features.substances.context import Surroundings
from features.substances.find.names import Found
from features.substances.match import BENIGN, WATCHED, Match


def in_context(match: Match, around: Surroundings, start: int, end: int) -> Match:
    """Return the match adjusted for its context."""
    context, mention = around.context(start, end) if match.group in WATCHED else ("", False)
    return decided(match, context, mention=mention)


def said(match: Match, found: Found) -> Match:
    """Return the match of a name with its context."""
    return decided(
        replace(match, ambiguous=found.ambiguous, confidence=min(match.confidence, found.confidence)),
        found.context,
        mention=found.mention,
    )


def decided(match: Match, context: str, *, mention: bool = False) -> Match:
    """Return the match with its decision: a hit is a watched substance that is declared and not only mentioned."""
    watched = match.group in WATCHED and match.kind != "similar"
    if watched and mention:
        return replace(match, kind="mention", context=context)
    return replace(match, hit=watched, context=context)


def weight(match: Match) -> tuple[int, bool, bool, float]:
    """Return the sort key of importance: a hit, then a mention, then another listed substance, then a similar one."""
    if match.hit:
        rank = 4
    elif match.kind == "mention":
        rank = 3
    elif match.group == BENIGN or match.kind == "street":
        rank = 0
    else:
        rank = 1 if match.kind == "similar" else 2
    return rank, not match.ambiguous, match.kind != "misspelt", match.confidence
