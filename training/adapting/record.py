"""Files in which the service recorded its own traffic."""

from __future__ import annotations

from pathlib import Path

from training.data.dataset import BadData


def recorded_files(path: Path) -> list[Path]:
    """Return a record's rotated files, the oldest first, and the file itself.

    Raises:
        BadData: there is no such file.
    """
    rotated = [
        (int(number), one)
        for one in path.parent.glob(f"{path.name}.*")
        if (number := one.name.removeprefix(f"{path.name}.")).isdecimal()
    ]
    files = [one for _, one in sorted(rotated, reverse=True)]
    if path.is_file():
        files.append(path)
    if not files:
        raise BadData(f"{path}: no such file; the service writes it if TIDEWAITER_RECORD names it")
    return files
