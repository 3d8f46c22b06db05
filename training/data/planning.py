"""Planning of windows: consecutive in time with a label delay between them, or a random split for data without times.

The delay is the 95th percentile of the time between declaration and result. With this gap, nearly all results of a window
are known when the next one starts. Results that become known later are not used (`training.data.windows.Window.cut_s`), because
an office that trains at that moment would not have them either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.groups.own.keys import declarations
from training.arrays import Bools, Ints
from training.data.dataset import Dataset
from training.data.windows import MOST_GAP_OF_SPAN, NEVER, TooLittleData, Window, Windows

#: Shares of the traffic per window, without the gaps. The window "held" replaces stop, calibrate and lanes.
FIVE: Final = {"fit": 0.50, "stop": 0.10, "calibrate": 0.12, "lanes": 0.10, "test": 0.18}
FOUR: Final = {"fit": 0.60, "stop": 0.12, "calibrate": 0.15, "lanes": 0.13}
THREE: Final = {"fit": 0.55, "held": 0.25, "test": 0.20}
TWO: Final = {"fit": 0.65, "held": 0.35}

#: Minimum number of finds per window of a plan. If a window has fewer, a plan with fewer windows is tried. With fewer finds, the
#: loss on the stop window is noise; calibration fits two parameters. The plan of two windows is also used with fewer finds or none,
#: because trees then shrink towards the prior of evidence.
FINDS_NEEDED: Final = {"fit": 20, "stop": 5, "calibrate": 10, "lanes": 0, "held": 10, "test": 0}
#: Minimum number of shipments per window. The red lane is 0.5 % of traffic and must contain at least one shipment.
SHIPMENTS_NEEDED: Final = {"fit": 100, "stop": 20, "calibrate": 40, "lanes": 200, "held": 200, "test": 1}

#: Shares by name of the window, and a note on the plan.
Plan = tuple[Mapping[str, float], str | None]

_FEW_FINDS: Final = "There are few finds: the model stays close to the prior of evidence."
DELAY_QUANTILE: Final = 0.95
#: Bisection steps in the search for the largest windows.
_HALVINGS: Final = 40


def plan(data: Dataset, *, with_test: bool, seed: int, shares: Sequence[float] | None = None) -> Windows:
    """Plan windows in time, or at random for data without times.

    ``with_test=False`` plans no test window, for runs with a separate holdout file. ``shares`` of the traffic per window, in the
    order of `FIVE` or `FOUR`, replace the defaults and exclude plans with fewer windows. Raises `TooLittleData`.
    """
    named = _named_shares(shares, with_test=with_test)
    find = data.shipment_has_find()
    if data.has_times:
        # If every shipment has a result, the office waited for all results before it exported the data.
        complete = data.own is not None and bool(data.labels.inspected.all())
        return plan_windows(
            data.table.declared_s, find, data.labels.known_s, with_test=with_test, complete=complete, shares=named
        )
    if data.own is not None:
        # Keep identical declarations in one window; otherwise one of them would leak the label of the others.
        first_items = declarations(data.table, data.own)[data.table.first_row]
        return plan_random(
            _numbered(first_items), find, seed=seed, with_test=with_test, by="identical declarations", shares=named
        )
    consignor = data.table.text("consignor_name")
    codes = consignor.codes[data.table.first_row].astype(np.int64)
    # Each shipment without a consignor is its own group.
    groups = np.where(codes >= 0, codes, len(consignor.values) + np.arange(len(codes)))
    return plan_random(_numbered(groups), find, seed=seed, with_test=with_test, shares=named)


def _named_shares(shares: Sequence[float] | None, *, with_test: bool) -> Mapping[str, float] | None:
    """Return the shares by name of the window, scaled to add up to 1; None if ``shares`` is None."""
    if shares is None:
        return None
    return {name: share / sum(shares) for name, share in zip(FIVE if with_test else FOUR, shares, strict=True)}


def _numbered(values: Ints) -> Ints:
    """Replace values (n,) by their ranks among the distinct values."""
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def label_delay(declared_s: Ints, known_s: Ints) -> int:
    """Return the delay in seconds within which 95 % of results arrived, at most 6 % of the data's span; 0 without results."""
    labelled = known_s != NEVER
    if not labelled.any():
        return 0
    delay = float(np.quantile(np.maximum(known_s[labelled] - declared_s[labelled], 0), DELAY_QUANTILE))
    span = int(declared_s.max() - declared_s.min())
    return int(min(delay, MOST_GAP_OF_SPAN * span))


