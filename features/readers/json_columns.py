"""JSON objects -> columns of their values."""

from __future__ import annotations

from typing import Any

#: What a column holds: nothing, texts alone, something else too.
NOTHING, TEXTS, OTHERS = 0, 1, 2


def columns_of(rows: list[dict[str, Any]], names: tuple[str, ...]) -> tuple[list[list[Any]], list[int]]:
    """Each name's values in all rows, None where a row has none; and what they are: `NOTHING`, `TEXTS` or `OTHERS`."""
    columns: list[list[Any]] = [[None] * len(rows) for _ in names]
    held = [0] * len(names)
    # A row stays in the processor's cache while all names are looked up in it.
    for at, row in enumerate(rows):
        for place, name in enumerate(names):
            value = row.get(name)
            if value is not None:
                columns[place][at] = value
                if type(value) is not str:
                    held[place] = 2
                elif held[place] == 0:
                    held[place] = 1
    return columns, held
