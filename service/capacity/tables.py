"""Table of plans: the thresholds of a day, for a model and a capacity."""

from __future__ import annotations

import hashlib
from typing import Final

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.core.database.proof import RowCheck, Values
from service.core.database.tables import Base


class CapacityPlan(Base):
    """Thresholds in force from a time on, until the plan of the next day.

    Attributes:
        day: days since 1970 (UTC) of the day whose start ends the traffic that the plan follows.
        model: digest of the model.
        settings: digest of the capacity (`service.core.settings.Capacity`).
        content: JSON of `service.capacity.planning.Plan`, without the key of the exploration.
    """

    __tablename__ = "capacity_plans"
    __table_args__ = (UniqueConstraint("day", "model", "settings", name="uq_capacity_plans_day"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[int]
    model: Mapped[str]
    settings: Mapped[str]
    made_at: Mapped[int]
    content: Mapped[str]


def facts_of(row: Values) -> dict[str, object]:
    """Return the facts of a plan for the audit chain."""
    digest = hashlib.sha256(row["content"].encode()).hexdigest()
    return {name: row[name] for name in ("day", "made_at", "model", "settings")} | {"content": digest}


CHECKS: Final = (
    RowCheck("capacity", CapacityPlan, facts_of, columns=("content", "day", "made_at", "model", "settings")),
)
