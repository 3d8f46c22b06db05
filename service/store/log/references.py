"""References of shipments as columns hold them. Answers and manifests keep what was declared."""

from __future__ import annotations

import hashlib
from typing import Final

#: Longest reference that is kept as it is. An entry of PostgreSQL's indexes has at most 2,704 bytes, and a character up to four.
LONGEST: Final = 500
_KEPT: Final = 400
#: PostgreSQL keeps no character 0 in texts.
NUL: Final = "\0"
REPLACED: Final = "\N{REPLACEMENT CHARACTER}"


def reference_of(shipment_id: str) -> str:
    """Return what columns hold, and are searched for, of a ``shipment_id``: of a long one the beginning and its SHA-256."""
    kept = shipment_id.replace(NUL, REPLACED)
    if len(kept) <= LONGEST:
        return kept
    return f"{kept[:_KEPT]} {hashlib.sha256(shipment_id.encode()).hexdigest()}"
