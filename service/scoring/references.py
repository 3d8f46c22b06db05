"""References of shipments in the form of columns. Answers and manifests keep the declared form."""

from __future__ import annotations

import hashlib
from typing import Final

#: Longest unchanged reference, in characters of up to four bytes. An entry of PostgreSQL's indexes has at most 2,704 bytes.
LONGEST: Final = 500
_PREFIX_LENGTH: Final = 400
#: PostgreSQL accepts no NUL character in texts.
NUL: Final = "\0"
REPLACED: Final = "\N{REPLACEMENT CHARACTER}"


def reference_of(shipment_id: str) -> str:
    """Return the form of a ``shipment_id`` in columns and searches. A long one is cut, and its SHA-256 appended."""
    plain = shipment_id.replace(NUL, REPLACED)
    if len(plain) <= LONGEST:
        return plain
    return f"{plain[:_PREFIX_LENGTH]} {hashlib.sha256(shipment_id.encode()).hexdigest()}"
