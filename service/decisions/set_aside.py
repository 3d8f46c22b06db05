"""Erasure in the journal: find waiting lines, and delete lines that were set aside.

A line is set aside because the database refuses it, or because it is damaged.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING, Final

from service.decisions.journal import ENDING, SET_ASIDE, decision_of
from service.scoring.references import reference_of

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from service.core.erasing import Selection

_MICROSECOND: Final = 1_000


def erase(folder: Path, selection: Selection, shipments: Collection[str]) -> int:
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


def waits(folder: Path, selection: Selection) -> bool:
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


def _chosen(line: bytes, selection: Selection, shipments: Collection[str], changed_at: int) -> bool:
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
