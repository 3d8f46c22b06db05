"""Journal of decisions that wait for the database, in files on this machine. Each process writes its own files.

A line is the CRC-32 of a JSON text, a space, and the text. Lines are on the disk (fsync) when `Journal.append` returns. A process
locks its files. A process that starts takes over the files whose process has ended. Delivery identifies decisions by their ids, so
a line that is read twice is stored once.

An erasure finds waiting lines, and deletes lines that were set aside. A line is set aside because the database refuses it, or
because it is damaged.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from service.core.logs import logger
from service.scoring.decision import NewDecision, reference_of

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from service.scoring.decision import ToErase

#: Ending of the names of journal files.
ENDING: Final = ".journal"
#: Name of the file of lines that cannot be delivered, which a person must examine.
SET_ASIDE: Final = "set-aside"
_BYTES: Final = ("manifest", "answer")
_CRC_DIGITS: Final = 8


@dataclass(slots=True)
class _File:
    path: Path
    descriptor: int
    size: int
    delivered: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """Decisions at the head of the journal. Pass this to `Journal.delivered` once they are in the database."""

    decisions: list[NewDecision]
    file: _File
    end: int


class Journal:
    """Waiting decisions in their order. One thread may append while another thread delivers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: list[_File] = []
        self._own: _File | None = None
        self._lock = threading.Lock()
        self._count = 0

    def open(self) -> None:
        """Take over the files of processes that have ended.

        Raises:
            OSError: the folder cannot be used.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in sorted(self._folder.glob(f"*{ENDING}")):
            with contextlib.suppress(FileNotFoundError, BlockingIOError):
                file = _opened(path, os.O_RDWR)
                self._files.append(file)
                self._count += _repaired(file)

    @property
    def waiting(self) -> int:
        """Number of decisions that are not delivered."""
        return self._count

    def append(self, decisions: Sequence[NewDecision]) -> None:
        """Append decisions and wait until they are on the disk.

        Raises:
            OSError: the decisions cannot be written. None of them will be delivered.
        """
        lines = b"".join(map(_line, decisions))
        with self._lock:
            file = self._own or self._new_file()
            try:
                _write_all(file.descriptor, lines, file.size)
                os.fdatasync(file.descriptor)
            except OSError:
                os.ftruncate(file.descriptor, file.size)
                raise
            file.size += len(lines)
            self._count += len(decisions)

    def head(self, most: int) -> Waiting | None:
        """Return up to ``most`` decisions that have waited longest; None if none waits. Damaged lines are set aside."""
        with self._lock:
            file = self._files[0] if self._files else None
        if file is None:
            return None
        decisions: list[NewDecision] = []
        end = file.delivered
        with file.path.open("rb") as lines:
            lines.seek(end)
            while len(decisions) < most and end < file.size:
                line = lines.readline()
                end += len(line)
                try:
                    decisions.append(decision_of(line))
                except ValueError:
                    logger().error("journal_damaged", path=str(file.path), line_ends_at=end)
                    self._set_aside(line)
        return Waiting(decisions, file, end)

    def refuse(self, decision: NewDecision) -> None:
        """Set aside a decision that the database refuses, so that it does not block the others."""
        logger().error("journal_refused", decision_id=decision.id)
        self._set_aside(_line(decision))

    def _set_aside(self, line: bytes) -> None:
        descriptor = os.open(self._folder / SET_ASIDE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            # An erasure may be rewriting the file.
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(line)

    def delivered(self, waiting: Waiting) -> None:
        """Remove delivered decisions from the journal. A file is deleted with its last decision."""
        with self._lock:
            file = waiting.file
            file.delivered = waiting.end
            self._count = max(0, self._count - len(waiting.decisions))
            if file.delivered >= file.size:
                file.path.unlink(missing_ok=True)
                os.close(file.descriptor)
                self._files.remove(file)
                self._own = None if self._own is file else self._own
            if not self._files:
                self._count = 0

    def close(self) -> None:
        """Close the files. Waiting decisions stay in them."""
        with self._lock:
            for file in self._files:
                os.close(file.descriptor)
            self._files, self._own = [], None

    def _new_file(self) -> _File:
        # Names sort by time, so that the oldest file is delivered first.
        path = self._folder / f"{time.time_ns():020d}-{os.getpid()}{ENDING}"
        self._own = file = _opened(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        self._files.append(file)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return file


def _opened(path: Path, flags: int) -> _File:
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        size = os.fstat(descriptor).st_size
        if not path.exists():
            # Another process has delivered and deleted it between opening and locking.
            raise FileNotFoundError(path)
    except OSError:
        os.close(descriptor)
        raise
    return _File(path, descriptor, size)


def _repaired(file: _File) -> int:
    """Cut off an incomplete last line, which no client has an answer for, and return the number of lines."""
    with file.path.open("rb") as lines:
        complete = [line for line in lines if line.endswith(b"\n")]
    file.size = sum(map(len, complete))
    os.ftruncate(file.descriptor, file.size)
    return len(complete)


def _write_all(descriptor: int, data: bytes, at: int) -> None:
    rest = memoryview(data)
    while rest:
        written = os.pwrite(descriptor, rest, at)
        rest, at = rest[written:], at + written


def _line(decision: NewDecision) -> bytes:
    values: dict[str, Any] = {name: getattr(decision, name) for name in NewDecision.__slots__}
    # Store these as texts, so that reading gives the same bytes.
    values |= {name: values[name].decode() for name in _BYTES}
    values["content_digest"] = decision.content_digest.hex()
    text = orjson.dumps(values)
    return b"%08x %b\n" % (zlib.crc32(text), text)


def decision_of(line: bytes) -> NewDecision:
    """Return the decision of a line.

    Raises:
        ValueError: the line is damaged.
    """
    text = line[_CRC_DIGITS + 1 : -1]
    if int(line[:_CRC_DIGITS], 16) != zlib.crc32(text):
        raise ValueError("The checksum of the line is wrong.")
    values = orjson.loads(text)
    values |= {name: values[name].encode() for name in _BYTES}
    values["content_digest"] = bytes.fromhex(values["content_digest"])
    return NewDecision(**values)


_MICROSECOND: Final = 1_000


def erase(folder: Path, selection: ToErase, shipments: Collection[str]) -> int:
    """Delete the lines of a selection, and return their number.

    Time and shipment of a damaged line are not certain. It is deleted if it contains a reference or the id of the decision, or,
    in a selection by time, if the file was not changed since that time.

    Args:
        folder: folder of the journal.
        shipments: references of the selection, as declared.
    """
    try:
        file = (folder / SET_ASIDE).open("r+b")
    except FileNotFoundError:
        return 0
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        status = os.fstat(file.fileno())
        lines = file.readlines()
        left = [line for line in lines if not _chosen(line, selection, shipments, status.st_mtime_ns // _MICROSECOND)]
        if len(left) < len(lines):
            file.seek(0)
            file.writelines(left)
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
            os.utime(file.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))
    return len(lines) - len(left)


def waits(folder: Path, selection: ToErase) -> bool:
    """Return whether a decision of a selection waits in the journal, or was delivered from a file that still exists.

    Only running processes have files after `service.decisions.delivery.deliver_left`.
    """
    shipments = [] if selection.shipment_id is None else [selection.shipment_id]
    for path in folder.glob(f"*{ENDING}"):
        # A file is deleted with its last decision.
        with contextlib.suppress(FileNotFoundError), path.open("rb") as lines:
            changed_at = os.fstat(lines.fileno()).st_mtime_ns // _MICROSECOND
            if any(_chosen(line, selection, shipments, changed_at) for line in lines):
                return True
    return False


def _chosen(line: bytes, selection: ToErase, shipments: Collection[str], changed_at: int) -> bool:
    try:
        decision = decision_of(line)
    except (ValueError, TypeError, KeyError):
        if selection.before is not None:
            return changed_at < selection.before
        wanted = [*shipments, *([selection.decision_id] if selection.decision_id else [])]
        return any(one.encode() in line for one in wanted)
    if selection.before is not None:
        return decision.received_at < selection.before
    references = {form for one in shipments for form in (one, reference_of(one))}
    return decision.id == selection.decision_id or decision.shipment_id in references
