"""Limits of the input of readers, which bound memory and time."""

from __future__ import annotations

from typing import Final

from features.readers.errors import Unreadable

#: Maximum number of columns of a file. The manifest has 54 fields; wide exports of customs systems have a few hundred columns.
#: A file with 100,000 columns took 79 s and 1.7 GB.
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
