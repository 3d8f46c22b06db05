"""Building of the index: a service adds the decisions of its store in the background, in the order of the log.

Each pass adds at most `_PASS` decisions in one transaction, so an interrupted pass is made again, and so are decisions that an
earlier version stored. While one worker adds, the others leave it to that one.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, func, select, update

from service.core.database.tables import Insertion
from service.core.database.times import now_us
from service.core.errors import DatabaseAway
from service.core.identifiers import new_ids
from service.core.logs import logger
from service.scoring.summary import record_of
from service.scoring.tables import Decision
from service.search.postings import STRETCH, Piece
from service.search.tables import BLOCKS, FILTERS, NEW, RISKS, TIMES, SearchBlock, SearchFrontier, filters_of
from service.search.words import hashes_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Row

    from service.core.database.engine import Database

#: Decisions of a pass, and of a block of new ones, which each pass writes anew until it is full.
_PASS: Final = 500
_FULL: Final = 256
#: Decisions after which the thread lets others run, and seconds that it pauses then. Requests would else wait for the interpreter.
_TURN: Final = 4
_PAUSE: Final = 0.0005
#: Seconds between two passes if nothing waits, and microseconds that a worker's lease lasts.
EVERY: Final = 1.0
_LEASE: Final = 10_000_000
#: Columns of a decision that the index needs.
COLUMNS: Final = (
    Decision.position,
    *(getattr(Decision, name) for name in FILTERS),
    Decision.received_at,
    Decision.risk,
    Decision.manifest,
)
_INSERTION: Final = Insertion(SearchBlock, ("part", "first", "data"))


class IndexBuilder:
    """Adds stored decisions to the index. One object per process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        [self._worker] = new_ids(1)

    def advance(self) -> None:
        """Add all decisions that wait. Errors are logged, and the next call tries again."""
        try:
            while self._pass():
                time.sleep(_PAUSE)
        except DatabaseAway as error:
            logger().warning("index_waits", problem=error.problem)
        except Exception as error:
            logger().error("index_failed", exc_info=error)

    def _pass(self) -> bool:
        """Add the next decisions, and return whether there may be more."""
        with self._database.read() as connection:
            frontier = connection.execute(select(SearchFrontier.__table__)).one()
            is_taken = frontier.worker != self._worker and frontier.lease_until > now_us()
            rows = [] if is_taken else _waiting(connection, frontier.position)
        if not rows:
            return False
        hashes = {row.position: hashes_of_row(row, pause=True) for row in rows}
        with self._database.write() as connection:
            return self._add(connection, frontier.position, rows, hashes)

    def _add(self, connection: Connection, after: int, rows: Sequence[Row[Any]], hashes: dict[int, set[int]]) -> bool:
        taken = connection.execute(
            update(SearchFrontier)
            .where(SearchFrontier.position == after)
            .values(
                position=rows[-1].position,
                decisions=SearchFrontier.decisions + len(rows),
                worker=self._worker,
                lease_until=now_us() + _LEASE,
            )
        )
        if not taken.rowcount:
            return False
        # An erasure may have ended meanwhile. It waits for this transaction from here on.
        erased = _erased(connection, rows[0].position, rows[-1].position)
        for row in rows:
            if row.position in erased:
                hashes[row.position] = filters_of(row)
        piece = Piece.of([(row.position, row.received_at, row.risk) for row in rows], hashes)
        stretch = piece.first // STRETCH * STRETCH
        _close(connection, stretch)
        _extend(connection, piece, stretch)
        return True


def hashes_of_row(row: Any, *, pause: bool = False) -> set[int]:
    """Return all hashes of a decision with `COLUMNS`.

    Args:
        pause: whether to let other threads run now and then.
    """
    found = filters_of(row)
    record = record_of(row.manifest)
    if record is not None:
        found |= hashes_of(record)
    if pause and row.position % _TURN == 0:
        time.sleep(_PAUSE)
    return found


def _waiting(connection: Connection, after: int) -> Sequence[Row[Any]]:
    """Return the next decisions of one stretch."""
    query = select(*COLUMNS).where(Decision.position > after).order_by(Decision.position).limit(_PASS)
    rows = connection.execute(query).all()
    return [row for row in rows if row.position // STRETCH == rows[0].position // STRETCH]


def _erased(connection: Connection, first: int, last: int) -> set[int]:
    query = select(Decision.position).where(Decision.position.between(first, last), Decision.manifest.is_(None))
    return set(connection.execute(query).scalars())


def _extend(connection: Connection, piece: Piece, stretch: int) -> None:
    """Add decisions to the last piece of a stretch, if it is not full, otherwise as a new piece."""
    latest = connection.execute(
        select(func.max(SearchBlock.first)).where(SearchBlock.part == NEW, SearchBlock.first >= stretch)
    ).scalar()
    if latest is not None and piece.first - latest < _FULL:
        piece = Piece.together([*_taken(connection, latest), piece])
    _INSERTION.add(connection, [(NEW, piece.first, piece.data())])


def _close(connection: Connection, before: int) -> None:
    """Cut the pieces of the stretch before a position into the parts of its hashes."""
    pieces = _taken(connection, 0, before)
    if not pieces:
        return
    closed = Piece.together(pieces)
    blocks = {**closed.postings.parts(), TIMES: closed.times.tobytes(), RISKS: closed.risks.tobytes()}
    _INSERTION.add(connection, [(part, closed.first, block) for part, block in blocks.items()])


def _taken(connection: Connection, first: int, before: int | None = None) -> list[Piece]:
    """Delete the pieces from a position on, and return them in order."""
    chosen = [SearchBlock.part == NEW, SearchBlock.first >= first]
    if before is not None:
        chosen.append(SearchBlock.first < before)
    query = BLOCKS.where(*chosen).order_by(SearchBlock.first)
    pieces = [Piece.read(at, data) for _, at, data in connection.execute(query)]
    connection.execute(delete(SearchBlock).where(*chosen))
    return pieces
