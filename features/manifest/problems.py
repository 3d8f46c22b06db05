"""What is wrong with a record: said of a field, or so that the whole record is refused."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with which field, in words that say what would be right."""

    field: str
    problem: str

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}"


class Refused(ValueError):
    """The record cannot be read at all. ``problems`` says why, field by field."""

    def __init__(self, problems: list[Problem], shipment_id: str | None = None) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems
        self.shipment_id = shipment_id
