"""Table of the weekly counts of traffic, which drift is measured with."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from service.core.database.tables import Base


class MonitoredWeek(Base):
    """Counts of the decisions that one model made in a week. They name no shipment, and remain when manifests are erased.

    Attributes:
        starts_at: beginning of the week, Monday 00:00 UTC.
        scorer: see `service.scoring.tables.Decision`.
        content: JSON of `service.monitoring.weeks.Week`.
    """

    __tablename__ = "monitored_weeks"

    starts_at: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    scorer: Mapped[str] = mapped_column(primary_key=True)
    content: Mapped[str]
