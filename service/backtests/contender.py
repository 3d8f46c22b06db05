"""A contender: a model with settings of its own and a memory of its own lanes, which scores decisions of the store again.

It scores them in tables through `RiskModel.score_rows`, as the service does, with the history features of the moment of each
decision and the lists, thresholds and officers' decisions known then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from features.groups.history.declarations import NO_ORDER, Declarations, Earlier, LaneArray, contents
from features.groups.history.history import HistoryRows
from features.table.table import ManifestTable
from models.lanes import LANE_NAMES
from models.scoring.isolating import failing, fault
from service.core.logs import logger
from service.decisions.earlier import floor_until
from service.scoring.portions import tables_of_distinct

if TYPE_CHECKING:
    from features.groups.history.history import History
    from features.manifest.records import Record
    from models.scoring import RiskModel, Scores
    from service.backtests.decided import Decided
    from service.backtests.known import KnownThen
    from service.core.database.engine import Database

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

#: Files whose histories are kept, for jobs that are scored at the same time.
_FILES: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Decisions (n,) to score again, in the order in which they were made.

    Attributes:
        records: their manifests, with the times that the history used.
        undeclared: (n,) whether the manifest declares no plausible time.
        values: (n, H) history features as of the moment before each; None for shipments of a file.
    """

    decided: Decided
    records: Sequence[Record]
    undeclared: Sequence[bool]
    values: FloatArray | None

    def take(self, chosen: IntArray) -> Batch:
        """Return some of the decisions."""
        places = chosen.tolist()
        return Batch(
            self.decided.take(chosen),
            [self.records[k] for k in places],
            [self.undeclared[k] for k in places],
            None if self.values is None else self.values[chosen],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Again:
    """What a contender decides (n,).

    Attributes:
        position: positions of the decisions.
        lane: lane codes.
        floored: whether the shipment is red whatever its score.
        drawn: whether chance alone chose the lane.
    """

    TYPES: ClassVar = ("i8", "i1", "f8", "f8", "f8", "?", "?")

    position: IntArray
    lane: LaneArray
    risk: FloatArray
    percentile: FloatArray
    log_odds: FloatArray
    floored: NDArray[np.bool_]
    drawn: NDArray[np.bool_]

    @classmethod
    def of(cls, position: IntArray, scores: Scores) -> Again:
        """Return what scores say of decisions."""
        lanes = np.array([LANE_NAMES.index(lane) for lane in scores.lane.tolist()], dtype=np.int8)
        return cls(
            position,
            lanes,
            scores.risk,
            scores.percentile,
            scores.risk_log_odds,
            scores.ruling.is_floored(len(scores)),
            scores.is_drawn,
        )

    def take(self, positions: Set[int]) -> Again:
        """Return the decisions at some positions."""
        chosen = np.isin(self.position, list(positions))
        return Again(*(getattr(self, name)[chosen] for name in self.__slots__))

    @classmethod
    def joined(cls, parts: Sequence[Again]) -> Again:
        """Return the decisions of all parts, in the order of their positions."""
        names = cls.__slots__
        empty = cls(*(np.empty(0, dtype) for dtype in cls.TYPES))
        columns = [np.concatenate([getattr(one, name) for one in (*parts, empty)]) for name in names]
        order = np.argsort(columns[0], kind="stable")
        return cls(*(column[order] for column in columns))


@dataclass(frozen=True, slots=True, eq=False)
class _PastRows(HistoryRows):
    """History features of past decisions; `amend` asks the memory of a contender, with what officers had decided by then."""

    contender: Contender = field(kw_only=True)
    orders: IntArray = field(kw_only=True)
    received: IntArray = field(kw_only=True)

    def amend(self, table: ManifestTable, lanes: LaneArray) -> dict[int, Earlier]:
        def look(earlier: Earlier, shipment: int) -> Earlier:
            return self.contender.look(earlier, int(self.received[shipment]))

        assert self.declarations is not None
        return self.declarations.judge(contents(table), lanes, orders=self.orders, look=look)


class Contender:
    """A model that scores past decisions.

    Attributes:
        known: the settings of scores at any time.
        declarations: the lanes of earlier declarations, as this model set them.
        unscored: number of decisions on which the program failed.
    """

    def __init__(
        self, database: Database, model: RiskModel, known: KnownThen, declarations: Declarations, threads: int = 1
    ) -> None:
        self.model = model
        self.declarations = declarations
        self.unscored = 0
        self.known = known
        self._database, self._threads = database, threads
        self._histories: dict[tuple[object, ...], History] = {}

    def score(self, batch: Batch) -> Again:
        """Score decisions again."""
        return Again.joined([Again.of(part.decided.position, scores) for part, scores in self.scored(batch)])

    def scored(self, batch: Batch) -> Iterator[tuple[Batch, Scores]]:
        """Yield parts of a batch with their scores. A part has equal settings."""
        for part in self._parts(batch):
            try:
                yield from self._score(part)
            except Exception as error:
                chosen = failing(len(part.records), partial(self._try, part))
                logger().error("past_not_scored", decisions=len(chosen) or len(part.records), fault=fault(error))
                self.unscored += len(chosen) or len(part.records)
                rest = np.setdiff1d(np.arange(len(part.records)), list(chosen))
                if chosen and len(rest):
                    yield from self._score(part.take(rest))

    def _try(self, part: Batch, chosen: IntArray) -> None:
        """Score some decisions of a part, and raise the error if that fails."""
        for _ in self._score(part.take(chosen), dry=True):
            pass

    def _parts(self, batch: Batch) -> Iterator[Batch]:
        decided = batch.decided
        received, by_capacity, seconds = decided.received_at.tolist(), decided.by_capacity, decided.declared_s.tolist()
        keys = [
            (
                self.known.moment(received[k], by_capacity=bool(by_capacity[k])),
                seconds[k] if batch.undeclared[k] else None,
                None if batch.values is not None else decided.file_of(k),
            )
            for k in range(len(received))
        ]
        for _, places in groupby(range(len(keys)), key=keys.__getitem__):
            yield batch.take(np.fromiter(places, dtype=np.int64))

    def _score(self, part: Batch, *, dry: bool = False) -> Iterator[tuple[Batch, Scores]]:
        """Yield tables of a part with their scores.

        Args:
            dry: leave the memory and the histories as they are, to find faults.
        """
        decided = part.decided
        records, receipt = list(part.records), int(decided.declared_s.max())
        settings = self.known.settings(int(decided.received_at[0]), by_capacity=bool(decided.by_capacity[0]))
        table = ManifestTable.from_records(records, receipt=receipt)
        tables = [table] if table.n_shipments == len(records) else tables_of_distinct(table, records, receipt)
        start = 0
        for one in tables:
            here = part.take(np.arange(start, start + one.n_shipments))
            start += one.n_shipments
            rows = self._rows(here, one, dry=dry)
            yield here, self.model.score_rows(one, rows, settings=settings, threads=self._threads)

    def _rows(self, part: Batch, table: ManifestTable, *, dry: bool) -> HistoryRows:
        if part.values is None:
            history = self._history(part.decided.file_of(0))
            return (history.copy() if dry else history).advance(table)
        return _PastRows(
            part.values,
            np.zeros(len(part.records), dtype=np.bool_),
            declarations=self.declarations.copy() if dry else self.declarations,
            contender=self,
            orders=part.decided.history_order,
            received=part.decided.received_at,
        )

    def _history(self, file: tuple[object, ...]) -> History:
        """Return the history of a file, which begins with that of the bundle."""
        if file not in self._histories:
            while len(self._histories) >= _FILES:
                del self._histories[next(iter(self._histories))]
            self._histories[file] = self.model.history.copy()
        return self._histories[file]

    def look(self, earlier: Earlier, until: int) -> Earlier:
        """Return an earlier declaration with the floor that officers had left to it by a time."""
        if earlier.order == NO_ORDER:
            return earlier
        with self._database.read() as connection:
            floor = floor_until(connection, earlier.order, until)
        if floor is None:
            return earlier
        return replace(earlier, floor=floor if earlier.by == "shipment_id" else min(floor, earlier.floor))
