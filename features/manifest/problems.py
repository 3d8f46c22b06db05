"""Problems of a record: of one field, or of a record that is refused."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """A field's problem, in words that state the remedy."""

    field: str
    problem: str

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}"


class Refused(ValueError):
    """A record that cannot be read at all. ``problems`` contains the reasons, field by field."""

    def __init__(self, problems: list[Problem], shipment_id: str | None = None) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems
        self.shipment_id = shipment_id
