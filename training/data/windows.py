"""Consecutive windows in time: fit, stop, calibrate, lanes, test, each a label delay after the one before.

The delay is the 95th percentile of the time between declaration and result. With such a gap between two windows, the
results of the earlier one are nearly all known when the later one starts, as they would be for an office that trains at
that moment; a result that is not known by then is not used (`Window.cut_s`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: A time that never comes: the result of a shipment that was not inspected.
NEVER: Final = int(np.iinfo(np.int64).max)

#: Shares of the traffic that lies in windows (the gaps between them are not counted).
FIVE: Final = {"fit": 0.50, "stop": 0.10, "calibrate": 0.12, "lanes": 0.10, "test": 0.18}
FOUR: Final = {"fit": 0.60, "stop": 0.12, "calibrate": 0.15, "lanes": 0.13}
THREE: Final = {"fit": 0.55, "held": 0.25, "test": 0.20}
TWO: Final = {"fit": 0.65, "held": 0.35}

#: Finds that a window needs. Fit: below 20 a head is not trained. Calibrate: two parameters and a little more. Stop:
#: the loss on fewer is noise. "held" stands in for stop, calibrate and lanes when data is short.
FINDS_NEEDED: Final = {"fit": 20, "stop": 5, "calibrate": 10, "lanes": 0, "held": 10, "test": 0}
#: Shipments that a window needs: the red lane is 0.5 % of traffic, and must be at least one shipment.
SHIPMENTS_NEEDED: Final = {"fit": 100, "stop": 20, "calibrate": 40, "lanes": 200, "held": 200, "test": 1}

DELAY_QUANTILE: Final = 0.95
#: Four gaps of 6 % leave three quarters of the span to the windows, however late the results come.
MOST_GAP_OF_SPAN: Final = 0.06


class TooLittleData(ValueError):
    """No plan of windows has enough finds and shipments; the message says what each window has and needs."""


@dataclass(frozen=True, slots=True)
class Window:
    """One window: ``shipments`` are indices into the table, in time order; [start_s, end_s) in seconds since epoch.

    ``cut_s`` is the moment up to which results count: the start of the window that follows.
    """

    name: str
    start_s: int
    end_s: int
    cut_s: int
    shipments: Ints

    def known(self, known_s: Ints) -> Bools:
        """Whether the result of each of the window's shipments is known at the cut; ``known_s`` covers the table."""
        return np.asarray(known_s[self.shipments] <= self.cut_s)

    def finds(self, find: Bools, known_s: Ints) -> int:
        return int(np.sum(find[self.shipments] & self.known(known_s)))


@dataclass(frozen=True, slots=True)
class Windows:
    """The plan. `refit` is everything before the test window whose results had time to come in."""

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
        windows = [self.fit, self.stop, self.calibrate, self.lanes]
        if self.test is not None:
            windows.append(self.test)
        return tuple({id(w): w for w in windows}.values())

    def to_json(self, find: Bools, known_s: Ints) -> dict[str, object]:
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


def label_delay(declared_s: Ints, known_s: Ints) -> int:
    """Seconds within which 95 % of the results came, capped at 6 % of the time the data spans; 0 without results."""
    labelled = known_s != NEVER
    if not labelled.any():
        return 0
    delay = float(np.quantile(np.maximum(known_s[labelled] - declared_s[labelled], 0), DELAY_QUANTILE))
    span = int(declared_s.max() - declared_s.min())
    return int(min(delay, MOST_GAP_OF_SPAN * span))


def plan_windows(
    declared_s: Ints, find: Bools, known_s: Ints, *, with_test: bool = True, complete: bool = False
) -> Windows:
    """Windows over shipments sorted by ``declared_s`` (n,), with ``find`` (n,) and the times ``known_s`` (n,) of
    results.

    Short data falls back to one held-out window for stop, calibrate and lanes, and then to no test window; the notes
    say so. ``with_test=False`` leaves the test window out from the start (there is a separate holdout). ``complete``: every
    shipment has its result, so that the last of them need not be left out of the refit.
    Raises `TooLittleData` when even that is impossible.
    """
    if np.any(np.diff(declared_s) < 0):
        raise ValueError("Got shipments out of order, but expected them sorted by declared_at")
    gap = label_delay(declared_s, known_s)
    plans: list[tuple[dict[str, float], str | None]] = [(FIVE, None)] if with_test else [(FOUR, None)]
    short = "Data is short: one window serves for stopping, calibrating and lanes"
    if with_test:
        plans.append((THREE, f"{short}."))
    plans.append((TWO, f"{short}, and none is left for a test." if with_test else f"{short}."))
    complaints: list[str] = []
    for shares, note in plans:
        windows = _cut(declared_s, known_s, list(shares.values()), list(shares), gap)
        lacking = _lacking(windows, find, known_s)
        if not lacking:
            return _assemble(windows, declared_s, known_s, gap, note, complete)
        complaints.append(f"{len(shares)} windows: " + ", ".join(lacking))
    raise TooLittleData("Too little data to train on. " + "; ".join(complaints) + ".")


