"""The decisions of the store as arrays, and what is known today of their shipments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from features.manifest.fields import OTHER_CONTRABAND
from models.lanes import LANE_NAMES
from service.core.database.proof import in_chunks
from service.inspections.outcomes import holding
from service.inspections.tables import Outcome
from service.scoring.tables import Decision

if TYPE_CHECKING:
    from sqlalchemy import Connection

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

#: Causes of a lane by chance alone.
_DRAWN: Final = ("random", "exploration")
#: What is known of a shipment: not inspected, or neither clean nor a find; inspected and clean; a find.
UNKNOWN, CLEAN, FIND = -1, 0, 1
_ROWS_AT_ONCE: Final = 2_000
_COLUMNS: Final = (
    "position", "shipment_id", "received_at", "declared_s", "history_order", "lane", "selected_by", "risk", "via", "caller",
    "log_odds", "floored", "capacity_group", "scorer",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Decided:
    """Decisions (n,) as they were made. Attributes are those of `service.scoring.tables.Decision`, where not said.

    Attributes:
        history_order: -1 for shipments of files.
        lane: lane codes.
        log_odds: of earlier versions, the log-odds of the risk.
        floored: False in rows of earlier versions.
        drawn: whether chance alone chose the lane.
        by_capacity: whether a capacity was configured.
    """

    position: IntArray
    shipment_id: NDArray[np.object_]
    received_at: IntArray
    declared_s: IntArray
    history_order: IntArray
    lane: NDArray[np.int8]
    log_odds: FloatArray
    floored: BoolArray
    drawn: BoolArray
    by_capacity: BoolArray
    via: NDArray[np.object_]
    caller: NDArray[np.object_]
    scorer: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.position)

    def take(self, chosen: IntArray | BoolArray) -> Decided:
        """Return some of the decisions."""
        return Decided(*(getattr(self, name)[chosen] for name in self.__slots__))

    def file_of(self, number: int) -> tuple[object, ...]:
        """Return what names the file of a decision: all decisions of a command or job have its time of receipt."""
        return self.via[number], int(self.received_at[number]), self.caller[number]


def decided_at(connection: Connection, positions: Sequence[int]) -> Decided:
    """Return the decisions at ascending positions."""
    columns = [getattr(Decision, name) for name in _COLUMNS]
    rows: list[Any] = []
    for some in in_chunks(list(positions), _ROWS_AT_ONCE):
        query = select(*columns).where(Decision.position.in_(some)).order_by(Decision.position)
        rows += connection.execute(query).all()
    return _of(rows)


def _of(rows: Sequence[Any]) -> Decided:
    of = dict(
        zip(_COLUMNS, [list(column) for column in zip(*rows, strict=True)] or [[] for _ in _COLUMNS], strict=True)
    )
    risk = np.clip(np.array(of["risk"], dtype=np.float64), 1e-300, 1.0 - 1e-16)
    stated = np.array([np.nan if value is None else value for value in of["log_odds"]], dtype=np.float64)
    return Decided(
        np.array(of["position"], dtype=np.int64),
        np.array(of["shipment_id"], dtype=np.object_),
        np.array(of["received_at"], dtype=np.int64),
        np.array(of["declared_s"], dtype=np.int64),
        np.array([-1 if order is None else order for order in of["history_order"]], dtype=np.int64),
        np.array([LANE_NAMES.index(lane) for lane in of["lane"]], dtype=np.int8),
        np.where(np.isnan(stated), np.log(risk / (1.0 - risk)), stated),
        np.array([bool(value) for value in of["floored"]], dtype=np.bool_),
        np.array([value in _DRAWN for value in of["selected_by"]], dtype=np.bool_),
        np.array([value is not None for value in of["capacity_group"]], dtype=np.bool_),
        np.array(of["via"], dtype=np.object_),
        np.array(of["caller"], dtype=np.object_),
        np.array(of["scorer"], dtype=np.object_),
    )


def known_of(connection: Connection, shipment_ids: Sequence[str]) -> NDArray[np.int8]:
    """Return what is known (n,) of shipments: `UNKNOWN`, `CLEAN` or `FIND`.

    A shipment is a find if any valid outcome says so, and clean if all do. One with other contraband alone is neither.
    """
    query = (
        select(Outcome.shipment_id, Outcome.content)
        .join(Decision, Decision.id == Outcome.decision_id)
        .where(holding(), Decision.what_if.is_(False))
    )
    contents: dict[str, set[str]] = {}
    for row in connection.execute(query):
        contents.setdefault(row.shipment_id, set()).add(row.content)
    nothing: set[str] = set()
    return np.array([_known(contents.get(one, nothing)) for one in shipment_ids], dtype=np.int8)


def _known(contents: set[str]) -> int:
    if contents - {"none", OTHER_CONTRABAND}:
        return FIND
    return CLEAN if contents == {"none"} else UNKNOWN
