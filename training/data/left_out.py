"""Note on the unreadable rows of a file, with their number, lines and reasons."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Final

_SHOWN_REASONS: Final = 4
_SHOWN_LINES: Final = 5


def left_out_note(refused: Iterable[tuple[int, str]], rows: int, *, unit: str = "line") -> str | None:
    """Return a note on the refused rows, with the most frequent reasons first; None if no row is refused.

    Args:
        refused: line and reason of each refused row.
        rows: number of rows of the file, including the refused ones.
        unit: name of a line number: ``line``, or ``row`` for Parquet.
    """
    by_reason = sorted(refused, key=lambda row: (row[1], row[0]))
    if not by_reason:
        return None
    groups = [(reason, [line for line, _ in same]) for reason, same in groupby(by_reason, key=lambda row: row[1])]
    groups.sort(key=lambda group: (-len(group[1]), group[0]))
    reasons = []
    for reason, lines in groups[:_SHOWN_REASONS]:
        shown = ", ".join(map(str, lines[:_SHOWN_LINES])) + (", ..." if len(lines) > _SHOWN_LINES else "")
        reasons.append(f"{len(lines):,}: {reason} ({unit}{'s' if len(lines) > 1 else ''} {shown})")
    rest = sum(len(lines) for _, lines in groups[_SHOWN_REASONS:])
    if rest:
        reasons.append(f"{rest:,}: other reasons")
    return f"{len(by_reason):,} of {rows:,} rows could not be read and were left out. {'; '.join(reasons)}."
