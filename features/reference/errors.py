"""Error for reference data."""

from __future__ import annotations


class ReferenceDataError(ValueError):
    """Error for an invalid bundled reference file. The message names file, row (line number, the header is 1) and reason."""

    def __init__(self, file: str, row: int | None, reason: str) -> None:
        self.file = file
        self.row = row
        self.reason = reason
        super().__init__(f"{file}: {reason}" if row is None else f"{file}, row {row}: {reason}")
