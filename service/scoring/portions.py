"""Portions of a request that are scored as one table each.

Compiled loops over a table hold Python's lock, and a column per further field takes memory for each row, so both are limited.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from features.manifest.records import Record

#: Goods items of a portion, as many as of a chunk of a file. A loop over them takes milliseconds.
_MOST_ROWS: Final = 5_000
#: Values of the further fields of a portion, also missing ones: 12 bytes each. 32 small shipments that are scored together fit.
_MOST_CELLS: Final = 1_700_000
#: Names of further fields of one shipment and its goods items.
MOST_FURTHER: Final = 200


def further_names(shipment: Record) -> set[str]:
    """Return the names of the further fields of a shipment and its goods items."""
    return set(shipment.further).union(*shipment.item_further)


def portions_of(readable: Iterable[tuple[int, Record]]) -> Iterator[list[tuple[int, Record]]]:
    """Split records, given with their indices, in order. A portion has one record or is within the limits."""
    portion: list[tuple[int, Record]] = []
    rows = 0
    names: set[str] = set()
    for one in readable:
        rows += len(one[1].items)
        names |= further_names(one[1])
        if portion and (rows > _MOST_ROWS or rows * len(names) > _MOST_CELLS):
            yield portion
            portion, rows, names = [], len(one[1].items), further_names(one[1])
        portion.append(one)
    if portion:
        yield portion
