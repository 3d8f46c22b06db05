"""Problems of fields, and refusals of records."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """Problem of a field, with a text that says what is wrong and how the value is treated."""

    field: str
    problem: str

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}"


class Refused(ValueError):
    """Error for an unreadable record. ``problems`` contains the reasons per field."""

    def __init__(self, problems: list[Problem], shipment_id: str | None = None) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems
        self.shipment_id = shipment_id
