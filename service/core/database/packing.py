"""Compression of JSON in the store, with the words that most texts of a kind have.

A packed text is a byte with the number of its words, and a raw deflate stream (RFC 1951) that refers to them. Texts of earlier
versions are stored as they are; JSON begins with another byte. The words of a stored text are needed for ever: a file of ``words/``
never changes, and better ones are a further file. The files have names of fields, common values of manifests of the simulator, and
texts of reasons. The audit chain proves the unpacked texts.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, get_args

from sqlalchemy import LargeBinary

Kind = Literal["manifest", "answer", "facts"]

#: Number of the words that new texts are packed with.
_NUMBER: Final = 1
_KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
_FOLDER: Final = Path(__file__).with_name("words")
#: Higher levels take twice the time for 2 % fewer bytes.
_LEVEL: Final = 6


@cache
def _words() -> dict[tuple[Kind, bytes], bytes]:
    """Return all words by their kind and first byte."""
    return {
        (kind, number.to_bytes(1, "big")): (_FOLDER / f"{kind}-{number}.txt").read_bytes()
        for kind in _KINDS
        for number in range(1, _NUMBER + 1)
    }


@cache
def _packers() -> dict[Kind, Any]:
    """Return a packer of each kind that has read the words already, which takes longer than to pack a text."""
    settings = (_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_DEFAULT_STRATEGY)
    return {kind: zlib.compressobj(*settings, _words()[kind, bytes([_NUMBER])]) for kind in _KINDS}


def pack(text: bytes, kind: Kind) -> bytes:
    """Return a JSON text as it is stored."""
    packer = _packers()[kind].copy()
    return b"".join((bytes([_NUMBER]), packer.compress(text), packer.flush()))


def unpack(stored: bytes, kind: Kind) -> bytes:
    """Return a stored text. A text that someone has damaged is returned as it is, so that the audit chain shows it."""
    words = _words().get((kind, stored[:1]))
    if words is None:
        return stored
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS, zdict=words).decompress(stored[1:])
    except zlib.error:
        return stored


class Packed(LargeBinary):
    """Column of JSON texts that are stored packed."""

    cache_ok = True

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self.kind: Kind = kind

    def bind_processor(self, dialect: Any) -> Callable[[bytes | None], Any]:
        """Return the function that packs a text."""
        return lambda value: None if value is None else pack(value, self.kind)

    def result_processor(self, dialect: Any, coltype: object) -> Callable[[Any], bytes | None]:
        """Return the function that unpacks a text."""
        return lambda value: None if value is None else unpack(bytes(value), self.kind)
