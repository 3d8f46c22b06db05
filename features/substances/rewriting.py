"""Texts with replaced pieces, and texts that are decoded.

The positions of the pieces are kept, so that a match can be shown as it was declared. Software that passes descriptions on
sometimes leaves codes for transport in them: base64, hexadecimal bytes, percent and backslash escapes. They are decoded, so that
the search for names reads the decoded text.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

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


# Shorter pieces contain no name.
_BASE64: Final = re.compile(r"(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/_-]{10,400}={0,2}(?![A-Za-z0-9+/=_-])")
_CHANGE: Final = re.compile(r"[a-z][A-Z]")
_HEX_BYTE: Final = "[2-7][0-9A-Fa-f]"
_HEX: Final = re.compile(
    rf"(?<![0-9A-Za-z])(?:(?:0x)?{_HEX_BYTE}(?:{_HEX_BYTE}){{5,200}}|{_HEX_BYTE}(?:[ :,.-](?:0x)?{_HEX_BYTE}){{5,200}})"
    "(?![0-9A-Za-z])"
)
_PAIR: Final = re.compile(r"(?:0x)?([2-7][0-9A-Fa-f])")
_ESCAPES: Final = re.compile(
    r"(?:%[0-9A-Fa-f]{2})+|(?:=[2-7A-F][0-9A-Fa-f])+|(?:\\x[0-9A-Fa-f]{2})+|\\u\{?([0-9A-Fa-f]{4})\}?"
    r"|((?:[Uu]\+[0-9A-Fa-f]{4}(?:[ ](?=[Uu]\+))?)+)"
)
_POINT: Final = re.compile(r"\+([0-9A-Fa-f]{4})")
_BYTE: Final = re.compile(r"[0-9A-Fa-f]{2}")
_WORD: Final = re.compile(r"[^\W\d_]{3}|\d{2,7}-\d\d-\d|[\u3040-\u9fff\uac00-\ud7a3]{2}")
_HOW: Final = "Decoded from {}."


def decoded(text: str) -> Rewriting | None:
    """Return the text with its encoded pieces decoded; None if no piece decodes to words."""
    replaced: list[tuple[int, int, str]] = []
    code = ""
    if "%" in text or "\\" in text or "=" in text or "+" in text:
        for match in _ESCAPES.finditer(text):
            plain = _of_escape(match)
            if plain is not None:
                replaced.append((*match.span(), plain))
                code = "escape codes"
    if not replaced:
        for match in _HEX.finditer(text):
            plain = _text_of(bytes(int(pair, 16) for pair in _PAIR.findall(match[0].removeprefix("0x"))))
            if plain is not None:
                replaced.append((*match.span(), plain))
                code = "hexadecimal bytes"
        for match in _BASE64.finditer(text):
            plain = _of_base64(match[0])
            if plain is not None and not any(start < match.end() and match.start() < end for start, end, _ in replaced):
                replaced.append((*match.span(), plain))
                code = "base64"
    if not replaced:
        return None
    return rewritten(text, sorted(replaced), "misspelt", _HOW.format(code), 0.9)


def _of_escape(match: re.Match[str]) -> str | None:
    points = [match[1]] if match[1] is not None else _POINT.findall(match[2] or "")
    if points:
        chars = "".join(chr(int(point, 16)) for point in points)
        return chars if chars.isprintable() else None
    try:
        plain = bytes(int(pair, 16) for pair in _BYTE.findall(match[0])).decode("utf-8")
    except UnicodeDecodeError:
        return None
    return plain if plain.isprintable() else None


def _of_base64(piece: str) -> str | None:
    """Return the decoded piece; None for an ordinary word or number, or if the result is not printable text."""
    bare = piece.rstrip("=")
    if not (piece.endswith("=") or len(_CHANGE.findall(bare)) > 1):
        return None
    try:
        plain = base64.b64decode(bare.translate({45: "+", 95: "/"}) + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return _text_of(plain)


def _text_of(plain: bytes) -> str | None:
    try:
        text = plain.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() and _WORD.search(text) is not None else None
