"""What the store knew before a day: its decisions, their results, and how they were selected for inspection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from sqlalchemy import exists, func, select
from sqlalchemy.orm import aliased

from features.manifest.fields import CONTENTS, OTHER_CONTRABAND
from models.lanes import LANE_NAMES, RED
from service.core.database.times import iso_time, now_us
from service.history import log
from service.history.learning import DAY
from service.history.replay import PAGE
from service.history.tables import HistoryEvent
from service.inspections.tables import Outcome, Override
from service.scoring.tables import Decision
from training.data.windows import NEVER

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sqlalchemy import Connection

    from training.arrays import Bools, Floats, Ints

#: Share of the results that arrive within the label delay.
DELAY_QUANTILE: Final = 0.9
#: Ways of decisions that have no place in the history of the service.
FILES: Final = ("file", "job")
#: Contents of a result by code. Codes from 2 on are finds.
RESULTS: Final = ("none", OTHER_CONTRABAND, *(one for one in CONTENTS if one not in ("none", OTHER_CONTRABAND)))
NO_RESULT: Final = -1
_FIRST_FIND: Final = 2
_SECOND: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Cut:
    """Knowledge to learn from.

    Attributes:
        known_at: start of the day before which it was recorded, in microseconds since 1970.
        delay_s: label delay in seconds; None to estimate it.
    """

    known_at: int
    delay_s: int | None = None

    @property
    def day(self) -> str:
        """The day in ISO 8601."""
        return iso_time(self.known_at)[:10]


@dataclass(frozen=True, slots=True, eq=False)
class Decided:
    """The decisions to learn from: the first of each shipment (n,), in the order of the log of decisions.

    Attributes:
        position, shipment_id, received_at: as in `service.scoring.tables.Decision`.
        time: time from which the result was waited for, in microseconds: of receipt, or of a file, if earlier, of declaration.
        in_log: whether the shipment is in the history of the service.
        probability: probability with which the shipment was selected for inspection; NaN if it is unknown.
        overridden_at: time at which a person first chose another lane, in microseconds; `NEVER` if nobody did.
        learned: those whose results the history of the service has learned, as indices.
        left_out: number of decisions that are left out, by cause.
        last: position of the latest decision of the store.
    """

    position: Ints
    shipment_id: NDArray[np.object_]
    received_at: Ints
    time: Ints
    in_log: Bools
    probability: Floats
    overridden_at: Ints
    learned: Ints
    left_out: dict[str, int]
    last: int


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """Results of n shipments.

    Attributes:
        content: (n,) code in `RESULTS`, or `NO_RESULT`.
        found_at: (n,) time at which the result was known, in microseconds; 0 without a result.
        immature: (n,) whether a missing result may still arrive.
        delay_s: the label delay.
    """

    content: NDArray[np.int32]
    found_at: Ints
    immature: Bools
    delay_s: int


def decisions(connection: Connection, cut: Cut) -> Decided:
    """Choose the decisions to learn from."""
    names = ("position", "shipment_id", "received_at", "declared_s", "history_order", "what_if", "via", "lane")
    chosen = ("inspection_probability", "log_odds", "threshold", "floored")
    query = (
        select(
            *(getattr(Decision, name) for name in (*names, *chosen)),
            Decision.manifest.is_(None).label("erased"),
        )
        .where(Decision.received_at < cut.known_at)
        .order_by(Decision.position)
    )
    result = connection.execute(query.execution_options(yield_per=PAGE))
    frames = [pd.DataFrame(part, columns=list(result.keys())) for part in result.partitions()]
    last = log.last_position(connection)
    if not frames:
        frames = [pd.DataFrame([], columns=list(result.keys()))]
    frame = pd.concat(frames, ignore_index=True)
    order = pd.to_numeric(frame["history_order"]).to_numpy(dtype=np.float64, na_value=np.nan)
    from_file = frame["via"].isin(FILES).to_numpy() & np.isnan(order)
    remaining = np.ones(len(frame), dtype=np.bool_)
    left_out: dict[str, int] = {}
    for cause, is_left_out in (
        ("what_if", frame["what_if"].to_numpy(dtype=np.bool_)),
        ("erased", frame["erased"].to_numpy(dtype=np.bool_)),
        # Shipments far from the present, which the history does not count.
        ("without_a_time", np.isnan(order) & ~from_file),
        ("counted_later", order >= cut.known_at),
    ):
        left_out[cause] = int((remaining & is_left_out).sum())
        remaining &= ~is_left_out
    repeated = frame["shipment_id"][remaining].duplicated().to_numpy()
    left_out["repeated"] = int(repeated.sum())
    frame = frame[remaining][~repeated]
    received = frame["received_at"].to_numpy(dtype=np.int64)
    is_file = from_file[remaining][~repeated]
    declared = frame["declared_s"].to_numpy(dtype=np.int64) * _SECOND
    return Decided(
        frame["position"].to_numpy(dtype=np.int64),
        frame["shipment_id"].to_numpy(dtype=object),
        received,
        np.where(is_file, np.minimum(received, declared), received),
        ~is_file,
        _probability(frame),
        np.asarray(_overridden(connection, cut).reindex(frame["position"], fill_value=NEVER), dtype=np.int64),
        pd.Index(frame["shipment_id"]).get_indexer(pd.Index(_learned(connection, cut), dtype=object)),
        left_out,
        last,
    )


def _probability(frame: pd.DataFrame) -> Floats:
    """Return the probabilities (n,) with which shipments were selected for inspection.

    That of a green or yellow shipment is unknown: if it was inspected, a person selected it.
    Decisions of earlier versions state none.
    """
    stated = np.full(len(frame), np.nan)
    chosen = (frame["lane"] == LANE_NAMES[RED]).to_numpy()
    probability, log_odds, threshold, floored = (
        pd.to_numeric(frame[name]).to_numpy(dtype=np.float64, na_value=np.nan)
        for name in ("inspection_probability", "log_odds", "threshold", "floored")
    )
    # Chance may have chosen what would have been red in any case.
    certain = (floored == 1.0) | (log_odds >= threshold)
    stated[chosen] = np.where(certain, 1.0, probability)[chosen]
    stated[~(stated > 0.0)] = np.nan
    return stated


def _learned(connection: Connection, cut: Cut) -> list[str]:
    """Return the shipments whose results the history of the service has learned."""
    query = (
        select(Decision.shipment_id)
        .join(HistoryEvent, HistoryEvent.decision_id == Decision.id)
        .where(log.OF_LESSONS, HistoryEvent.history_order < cut.known_at)
        .distinct()
    )
    return list(connection.execute(query).scalars())


def _overridden(connection: Connection, cut: Cut) -> pd.Series[int]:
    """Return when a person first chose another lane, by position of the decision."""
    query = (
        select(Decision.position, func.min(Override.recorded_at).label("first_at"))
        .join(Override, Override.decision_id == Decision.id)
        .where(Override.recorded_at < cut.known_at)
        .group_by(Decision.position)
    )
    found = {row.position: row.first_at for row in connection.execute(query)}
    return pd.Series(found, index=list(found), dtype=np.int64)


def results(connection: Connection, decided: Decided, cut: Cut) -> Results:
    """Return the results that were recorded and known before the cut, as corrected by then.

    A shipment with a find has the content of its latest find. One with other contraband, and without a find, is neither a find nor
    clean. A result is known from the first outcome that says so.
    """
    correction = aliased(Outcome)
    corrected = exists().where(correction.corrects == Outcome.id, correction.recorded_at < cut.known_at)
    query = (
        select(Outcome.shipment_id, Outcome.content, Outcome.found_at)
        .join(Decision, Decision.id == Outcome.decision_id)
        .where(
            Outcome.recorded_at < cut.known_at,
            Outcome.found_at < cut.known_at,
            Outcome.content != "",
            ~corrected,
            Decision.what_if.is_(False),
        )
        .order_by(Outcome.position)
    )
    found = pd.DataFrame(connection.execute(query).all(), columns=["shipment_id", "content", "found_at"])
    found["shipment"] = pd.Index(decided.shipment_id).get_indexer(pd.Index(found["shipment_id"]))
    found["content"] = pd.Index(RESULTS).get_indexer(pd.Index(found["content"]))
    found = found[found["shipment"] >= 0]
    found["rank"] = np.minimum(found["content"], _FIRST_FIND)
    found = found[found["rank"] == found.groupby("shipment")["rank"].transform("max")]
    each = found.groupby("shipment").agg(content=("content", "last"), found_at=("found_at", "min"))
    content = np.full(len(decided.position), NO_RESULT, dtype=np.int32)
    found_at = np.zeros(len(content), dtype=np.int64)
    content[each.index.to_numpy()] = each["content"].to_numpy()
    found_at[each.index.to_numpy()] = each["found_at"].to_numpy()
    has_result = content != NO_RESULT
    delay_s = cut.delay_s
    if delay_s is None:
        waited = np.maximum(found_at - decided.time, 0)[has_result]
        delay_s = int(np.ceil(np.quantile(waited, DELAY_QUANTILE) / _SECOND)) if len(waited) else 0
    # Today's traffic has not ended yet.
    settled = min(cut.known_at, now_us() // DAY * DAY) - delay_s * _SECOND
    return Results(content, found_at, ~has_result & (decided.time > settled), delay_s)
