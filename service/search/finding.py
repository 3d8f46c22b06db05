"""Finding decisions by the index: those that have all words and values that are asked for, and their order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import orjson
from numpy.typing import NDArray
from sqlalchemy import any_, bindparam, func, select

from service.core.errors import ServiceError, Unprocessable
from service.scoring.decision import reference_of
from service.scoring.tables import Decision
from service.search.building import COLUMNS, hashes_of_row
from service.search.postings import NO_TIME, STRETCH, Piece, part_of, places_of
from service.search.tables import BLOCKS, NEW, RISKS, TIMES, SearchBlock, SearchFrontier, filters_of
from service.search.words import hash_of, of_filter, words_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

    from service.scoring.selecting import Selection

Positions = NDArray[np.int64]
Order = Literal["newest", "oldest", "riskiest"]

#: Most decisions beyond the index that a search reads: without their manifests, and with them.
_MOST_ROWS: Final = 5_000
_MOST_MANIFESTS: Final = 500


class IndexBehind(ServiceError):
    """The index lacks decisions that the search needs."""

    status, slug, title = 503, "index-behind", "The index is being built"

    def __init__(self, missing: int) -> None:
        """
        Args:
            missing: number of decisions that the index lacks.
        """
        super().__init__(
            f"The index still lacks {missing:,} decisions, so words and countries cannot be searched yet.",
            headers={"Retry-After": "30"},
        )


@dataclass(frozen=True, slots=True)
class Wanted:
    """What found decisions have, all of it.

    Attributes:
        values: hashes of values of columns.
        words: hashes of words, parties, addresses and countries.
        since, until, shipment_id: as of `service.scoring.selecting.Selection`.
    """

    values: tuple[int, ...] = ()
    words: tuple[int, ...] = ()
    since: int | None = None
    until: int | None = None
    shipment_id: str | None = None

    @classmethod
    def by(cls, selection: Selection) -> Wanted:
        """Return what a selection wants.

        Raises:
            Unprocessable: its text has no words.
        """
        words = [] if selection.q is None else hashes_of_query(selection.q)
        for name in ("origin", "destination"):
            if (country := getattr(selection, name)) is not None:
                words.append(hash_of(of_filter(name, country)))
        values = tuple(filters_of(selection))
        return cls(values, tuple(words), selection.since, selection.until, selection.shipment_id)


def hashes_of_query(text: str) -> list[int]:
    """Return the hashes of the words of a query.

    Raises:
        Unprocessable: it has none.
    """
    words = dict.fromkeys(words_of(text))
    if not words:
        problem = "has no letters and no digits"
        raise Unprocessable(f"q: {problem}.", errors=[{"field": "q", "problem": problem}])
    return [hash_of(word) for word in words]


_NONE: Final = np.empty(0, np.int64)


class Finder:
    """The index as one connection sees it, together with the decisions that it does not have yet."""

    def __init__(self, connection: Connection, *, words: bool) -> None:
        """
        Args:
            words: whether decisions beyond the index are searched for words too.

        Raises:
            IndexBehind: too many decisions are beyond the index.
        """
        self._connection = connection
        frontier = connection.execute(select(SearchFrontier.__table__)).one()
        most = _MOST_MANIFESTS if words else _MOST_ROWS
        columns = COLUMNS if words else [column for column in COLUMNS if column.key != "manifest"]
        query = select(*columns).where(Decision.position > frontier.position).order_by(Decision.position)
        rows = connection.execute(query.limit(most + 1)).all()
        if len(rows) > most:
            beyond = select(func.count()).select_from(Decision).where(Decision.position > frontier.position)
            raise IndexBehind(connection.execute(beyond).scalar_one())
        #: Number of decisions, and position after the last one.
        self.count = frontier.decisions + len(rows)
        self._end = (rows[-1].position if rows else frontier.position) + 1
        new = BLOCKS.where(SearchBlock.part == NEW)
        self._pieces = [Piece.read(first, data) for _, first, data in connection.execute(new)]
        by_stretch: dict[int, list[Any]] = {}
        for row in rows:
            by_stretch.setdefault(row.position // STRETCH, []).append(row)
        hashes = hashes_of_row if words else filters_of
        for some in by_stretch.values():
            numbers = [(row.position, row.received_at, row.risk) for row in some]
            self._pieces.append(Piece.of(numbers, {row.position: hashes(row) for row in some}))

    def find(self, wanted: Wanted) -> Positions:
        """Return the positions of all decisions that have what is wanted, in ascending order."""
        found = np.ones(self._end, np.bool_)
        if wanted.shipment_id is not None:
            query = select(Decision.position).where(Decision.shipment_id == reference_of(wanted.shipment_id))
            found = self.mask([np.array(self._connection.execute(query).scalars().all(), np.int64)])
        hashes = (*wanted.values, *wanted.words)
        for places in self._places(hashes):
            found &= self.mask(places)
        if wanted.since is not None or wanted.until is not None or not (hashes or wanted.shipment_id):
            times = self.times()
            found &= times != NO_TIME
            if wanted.since is not None:
                found &= times >= wanted.since
            if wanted.until is not None:
                found &= times < wanted.until
        return np.flatnonzero(found)

    def positions(self, words: Sequence[int]) -> list[Positions]:
        """Return the positions of all decisions with each hash, in ascending order."""
        return [np.sort(np.concatenate([*places, _NONE])) for places in self._places(words)]

    def times(self) -> NDArray[np.int64]:
        """Return the times of receipt by position; `NO_TIME` where there is no decision."""
        return self._column(TIMES, NO_TIME)

    def risks(self) -> NDArray[np.float64]:
        """Return the risks by position; NaN where there is no decision."""
        return self._column(RISKS, np.nan)

    def mask(self, positions: Sequence[Positions]) -> NDArray[np.bool_]:
        """Return which positions are among some."""
        mask = np.zeros(self._end, np.bool_)
        for some in positions:
            # A decision may have been stored since the frontier was read.
            mask[some[some < self._end]] = True
        return mask

    def _places(self, hashes: Sequence[int]) -> Iterator[list[Positions]]:
        """Yield the positions with each hash."""
        blocks: dict[int, list[tuple[int, bytes]]] = {part_of(number): [] for number in hashes}
        query = BLOCKS.where(SearchBlock.part.in_([*blocks]))
        for part, first, data in self._connection.execute(query) if blocks else ():
            blocks[part].append((first, data))
        for number in hashes:
            closed = [(first, places_of(data, number)) for first, data in blocks[part_of(number)]]
            new = [(piece.first, piece.postings.places_of(number)) for piece in self._pieces]
            yield [first // STRETCH * STRETCH + places.astype(np.int64) for first, places in (*closed, *new)]

    def _column(self, part: int, missing: float) -> NDArray[Any]:
        kind = np.dtype("<i8" if part == TIMES else "<f8")
        values = np.full(self._end, missing, kind)
        for _, first, data in self._connection.execute(BLOCKS.where(SearchBlock.part == part)):
            some = np.frombuffer(data, kind)
            values[first : first + len(some)] = some
        for piece in self._pieces:
            some = piece.times if part == TIMES else piece.risks
            values[piece.first : piece.first + len(some)] = some
        return values


def page_of(
    finder: Finder, found: Positions, order: Order, *, after: Sequence[Any] | None, limit: int
) -> tuple[list[int], bool]:
    """Return the positions of a page of found decisions in order, and whether more follow.

    Args:
        found: positions in ascending order.
        after: position of the last decision of the previous page, for the riskiest after its risk; None for the first page.
    """
    if order != "riskiest":
        if after is not None:
            at = int(np.searchsorted(found, after[0], side="right" if order == "oldest" else "left"))
            found = found[at:] if order == "oldest" else found[:at]
        rest = found[: limit + 1] if order == "oldest" else found[: -limit - 2 : -1]
        return rest[:limit].tolist(), len(rest) > limit
    risks = finder.risks()[found]
    if after is not None:
        later = (risks < after[0]) | ((risks == after[0]) & (found < after[1]))
        found, risks = found[later], risks[later]
    if len(found) > limit + 1:
        least = np.partition(risks, len(risks) - limit - 1)[len(risks) - limit - 1]
        found, risks = found[risks >= least], risks[risks >= least]
    order_of = np.lexsort((-found, -risks))[: limit + 1]
    return found[order_of][:limit].tolist(), len(order_of) > limit


def among(connection: Connection, column: Any, positions: Sequence[int] | Positions) -> Any:
    """Return the condition that a column has one of any number of positions."""
    values = positions if isinstance(positions, list) else np.asarray(positions).tolist()
    if connection.dialect.name == "sqlite":
        each = func.json_each(orjson.dumps(values).decode()).table_valued("value")
        return column.in_(select(each.c.value))
    return column == any_(bindparam(None, values, type_=_ARRAY))


def _array() -> Any:
    from sqlalchemy import BigInteger
    from sqlalchemy.dialects.postgresql import ARRAY

    return ARRAY(BigInteger)


_ARRAY: Final = _array()
