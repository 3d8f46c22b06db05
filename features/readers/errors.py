"""Errors of readers, and the limit of the width of a file.

    ValueError
    ├── Unreadable      the whole file: missing, truncated, of another kind, or without a known column
    └── MappingError    the mapping file: an unknown name, or a column that is not in the data

A bad row raises no error. It becomes a `features.readers.chunk.Reject`, and reading continues.
"""

from __future__ import annotations

from typing import Final


class Unreadable(ValueError):
    """Error for a file that is unreadable as a manifest. The message names the file, the problem and the remedy."""

    def __init__(self, name: str, problem: str, remedy: str) -> None:
        self.name, self.problem, self.remedy = name, problem, remedy
        super().__init__(f"{name}: {problem} {remedy}")


class MappingError(ValueError):
    """Error for an invalid column mapping. The message names the mapping file, the key, the problem and, for an unknown name,
    the nearest valid names.
    """

    def __init__(self, name: str, key: str, problem: str) -> None:
        self.name, self.key, self.problem = name, key, problem
        super().__init__(f"{name}: {key}: {problem}")


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
