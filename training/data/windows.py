"""Time windows of a training run: fit, stop, calibrate, lanes and test."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np

from training.arrays import Bools, Ints

#: Result time of shipments without a result.
NEVER: Final = int(np.iinfo(np.int64).max)
#: Upper bound of the label delay as a share of the data's span. Four gaps of 6 % leave three quarters of the span for windows.
MOST_GAP_OF_SPAN: Final = 0.06


class TooLittleData(ValueError):
    """Error for data without enough finds or shipments for any plan. The message lists what each window has and needs."""


@dataclass(frozen=True, slots=True)
class Window:
    """A time window.

    Attributes:
        name: ``fit``, ``stop``, ``calibrate``, ``lanes``, ``held`` (stop, calibrate and lanes in one), ``test`` or ``refit``.
        start_s: First second, in seconds since 1970.
        end_s: Second after the last one.
        cut_s: Start of the next window. Only results known by then count.
        shipments: (n,) indices into the table, in time order.
    """

    name: str
    start_s: int
    end_s: int
    cut_s: int
    shipments: Ints

    def has_result(self, known_s: Ints) -> Bools:
        """Return whether each shipment's result is known at the cut, shape (n,). ``known_s`` covers the whole table."""
        return np.asarray(known_s[self.shipments] <= self.cut_s)

    def finds(self, find: Bools, known_s: Ints) -> int:
        """Return the number of finds known at the cut. ``find`` and ``known_s`` cover the whole table."""
        return int(np.sum(find[self.shipments] & self.has_result(known_s)))


@dataclass(frozen=True, slots=True)
class Windows:
    """All windows of a run.

    With little data, one window serves as ``stop``, ``calibrate`` and ``lanes``, and ``test`` may be None. ``refit`` covers the
    shipments before the test window whose results had time to arrive. ``gap_s`` is the gap between two windows. ``in_time`` is
    False for a random split.
    """

    fit: Window
    stop: Window
    calibrate: Window
    lanes: Window
    test: Window | None
    refit: Window
    gap_s: int
    in_time: bool
    notes: tuple[str, ...]

    def each(self) -> tuple[Window, ...]:
        """Return each window once, without ``refit``."""
        windows = [self.fit, self.stop, self.calibrate, self.lanes]
        if self.test is not None:
            windows.append(self.test)
        return tuple({id(w): w for w in windows}.values())

    def to_json(self, find: Bools, known_s: Ints) -> dict[str, object]:
        """Return bounds and counts of all windows as JSON values; ``find`` and ``known_s`` cover the whole table."""

        def one(window: Window) -> dict[str, object]:
            out: dict[str, object] = {"shipments": len(window.shipments), "finds": window.finds(find, known_s)}
            if self.in_time:
                out |= {"from": _iso(window.start_s), "to": _iso(window.end_s)}
                if window.cut_s != NEVER:
                    out["results_known_by"] = _iso(window.cut_s)
            return out

        windows: dict[str, object] = {w.name: one(w) for w in (*self.each(), self.refit)}
        return {
            "in_time": self.in_time,
            "label_delay_days": round(self.gap_s / 86400, 2),
            "windows": windows,
            "notes": list(self.notes),
        }


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
