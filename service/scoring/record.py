"""Record of the traffic that the service scored, for `tidewaiter adapt --from-log`.

Off unless ``TIDEWAITER_RECORD`` names a file. Each scored shipment is a line of JSON: the manifest as declared, without scores and
outcomes. A missing ``declared_at`` is replaced by the time of receipt. The record contains personal data; only its owner may read
the files.

Before a file would exceed the size limit, it becomes ``PATH.1``, the file before it ``PATH.2``, and so on; the oldest is deleted.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from features.manifest.shipment import shipment_to_json
from service.core.logs import logger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from features.table.table import ManifestTable


class TrafficRecord:
    """Appends shipments to a file. Threads and processes may share the file: each write locks a file beside it."""

    def __init__(self, path: Path, *, max_bytes: int, files: int) -> None:
        """
        Args:
            max_bytes: size at which the file is rotated.
            files: number of rotated files to keep.
        """
        self._path, self._max_bytes, self._files = path, max_bytes, files
        self._lock = path.with_name(f".{path.name}.lock")
        self._failed = False

    def add(self, table: ManifestTable) -> None:
        """Append the shipments of a scored table. If writing fails, log the first failure in a row and go on."""
        lines = b"".join(orjson.dumps(shipment) + b"\n" for shipment in _shipments(table))
        try:
            with self._lock.open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                self._append(lines)
        except OSError as error:
            if not self._failed:
                logger().error("record_failed", path=str(self._path), problem=error.strerror)
            self._failed = True
        else:
            self._failed = False

    def _append(self, lines: bytes) -> None:
        if self._path.exists() and self._path.stat().st_size + len(lines) > self._max_bytes:
            for number in range(self._files, 0, -1):
                older = self._named(number - 1)
                if older.exists():
                    older.replace(self._named(number))
        with os.fdopen(os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "wb") as file:
            file.write(lines)

    def _named(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path


def erase_from_record(path: Path, files: int, shipments: set[str], before: str | None) -> int:
    """Delete shipments from the record of traffic, and return their number.

    Args:
        path: file of the record; its rotated files are searched too.
        files: number of rotated files.
        shipments: ``shipment_id`` of the shipments to delete.
        before: time, ISO 8601 in UTC; shipments declared before it are deleted too.
    """
    if not path.parent.is_dir():
        return 0
    deleted = 0
    with path.with_name(f".{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for number in range(files + 1):
            one = path.with_name(f"{path.name}.{number}") if number else path
            if one.exists():
                deleted += _erase_lines(one, shipments, before)
    return deleted


def _erase_lines(path: Path, shipments: set[str], before: str | None) -> int:
    deleted = 0
    rest = path.with_name(f".{path.name}.rest")
    with path.open("rb") as lines, os.fdopen(os.open(rest, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as kept:
        for line in lines:
            shipment = orjson.loads(line)
            is_old = before is not None and shipment["declared_at"] < before
            if is_old or str(shipment["shipment_id"]) in shipments:
                deleted += 1
            else:
                kept.write(line)
        kept.flush()
        os.fsync(kept.fileno())
    if deleted:
        rest.replace(path)
    else:
        rest.unlink()
    return deleted


def _shipments(table: ManifestTable) -> Iterator[dict[str, Any]]:
    for shipment, second in zip(table.to_shipments(), table.declared_s.tolist(), strict=True):
        if shipment.declared_at is None:
            shipment.declared_at = dt.datetime.fromtimestamp(second, dt.UTC).isoformat().replace("+00:00", "Z")
        yield shipment_to_json(shipment)
