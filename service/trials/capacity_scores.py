"""Scores for a plan, from a file or from the store."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.capacity import groups_of
from service.capacity.planning import WINDOW, traffic_before
from service.core.commands import WrongUse
from service.core.database.times import now_us
from service.trials.capacity_report import Scored
from service.trials.trial import score_each

if TYPE_CHECKING:
    from models.scoring import RiskModel, Scores, ScoreSettings
    from service.core.database.engine import Database
    from service.core.settings import Capacity
    from service.files.options import Progress, ScoreOptions

#: Fewest shipments for a plan.
_LEAST = 1_000
_SECONDS = 86_400.0


@dataclass(slots=True)
class _Collected:
    """Scores of the tables so far."""

    parts: tuple[str, ...]
    rows_rejected: int = 0
    columns: list[tuple[NDArray[Any], ...]] = field(default_factory=list)

    def add(self, scores: Scores) -> None:
        """Take what a plan needs of the scores of a table."""
        table = scores.table
        self.columns.append(
            (
                groups_of(table, self.parts),
                scores.risk_log_odds,
                scores.risk,
                scores.ruling.is_floored(len(scores)),
                table.declared_s,
            )
        )


def collected(
    capacity: Capacity, path: str | os.PathLike[str], model: RiskModel, options: ScoreOptions, progress: Progress
) -> Scored:
    """Score a file for a plan.

    Raises:
        WrongUse: the file has too few shipments.
        Unreadable, MappingError: the file cannot be read, or the mapping does not fit it.
    """
    collector = _Collected(capacity.parts)
    score_each(collector, path, model, options, progress)
    count = sum(len(one[1]) for one in collector.columns)
    if count < _LEAST:
        raise WrongUse(f"{os.fspath(path)}: {count:,} shipments can be scored; a plan needs {_LEAST:,}.")
    group, log_odds, risk, floored, declared_s = (np.concatenate(one) for one in zip(*collector.columns, strict=True))
    # A few wrong dates must not stretch the period.
    first, last = np.quantile(declared_s, [0.005, 0.995])
    return Scored(group, log_odds, risk, floored, max(1.0, float(last - first) / _SECONDS))


def stored(database: Database, capacity: Capacity, model: RiskModel, settings: ScoreSettings) -> Scored:
    """Return the scores of the model in the last 28 days of the store.

    Raises:
        WrongUse: there are too few.
    """
    with database.read() as connection:
        traffic = traffic_before(connection, capacity, model, now_us())
    count = 0 if traffic is None else int(traffic.is_own.sum())
    if traffic is None or count < _LEAST:
        raise WrongUse(
            f"Model {model.version} has scored {count:,} shipments of the last {WINDOW} days in the store; a plan needs "
            f"{_LEAST:,}. Score usual traffic with --store, or give --data FILE."
        )
    own = traffic.is_own
    names = np.array([*traffic.groups], dtype=np.object_)[traffic.group]
    # Shipments of other models arrived too.
    days = traffic.days * count / len(own) / traffic.each
    return Scored(
        names[own], traffic.log_odds[own], model.risk_of(traffic.log_odds[own], settings), traffic.floored[own], days
    )
