"""The error of the reference data."""

from __future__ import annotations


class ReferenceDataError(ValueError):
    """A bundled reference file is not what it must be: says file, row (line number, the header is 1) and reason."""

    def __init__(self, file: str, row: int | None, reason: str) -> None:
        self.file = file
        self.row = row
        self.reason = reason
        super().__init__(f"{file}: {reason}" if row is None else f"{file}, row {row}: {reason}")
