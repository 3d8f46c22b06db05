"""Errors of readers.

    ValueError
    ├── Unreadable      the whole file: missing, truncated, of another kind, or without a known column
    └── MappingError    the mapping file: an unknown name, or a column that is not in the data

A bad row raises no error. It becomes a `features.readers.chunk.Reject`, and reading continues.
"""

from __future__ import annotations


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
