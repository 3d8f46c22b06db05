"""64 bits of BLAKE2b (RFC 7693) of short texts.

`hashlib` gives the same hash, but an object of its own for each text costs more than hashing a name. One block of the algorithm,
128 bytes, holds nearly every text; what is longer goes to `hashlib`, and without a compiler everything does.
"""

from __future__ import annotations

from hashlib import blake2b
from struct import Struct

import cython
import numpy as np

_INT64 = Struct("<q")
_BLOCK = 128
#: Order of the words of a block in each of twelve rounds (section 2.7).
_ORDER = bytes(
    int(place, 16)
    for place in (
        "0123456789abcdef" "ea489fd61c02b753" "b8c052fdae367194" "7931dcbe265a40f8" "905724afe1bc683d" "2c6a0b834d75fe19"
        "c51fed4a0763928b" "db7ec13950f4862a" "6fe9b308c2d714a5" "a2847615fb9e3cd0" "0123456789abcdef" "ea489fd61c02b753"
    )
)  # fmt: skip
#: The beginning of a state (section 2.6), of which the first word also holds the length of the hash, 8 bytes.
_FIRST = np.array(
    [
        0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1,
        0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179,
    ],
    dtype=np.uint64,
)  # fmt: skip
_PARAMETERS = 0x01010008
#: The words of the block at hand and of the state. Whoever uses them holds the interpreter's lock.
_WORDS = np.zeros(16, dtype=np.uint64)
_STATE = np.zeros(16, dtype=np.uint64)


def hashed(text: str) -> int:
    """The hash of a text in UTF-8 as a signed number; 0 of an empty text."""
    if not cython.compiled or len(text) > _BLOCK or not text.isascii():
        return _of_bytes(text.encode())
    size = 0
    _clear()
    for char in text:
        _add(size, ord(char))
        size += 1
    return _finished(size)


def hashed_letters(text: str) -> int:
    """The hash of the letters, in lower case, and digits of a text in ASCII; 0 where it has none."""
    if not cython.compiled or len(text) > _BLOCK:
        return _of_bytes("".join([char for char in text.lower() if char.isalnum()]).encode())
    size = 0
    _clear()
    for char in text:
        if "a" <= char <= "z" or "0" <= char <= "9":
            _add(size, ord(char))
            size += 1
        elif "A" <= char <= "Z":
            _add(size, ord(char) + 32)
            size += 1
    return _finished(size)


def hashed_digits(text: str, least: int) -> int:
    """The hash of the digits from 0 to 9 in a text, without zeros before them.

    0 where fewer than ``least`` are left, or where all are alike.
    """
    if not cython.compiled or len(text) > _BLOCK:
        digits = "".join([char for char in text if "0" <= char <= "9"]).lstrip("0")
        # Of one digit alone nothing is left once it is stripped.
        return _of_bytes(digits.encode()) if len(digits) >= least and digits.strip(digits[0]) else 0
    size = first = 0
    differ = False
    _clear()
    for char in text:
        if "0" <= char <= "9" and (size > 0 or char != "0"):
            _add(size, ord(char))
            size += 1
            if size == 1:
                first = ord(char)
            elif ord(char) != first:
                differ = True
    return _finished(size) if size >= least and differ else 0


def _of_bytes(data: bytes) -> int:
    number: int = _INT64.unpack(blake2b(data, digest_size=8).digest())[0] if data else 0
    return number


def _clear() -> None:
    for k in range(16):
        _WORDS[k] = 0


def _add(place: int, code: int) -> None:
    _WORDS[place >> 3] |= cython.cast(cython.ulonglong, code) << (8 * (place & 7))


def _finished(size: int) -> int:
    """The hash of a block of ``size`` bytes, the only one of its message (section 3.2)."""
    if size == 0:
        return 0
    for k in range(8):
        _STATE[k] = _FIRST[k]
        _STATE[k + 8] = _FIRST[k]
    _STATE[0] ^= _PARAMETERS
    _STATE[12] ^= size
    _STATE[14] = ~_STATE[14]
    for at in range(0, 192, 16):
        _mix(0, 4, 8, 12, at)
        _mix(1, 5, 9, 13, at + 2)
        _mix(2, 6, 10, 14, at + 4)
        _mix(3, 7, 11, 15, at + 6)
        _mix(0, 5, 10, 15, at + 8)
        _mix(1, 6, 11, 12, at + 10)
        _mix(2, 7, 8, 13, at + 12)
        _mix(3, 4, 9, 14, at + 14)
    number: int = cython.cast(cython.longlong, _FIRST[0] ^ _PARAMETERS ^ _STATE[0] ^ _STATE[8])
    return number


def _mix(a: int, b: int, c: int, d: int, at: int) -> None:
    """Mix the two words of the block that come next in the order into four words of the state (section 3.1)."""
    order = _ORDER
    va, vb, vc, vd = _STATE[a], _STATE[b], _STATE[c], _STATE[d]
    va += vb + _WORDS[order[at]]
    vd ^= va
    vd = vd >> 32 | vd << 32
    vc += vd
    vb ^= vc
    vb = vb >> 24 | vb << 40
    va += vb + _WORDS[order[at + 1]]
    vd ^= va
    vd = vd >> 16 | vd << 48
    vc += vd
    vb ^= vc
    vb = vb >> 63 | vb << 1
    _STATE[a], _STATE[b], _STATE[c], _STATE[d] = va, vb, vc, vd
