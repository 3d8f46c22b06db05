"""Random names of requests and decisions."""

from __future__ import annotations

import os


def new_id() -> str:
    """A random UUID (version 4) as text."""
    return new_ids(1)[0]


def new_ids(count: int) -> list[str]:
    """``count`` random UUIDs (version 4) as texts, as `uuid.uuid4` makes them, from one request to the system."""
    digits = os.urandom(16 * count).hex()
    made = []
    for at in range(0, 32 * count, 32):
        text = digits[at : at + 32]
        # RFC 9562: the version stands in the 13th digit, the variant in the two highest bits of the 17th.
        variant = "89ab"[int(text[16], 16) & 3]
        made.append(f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{variant}{text[17:20]}-{text[20:]}")
    return made
