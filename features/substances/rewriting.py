"""Texts with replaced pieces, whose positions are kept, so that a match in the new text can be shown as it was declared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from features.substances.match import Kind, Match


@dataclass(frozen=True, slots=True)
class Rewriting:
    """A text with replaced pieces.

    Attributes:
        text: the new text.
        declared: the old text.
        pieces: start and end of a replaced piece in the new text, and in the old one.
        kind: kind of a match that was found by the replaced pieces.
        how: how they were read, as a sentence.
        confidence: 0..1, the certainty of the reading.
        whole: whether to ignore a name that is only a part of a replaced piece.
    """

    text: str
    declared: str
    pieces: tuple[tuple[int, int, int, int], ...]
    kind: Kind
    how: str
    confidence: float
    whole: bool = False

    def shown(self, match: Match) -> Match | None:
        """Return a match in the new text as one in the old text; None if it uses no replaced piece."""
        at = self.text.lower().find(match.matched_text.lower())
        start, end = (at, at + len(match.matched_text)) if at >= 0 else (0, len(self.text))
        used = [piece for piece in self.pieces if piece[0] < end and start < piece[1]]
        if not used or (self.whole and any(piece[0] < start or end < piece[1] for piece in used)):
            return None
        declared = self.declared[self._before(start) : self._before(end, end=True)]
        kind = (
            self.kind if match.kind in ("exact", "translated", "misspelt", "systematic", "identifier") else match.kind
        )
        return replace(
            match,
            kind=kind,
            matched_text=declared,
            confidence=round(min(match.confidence, self.confidence), 4),
            evidence=(self.how, *match.evidence),
        )

    def _before(self, at: int, *, end: bool = False) -> int:
        """Return the position in the old text of a position in the new one; inside a replaced piece its nearer bound."""
        moved = 0
        for begin, stop, old_begin, old_stop in self.pieces:
            if at >= stop:
                moved = old_stop - stop
            elif at > begin:
                return old_stop if end else old_begin
        return max(0, at + moved)


def rewritten(
    text: str,
    replaced: Iterable[tuple[int, int, str]],
    kind: Kind,
    how: str,
    confidence: float,
    *,
    whole: bool = False,
) -> Rewriting:
    """Return a text with pieces (start, end, new text), in order and without overlap, replaced."""
    parts: list[str] = []
    pieces: list[tuple[int, int, int, int]] = []
    at = size = 0
    for start, end, new in replaced:
        parts += (text[at:start], new)
        size += start - at
        pieces.append((size, size + len(new), start, end))
        size += len(new)
        at = end
    parts.append(text[at:])
    return Rewriting("".join(parts), text, tuple(pieces), kind, how, confidence, whole)
