"""Tables of records when adjacent records may have the same ``shipment_id``."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from features.manifest.records import Record
from features.table.table import ManifestTable


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
