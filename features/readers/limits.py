"""Limits of what a reader accepts, so that one input takes neither all memory nor all time."""

from __future__ import annotations

from typing import Final

from features.readers.errors import Unreadable

#: Most columns of a file. The manifest has 54 fields; wide exports of customs systems have some hundred columns. A hundred thousand
#: columns took 79 s and 1.7 GB.
MAX_COLUMNS: Final = 1_000


def check_width(name: str, columns: int) -> None:
    """Refuse a file with too many columns.

    Raises:
        Unreadable: the file has more than `MAX_COLUMNS` columns.
    """
    if columns > MAX_COLUMNS:
        raise Unreadable(
            name,
            f"It has {columns:,} columns; at most {MAX_COLUMNS:,} are read.",
            "Leave out the columns that are not part of the manifest.",
        )
