"""Selection of an erasure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Selection:
    """Selection to erase: everything received before a time, or one shipment, or one decision.

    Attributes:
        before: time in microseconds since 1970.
    """

    before: int | None = None
    shipment_id: str | None = None
    decision_id: str | None = None
