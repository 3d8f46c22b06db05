"""Text that is written in a code for transport: base64, hexadecimal bytes, percent and backslash escapes.

Software that passes descriptions on sometimes leaves such codes in them. This module decodes them, so that the search for names
reads the decoded text.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from features.substances.rewriting import Rewriting, rewritten

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
