"""Tables of the index of decisions, and what an erasure removes from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Mapped, mapped_column

from service.core.database.engine import BYTES
from service.core.database.tables import Base
from service.scoring.tables import Decision
from service.search.postings import PARTS, STRETCH, Piece, Postings, read_block
from service.search.words import hash_of, of_filter

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: What is no part of the hashes: pieces of new decisions, and the times of receipt (int64) and risks (float64) of closed stretches.
NEW, TIMES, RISKS = -1, -2, -3
#: Columns of a decision that lists filter by.
FILTERS: Final = ("lane", "site", "channel", "selected_by")


class SearchBlock(Base):
    """Part of a stretch of the log of decisions, see `service.search.postings`.

    Attributes:
        part: part of the hashes, or one of `NEW`, `TIMES` and `RISKS`.
        first: position of the first decision of the stretch, or of the piece.
    """

    __tablename__ = "search_blocks"

    part: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    first: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    data: Mapped[bytes]


class SearchFrontier(Base):
    """The only row: how far the index has come. Who changes the index changes this row first, so that others wait.

    Attributes:
        position: position of the last decision in the index.
        decisions: number of decisions in the index.
        worker: process that extended the index last.
        lease_until: time until which others leave that to it.
    """

    __tablename__ = "search_frontier"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    position: Mapped[int]
    decisions: Mapped[int]
    worker: Mapped[str | None]
    lease_until: Mapped[int]


#: Reads blocks.
BLOCKS: Final = select(SearchBlock.part, SearchBlock.first, SearchBlock.data).execution_options(**{BYTES: True})
_TABLE: Final[Any] = SearchBlock.__table__
_CHANGE: Final = (
    update(_TABLE)
    .where(_TABLE.c.part == bindparam("of_part"), _TABLE.c.first == bindparam("of_first"))
    .values(data=bindparam("new"))
)


def filters_of(row: Any) -> set[int]:
    """Return the hashes of the values that lists filter a decision by."""
    values = {name: getattr(row, name) for name in FILTERS}
    return {hash_of(of_filter(name, value)) for name, value in values.items() if value is not None}


def erase_with(connection: Connection, decisions: Sequence[Any]) -> None:
    """Remove all hashes of decisions, except those of the columns that they keep."""
    connection.execute(update(SearchFrontier).values(worker=SearchFrontier.worker))
    frontier = connection.execute(select(SearchFrontier.position)).scalar_one()
    columns = [Decision.position, *(getattr(Decision, name) for name in FILTERS)]
    query = select(*columns).where(Decision.id.in_([row.id for row in decisions]), Decision.position <= frontier)
    stretches: dict[int, dict[int, set[int]]] = {}
    for row in connection.execute(query):
        stretch, place = divmod(row.position, STRETCH)
        stretches.setdefault(stretch * STRETCH, {})[place] = filters_of(row)
    for first, kept in stretches.items():
        _replace(connection, first, kept)


def _replace(connection: Connection, stretch: int, kept: dict[int, set[int]]) -> None:
    """Give some places of a stretch other hashes, which they had among others."""
    query = BLOCKS.where(
        SearchBlock.part.in_([NEW, *range(PARTS)]), SearchBlock.first.between(stretch, stretch + STRETCH - 1)
    )
    places = np.fromiter(kept, np.uint16)
    rest = Postings.of(kept)
    changed: list[dict[str, Any]] = []
    for part, first, data in connection.execute(query):
        piece = Piece.read(first, data) if part == NEW else None
        postings = read_block(data, part) if piece is None else piece.postings
        here = np.intersect1d(postings.places, places)
        if len(here):
            own = rest.of_part(part) if piece is None else rest
            new = Postings.together([postings.only(here, invert=True), own.only(here)])
            block = new.block(is_part=True) if piece is None else replace(piece, postings=new).data()
            changed.append({"of_part": part, "of_first": first, "new": block})
    if changed:
        connection.execute(_CHANGE, changed)
