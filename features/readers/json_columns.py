"""Compiled conversion of JSON objects to columns."""

from __future__ import annotations

from typing import Any

#: Content of a column: no values, texts only, or other values.
NOTHING, TEXTS, OTHERS = 0, 1, 2


def columns_of(rows: list[dict[str, Any]], names: tuple[str, ...]) -> tuple[list[list[Any]], list[int]]:
    """Return the columns of ``rows`` by ``names``, with None for missing values, and the content of each column.

    The content is `NOTHING`, `TEXTS` or `OTHERS`.
    """
    columns: list[list[Any]] = [[None] * len(rows) for _ in names]
    contents = [0] * len(names)
    # Look up all names of a row while the row is in the processor's cache.
    for at, row in enumerate(rows):
        for place, name in enumerate(names):
            value = row.get(name)
            if value is not None:
                columns[place][at] = value
                if type(value) is not str:
                    contents[place] = 2
                elif contents[place] == 0:
                    contents[place] = 1
    return columns, contents
