"""Windows of time: fit, stop, calibrate, lanes and test."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: The result time of a shipment without a result.
NEVER: Final = int(np.iinfo(np.int64).max)
#: Cap of the label delay, as a share of the data's span. Four gaps of 6 % leave three quarters of the span to the windows.
MOST_GAP_OF_SPAN: Final = 0.06


class TooLittleData(ValueError):
    """No plan of windows has enough finds and shipments; the message lists what each window has and needs."""


@dataclass(frozen=True, slots=True)
class Window:
    """A window of time.

    Attributes:
        name: ``fit``, ``stop``, ``calibrate``, ``lanes``, ``held`` (stop, calibrate and lanes in one), ``test`` or ``refit``.
        start_s: First second, since 1970.
        end_s: Second after the last.
        cut_s: Results up to this moment count: the start of the next window.
        shipments: (n,) indices into the table, in time order.
    """

    name: str
    start_s: int
    end_s: int
    cut_s: int
    shipments: Ints

    def has_result(self, known_s: Ints) -> Bools:
        """(n,) whether the result of each shipment is known at the cut; ``known_s`` covers the whole table."""
        return np.asarray(known_s[self.shipments] <= self.cut_s)

    def finds(self, find: Bools, known_s: Ints) -> int:
        """Count the finds that are known at the cut; ``find`` and ``known_s`` cover the whole table."""
        return int(np.sum(find[self.shipments] & self.has_result(known_s)))


@dataclass(frozen=True, slots=True)
class Windows:
    """All windows of a run.

    With little data, one window serves as ``stop``, ``calibrate`` and ``lanes``, and there may be no ``test``. ``refit``
    covers everything before the test window whose results had time to arrive. ``gap_s`` is the gap between two windows.
    ``in_time`` is false for a random split.
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
