"""Access to the bundled data files."""

from __future__ import annotations

from pathlib import Path
from typing import Final, TextIO

from features.reference.errors import ReferenceDataError

DATA: Final = Path(__file__).parent / "data"


def open_data(name: str) -> TextIO:
    """Open a bundled text file for reading as UTF-8, with line ends kept (for `csv`).

    Raises:
        ReferenceDataError: the file is missing from the installation.
    """
    try:
        return (DATA / name).open(encoding="utf-8", newline="")
    except FileNotFoundError:
        reason = "is missing from the installation, expected it in features/reference/data"
        raise ReferenceDataError(name, None, reason) from None
