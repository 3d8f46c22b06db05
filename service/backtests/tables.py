"""Tables of shadows and of their scores."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from service.core.database.tables import Base, RowNumber


class Shadow(Base):
    """A model that scores the decisions of the service again, without effect on answers.

    Attributes:
        digest, version: of its bundle.
        folder: folder of the bundle.
        stopped_at: None while it runs. At most one runs.
        first: position of the last decision before its start.
        followed: position of the last decision that it has seen.
        unscored: number of decisions on which the program failed.
        problem: why it does not go on; None if it does.
    """

    __tablename__ = "shadows"

    number: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
    digest: Mapped[str]
    version: Mapped[str]
    folder: Mapped[str]
    started_at: Mapped[int]
    stopped_at: Mapped[int | None]
    first: Mapped[int]
    followed: Mapped[int]
    unscored: Mapped[int]
    problem: Mapped[str | None]


class ShadowScore(Base):
    """What a shadow would have decided. It contains nothing about a person, so an erasure leaves it.

    Attributes:
        shadow: number of the shadow.
        position: position of the decision.
        log_odds, floored: as in `service.scoring.tables.Decision`.
        drawn: whether chance alone chose the lane.
    """

    __tablename__ = "shadow_scores"

    shadow: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    risk: Mapped[float]
    percentile: Mapped[float]
    lane: Mapped[str]
    log_odds: Mapped[float]
    floored: Mapped[bool]
    drawn: Mapped[bool]