def plan_random(groups: Ints, find: Bools, *, seed: int, with_test: bool = True, by: str = "consignor") -> Windows:
    """Windows for data without any time: groups (a consignor's shipments, say) are dealt to windows at random.

    ``groups`` (n,) holds a group number per shipment. A fallback: it says nothing about the future, and the note says
    so.
    """
    never = np.full(len(groups), NEVER, dtype=np.int64)
    rank = np.random.default_rng(seed).permutation(int(groups.max()) + 1 if len(groups) else 0)[groups]
    note = f"No row has a time: windows are a random split by {by}, which flatters a model that will be used later."
    complaints: list[str] = []
    for shares in (FIVE, THREE, TWO) if with_test else (FOUR, TWO):
        edges = np.concatenate(([0.0], np.cumsum(list(shares.values())))) * (rank.max() + 1 if len(rank) else 1)
        edges[-1] = np.inf
        windows = [
            Window(name, 0, 0, NEVER, np.flatnonzero((rank >= low) & (rank < high)))
            for name, low, high in zip(shares, edges[:-1], edges[1:], strict=True)
        ]
        lacking = _lacking(windows, find, never)
        if not lacking:
            by_name = {w.name: w for w in windows}
            held = by_name.get("held")
            before = [w.shipments for w in windows if w.name != "test"]
            refit = Window("refit", 0, 0, NEVER, np.sort(np.concatenate(before)))
            stop, calibrate, lanes = (held or by_name[name] for name in ("stop", "calibrate", "lanes"))
            return Windows(by_name["fit"], stop, calibrate, lanes, by_name.get("test"), refit, 0, False, (note,))
        complaints.append(f"{len(shares)} windows: " + ", ".join(lacking))
    raise TooLittleData("Too little data to train on. " + "; ".join(complaints) + ".")


def _cut(declared_s: Ints, known_s: Ints, shares: Sequence[float], names: Sequence[str], gap: int) -> list[Window]:
    """Windows in the given shares with ``gap`` seconds between, as large as the data allows."""
    n = len(declared_s)

    def bounds(scale: float) -> list[tuple[int, int]] | None:
        found: list[tuple[int, int]] = []
        start = 0
        for share in shares:
            end = start + max(1, round(share * scale))
            if end > n:
                return None
            # Shipments of one instant stay together.
            end = int(np.searchsorted(declared_s, declared_s[end - 1], side="right"))
            found.append((start, end))
            start = int(np.searchsorted(declared_s, int(declared_s[end - 1]) + 1 + gap, side="left"))
        return found

    low, high = 0.0, float(n)
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if bounds(middle) is not None else (low, middle)
    spans = bounds(low) or []
    if not spans:
        return [Window(name, 0, 0, NEVER, np.zeros(0, dtype=np.int64)) for name in names]
    spans[-1] = (spans[-1][0], n)
    windows: list[Window] = []
    for i, (name, (start, end)) in enumerate(zip(names, spans, strict=True)):
        cut = int(declared_s[spans[i + 1][0]]) if i + 1 < len(spans) else NEVER - 1
        windows.append(
            Window(
                name, int(declared_s[start]), int(declared_s[end - 1]) + 1, cut, np.arange(start, end, dtype=np.int64)
            )
        )
    last = windows[-1]
    known = known_s[known_s != NEVER]
    cut = max(int(known.max()) if len(known) else 0, last.end_s)
    windows[-1] = Window(last.name, last.start_s, last.end_s, cut, last.shipments)
    return windows


def _lacking(windows: Sequence[Window], find: Bools, known_s: Ints) -> list[str]:
    lacking: list[str] = []
    for window in windows:
        finds = window.finds(find, known_s)
        if finds < FINDS_NEEDED[window.name]:
            lacking.append(f"{window.name} has {finds} finds and needs {FINDS_NEEDED[window.name]}")
        if len(window.shipments) < SHIPMENTS_NEEDED[window.name]:
            needed = SHIPMENTS_NEEDED[window.name]
            lacking.append(f"{window.name} has {len(window.shipments)} shipments and needs {needed}")
    return lacking


def _assemble(
    windows: list[Window], declared_s: Ints, known_s: Ints, gap: int, note: str | None, complete: bool
) -> Windows:
    by_name = {w.name: w for w in windows}
    test = by_name.get("test")
    held = by_name.get("held")
    stop, calibrate, lanes = (held or by_name[name] for name in ("stop", "calibrate", "lanes"))
    cut = test.start_s if test is not None else lanes.cut_s
    # The last gap before the cut is left out: the finds in it that are not known yet would be taught as clean.
    end_s = lanes.end_s if test is not None or complete else max(by_name["fit"].end_s, min(lanes.end_s, cut - gap + 1))
    end = int(np.searchsorted(declared_s, end_s, side="left"))
    refit = Window("refit", windows[0].start_s, end_s, cut, np.arange(0, end, dtype=np.int64))
    notes = (note,) if note else ()
    return Windows(by_name["fit"], stop, calibrate, lanes, test, refit, gap, True, notes)