def plan_windows(
    declared_s: Ints,
    find: Bools,
    known_s: Ints,
    *,
    with_test: bool = True,
    complete: bool = False,
    shares: Mapping[str, float] | None = None,
) -> Windows:
    """Plan windows over shipments sorted by ``declared_s`` (n,), with ``find`` (n,) and result times ``known_s`` (n,).

    If the data is too short or has few finds, one window replaces stop, calibrate and lanes. If that is not enough, there is no
    test window. Notes report both cases. ``with_test=False`` never plans a test window. ``complete`` states that every shipment has
    its result, so that the refit may use the last shipments. ``shares`` per window replace all plans.

    Raises:
        TooLittleData: The data is too short for every plan.
        ValueError: The shipments are not sorted.
    """
    if np.any(np.diff(declared_s) < 0):
        raise ValueError("Got shipments out of order, but expected them sorted by declared_at")
    times = _Times(declared_s, known_s, label_delay(declared_s, known_s))
    short = "There is little data: one window serves for stopping, calibration and lanes"
    plans: list[Plan] = [(FOUR, None), (TWO, f"{short}.")]
    if with_test:
        plans = [(FIVE, None), (THREE, f"{short}."), (TWO, f"{short}, and there is no test window.")]
    if shares is not None:
        plans = [(shares, None)]
    windows, note, few = _first_possible(plans, lambda named: _consecutive(times, named), find, known_s)
    return _windows_in_time(windows, times, note if few is None else f"{note} {few}", complete=complete)


def _first_possible(
    plans: Sequence[Plan], windows_of: Callable[[Mapping[str, float]], list[Window]], find: Bools, known_s: Ints
) -> tuple[list[Window], str | None, str | None]:
    """Return the windows of the first plan for which the data suffices, its note, and a note if it has few finds."""
    complaints: list[str] = []
    for shares, note in plans:
        windows = windows_of(shares)
        lacking = _lacking(windows, find, known_s)
        if not lacking:
            return windows, note, None
        if shares is TWO and not _lacking(windows, None, known_s):
            return windows, note, f"{_FEW_FINDS} Of two windows, {' and '.join(lacking)}."
        complaints.append(f"{len(shares)} windows: " + ", ".join(lacking))
    raise TooLittleData("Too little data to train on. " + "; ".join(complaints) + ".")


def plan_random(
    groups: Ints,
    find: Bools,
    *,
    seed: int,
    with_test: bool = True,
    by: str = "consignor",
    shares: Mapping[str, float] | None = None,
) -> Windows:
    """Assign groups of shipments, such as those of one consignor, to windows at random. Used for data without times.

    ``groups`` (n,) contains each shipment's group number, and ``by`` names the groups in the note. Metrics on a random split do
    not measure performance on future traffic. ``shares`` per window replace all plans. Raises `TooLittleData`.
    """
    never = np.full(len(groups), NEVER, dtype=np.int64)
    rank = np.random.default_rng(seed).permutation(int(groups.max()) + 1 if len(groups) else 0)[groups]
    note = f"No row has a time: windows are a random split by {by}, and metrics flatter a model that will score later shipments."
    plans = (shares,) if shares is not None else (FIVE, THREE, TWO) if with_test else (FOUR, TWO)

    def windows_of(named: Mapping[str, float]) -> list[Window]:
        edges = np.concatenate(([0.0], np.cumsum(list(named.values())))) * (rank.max() + 1 if len(rank) else 1)
        edges[-1] = np.inf
        return [
            Window(name, 0, 0, NEVER, np.flatnonzero((rank >= low) & (rank < high)))
            for name, low, high in zip(named, edges[:-1], edges[1:], strict=True)
        ]

    windows, _, few = _first_possible([(named, None) for named in plans], windows_of, find, never)
    by_name = {window.name: window for window in windows}
    before_test = np.sort(np.concatenate([window.shipments for window in windows if window.name != "test"]))
    refit = Window("refit", 0, 0, NEVER, before_test)
    notes = (note,) if few is None else (note, few)
    return Windows(
        by_name["fit"], *_after_fit(by_name), by_name.get("test"), refit, gap_s=0, in_time=False, notes=notes
    )


