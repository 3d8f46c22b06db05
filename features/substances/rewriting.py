"""Texts with replaced pieces. The positions of the pieces are kept, so that a match can be shown as it was declared."""

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
        pieces: start and end of each replaced piece in the new text, then in the old text.
        kind: kind of a match that uses a replaced piece.
        how: how the pieces were read, as a sentence.
        confidence: 0..1, the certainty of the reading.
        whole_pieces: whether to ignore a name that is only a part of a replaced piece.
    """

    text: str
    declared: str
    pieces: tuple[tuple[int, int, int, int], ...]
    kind: Kind
    how: str
    confidence: float
    whole_pieces: bool = False

    def shown(self, match: Match) -> Match | None:
        """Return a match in the new text as a match in the old text.

        Return None if the match uses no replaced piece or, with ``whole_pieces``, only a part of one.
        """
        at = self.text.lower().find(match.matched_text.lower())
        start, end = (at, at + len(match.matched_text)) if at >= 0 else (0, len(self.text))
        used = [piece for piece in self.pieces if piece[0] < end and start < piece[1]]
        if not used or (self.whole_pieces and any(piece[0] < start or end < piece[1] for piece in used)):
            return None
        declared = self.declared[self._old_position(start) : self._old_position(end, end=True)]
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

    def _old_position(self, at: int, *, end: bool = False) -> int:
        """Return the position in the old text of a position in the new text; within a replaced piece its start, or its end."""
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
    whole_pieces: bool = False,
) -> Rewriting:
    """Return a text with replaced pieces. ``replaced`` are (start, end, new text), in order and without overlap."""
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
    return Rewriting("".join(parts), text, tuple(pieces), kind, how, confidence, whole_pieces)
