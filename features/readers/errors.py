"""What a file can be refused for.

    ValueError
    ├── Unreadable      the file as a whole: not there, cut short, of another kind, without a column we know
    └── MappingError    the mapping file: a name that does not exist here, or a column that is not in the data

A single row is never an exception: it becomes a `features.readers.chunk.Reject` and the other rows go on.
"""

from __future__ import annotations


class Unreadable(ValueError):
    """A file that cannot be read as a manifest. The message names the file, what is wrong and what would be right."""

    def __init__(self, name: str, problem: str, remedy: str) -> None:
        self.name, self.problem, self.remedy = name, problem, remedy
        super().__init__(f"{name}: {problem} {remedy}")


class MappingError(ValueError):
    """A column mapping that does not fit. The message names the mapping file, the key and the nearest valid names."""

    def __init__(self, name: str, key: str, problem: str) -> None:
        self.name, self.key, self.problem = name, key, problem
        super().__init__(f"{name}: {key}: {problem}")