@dataclass(frozen=True, slots=True)
class _Times:
    """Declaration and result times (n,) of sorted shipments, and the gap between windows, all in seconds."""

    declared_s: Ints
    known_s: Ints
    gap_s: int

    def spans(self, shares: Sequence[float], scale: float) -> list[tuple[int, int]] | None:
        """Return [start, end) of consecutive windows of ``share * scale`` shipments; None if they do not fit."""
        spans: list[tuple[int, int]] = []
        start = 0
        for share in shares:
            end = start + max(1, round(share * scale))
            if end > len(self.declared_s):
                return None
            # Keep shipments of the same second together.
            end = int(np.searchsorted(self.declared_s, self.declared_s[end - 1], side="right"))
            spans.append((start, end))
            next_s = int(self.declared_s[end - 1]) + 1 + self.gap_s
            start = int(np.searchsorted(self.declared_s, next_s, side="left"))
        return spans

    def last_result_s(self) -> int:
        known = self.known_s[self.known_s != NEVER]
        return int(known.max()) if len(known) else 0


def _consecutive(times: _Times, shares: Mapping[str, float]) -> list[Window]:
    """Return windows in the given shares with gaps between them, as large as the data allows."""
    parts = list(shares.values())
    # Search by bisection: the spans are not a continuous function of the scale, because shipments share seconds.
    low, high = 0.0, float(len(times.declared_s))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if times.spans(parts, middle) is not None else (low, middle)
    spans = times.spans(parts, low)
    if not spans:
        return [Window(name, 0, 0, NEVER, np.zeros(0, dtype=np.int64)) for name in shares]
    declared_s = times.declared_s
    spans[-1] = (spans[-1][0], len(declared_s))
    ends_s = [int(declared_s[end - 1]) + 1 for _, end in spans]
    cuts_s = [int(declared_s[start]) for start, _ in spans[1:]] + [max(times.last_result_s(), ends_s[-1])]
    return [
        Window(name, int(declared_s[start]), end_s, cut_s, np.arange(start, end, dtype=np.int64))
        for name, (start, end), end_s, cut_s in zip(shares, spans, ends_s, cuts_s, strict=True)
    ]


def _lacking(windows: Sequence[Window], find: Bools | None, known_s: Ints) -> list[str]:
    """Describe the finds and shipments that each window lacks. Without ``find``, only shipments are checked."""
    lacking: list[str] = []
    for window in windows:
        finds = window.finds(find, known_s) if find is not None else FINDS_NEEDED[window.name]
        if finds < FINDS_NEEDED[window.name]:
            lacking.append(f"{window.name} has {finds} finds and needs {FINDS_NEEDED[window.name]}")
        if len(window.shipments) < SHIPMENTS_NEEDED[window.name]:
            needed = SHIPMENTS_NEEDED[window.name]
            lacking.append(f"{window.name} has {len(window.shipments)} shipments and needs {needed}")
    return lacking


def _after_fit(by_name: Mapping[str, Window]) -> tuple[Window, Window, Window]:
    """Return the windows for stopping, calibration and lanes: three windows, or ``held`` three times."""
    stop, calibrate, lanes = (by_name.get("held") or by_name[name] for name in ("stop", "calibrate", "lanes"))
    return stop, calibrate, lanes


def _windows_in_time(windows: Sequence[Window], times: _Times, note: str | None, *, complete: bool) -> Windows:
    by_name = {w.name: w for w in windows}
    fit, test = by_name["fit"], by_name.get("test")
    stop, calibrate, lanes = _after_fit(by_name)
    cut_s = test.start_s if test is not None else lanes.cut_s
    end_s = lanes.end_s
    if test is None and not complete:
        # Leave out the last gap before the cut, because finds whose results are not known yet would be learned as clean.
        end_s = max(fit.end_s, min(end_s, cut_s - times.gap_s + 1))
    end = int(np.searchsorted(times.declared_s, end_s, side="left"))
    refit = Window("refit", windows[0].start_s, end_s, cut_s, np.arange(0, end, dtype=np.int64))
    notes = (note,) if note else ()
    return Windows(fit, stop, calibrate, lanes, test, refit, times.gap_s, True, notes)
