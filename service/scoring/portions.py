"""Portions of a request, each of which is scored as one table.

Portions are limited, because compiled loops over a table hold the interpreter lock, and each further field is a column that takes
memory in each row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from itertools import accumulate
from typing import Final

from features.manifest.records import Record
from features.table.table import ManifestTable

#: Maximum number of goods items per portion, as in a chunk of a CSV request. A loop over them takes milliseconds.
_MOST_ROWS: Final = 5_000
#: Maximum number of cells of further fields per portion, including empty ones, at 12 bytes each. 32 small shipments that are scored
#: together always fit.
_MOST_CELLS: Final = 1_700_000
#: Maximum number of names of further fields per shipment, including its goods items.
MOST_FURTHER: Final = 200
_NONE: Final[Set[str]] = frozenset()


def further_names(shipment: Record) -> Set[str]:
    """Return the names of the further fields of a shipment and its goods items."""
    # Nearly all shipments have none.
    if not shipment.further and not any(shipment.item_further):
        return _NONE
    return set(shipment.further).union(*shipment.item_further)


def portions_of(readable: Iterable[tuple[int, Record]]) -> Iterator[list[tuple[int, Record]]]:
    """Split records with their indices into portions, in order. A portion has one record, or is within the limits."""
    portion: list[tuple[int, Record]] = []
    rows = 0
    names: set[str] = set()
    for one in readable:
        rows += len(one[1].items)
        names |= further_names(one[1])
        if portion and (rows > _MOST_ROWS or rows * len(names) > _MOST_CELLS):
            yield portion
            portion, rows, names = [], len(one[1].items), set(further_names(one[1]))
        portion.append(one)
    if portion:
        yield portion


def first_rows(shipments: Sequence[Record]) -> list[int]:
    """Return the first row of each record in the table of all records."""
    return [0, *accumulate(len(shipment.items) for shipment in shipments)][:-1]


def tables_of_distinct(table: ManifestTable, shipments: Sequence[Record], received: int) -> list[ManifestTable]:
    """Split shipments into tables in which adjacent shipments have different ``shipment_id``.

    Adjacent rows of a table with the same ``shipment_id`` form one shipment. In a request, each record is a shipment: a repeated
    record must not become one shipment with twice the goods.

    Args:
        table: table of all shipments.
        received: time of receipt in seconds since 1970.
    """
    parts: list[list[Record]] = []
    previous = -1
    for first_row, shipment in zip(first_rows(shipments), shipments, strict=True):
        number = int(table.shipment[first_row])
        if number == previous or not parts:
            parts.append([])
        parts[-1].append(shipment)
        previous = number
    return [ManifestTable.from_records(part, receipt=received) for part in parts]
