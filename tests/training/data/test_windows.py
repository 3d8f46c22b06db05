"""Plans of windows: order, gaps, known results, and the fallbacks for short data."""

from __future__ import annotations

import numpy as np
import pytest

from training.data.planning import label_delay, plan_random, plan_windows
from training.data.windows import NEVER, TooLittleData

DAY = 86400
START = 1_700_000_000


def _shipments(
    n: int = 20_000, find_rate: float = 0.02, delay_days: float = 5.0, days: int = 400
) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(0)
    declared = START + np.sort(rng.integers(0, days * DAY, n))
    find = rng.random(n) < find_rate
    inspected = find | (rng.random(n) < 0.1)
    known = np.where(inspected, declared + (rng.exponential(delay_days * DAY, n)).astype(np.int64) + 1, NEVER)
    return declared, find, known


def test_windows_follow_each_other_a_label_delay_apart() -> None:
    declared, find, known = _shipments()
    windows = plan_windows(declared, find, known)
    names = [w.name for w in windows.each()]
    assert names == ["fit", "stop", "calibrate", "lanes", "test"]
    assert windows.gap_s == label_delay(declared, known)
    assert 14 * DAY < windows.gap_s < 16 * DAY  # the 95th percentile of an exponential with mean 5 days is 15 days
    for earlier, later in zip(windows.each(), windows.each()[1:], strict=False):
        assert declared[later.shipments[0]] - declared[earlier.shipments[-1]] > windows.gap_s
        assert earlier.cut_s == declared[later.shipments[0]]
    assert windows.each()[-1].shipments[-1] == len(declared) - 1


def test_windows_have_the_documented_shares_of_traffic() -> None:
    windows = plan_windows(*_shipments())
    sizes = np.array([len(w.shipments) for w in windows.each()])
    assert sizes / sizes.sum() == pytest.approx([0.50, 0.10, 0.12, 0.10, 0.18], abs=0.01)


def test_a_result_after_the_cut_is_not_known() -> None:
    declared, find, known = _shipments()
    windows = plan_windows(declared, find, known)
    late = known.copy()
    shipment = windows.fit.shipments[find[windows.fit.shipments]][0]
    before = windows.fit.finds(find, late)
    late[shipment] = windows.fit.cut_s + 1
    assert windows.fit.finds(find, late) == before - 1
    late[shipment] = windows.fit.cut_s
    assert windows.fit.finds(find, late) == before


def test_the_refit_ends_before_the_last_gap_and_uses_results_known_when_the_test_starts() -> None:
    declared, find, known = _shipments()
    windows = plan_windows(declared, find, known)
    assert windows.test is not None
    assert windows.refit.cut_s == windows.test.start_s
    assert declared[windows.refit.shipments[-1]] + windows.gap_s < windows.test.start_s
    assert set(windows.lanes.shipments) <= set(windows.refit.shipments)


def test_shipments_of_the_same_second_stay_in_one_window() -> None:
    declared, find, known = _shipments()
    declared = declared // DAY * DAY
    known = np.where(known == NEVER, NEVER, np.maximum(known, declared + 1))
    windows = plan_windows(declared, find, known)
    for earlier, later in zip(windows.each(), windows.each()[1:], strict=False):
        assert declared[earlier.shipments[-1]] < declared[later.shipments[0]]


def test_short_data_shares_one_window_and_a_note_mentions_it() -> None:
    windows = plan_windows(*_shipments(n=2500, find_rate=0.03))
    assert windows.stop is windows.calibrate is windows.lanes
    assert windows.test is not None
    assert windows.notes == ("There is little data: one window serves for stopping, calibration and lanes.",)


def test_too_little_data_is_refused_with_the_counts_and_needs_of_each_window() -> None:
    with pytest.raises(TooLittleData) as caught:
        plan_windows(*_shipments(n=300, find_rate=0.001))
    message = str(caught.value)
    assert "Too little data to train on" in message
    assert "fit has" in message
    assert "finds and needs 20" in message
    assert "held has 104 shipments and needs 200" in message


@pytest.mark.parametrize("find_rate", [0.0, 0.001])
def test_few_finds_or_none_get_two_windows_and_a_note(find_rate: float) -> None:
    windows = plan_windows(*_shipments(n=3000, find_rate=find_rate))
    assert [window.name for window in windows.each()] == ["fit", "held"]
    assert "There are few finds: the model stays close to the prior of evidence." in windows.notes[0]
    assert " finds and needs 20 and held has " in windows.notes[0]


def test_without_times_few_finds_get_two_windows_and_a_note() -> None:
    windows = plan_random(np.arange(3000), np.zeros(3000, dtype=bool), seed=1)
    assert [window.name for window in windows.each()] == ["fit", "held"]
    assert windows.notes[-1] == (
        "There are few finds: the model stays close to the prior of evidence. "
        "Of two windows, fit has 0 finds and needs 20 and held has 0 finds and needs 10."
    )


def test_with_a_holdout_there_is_no_test_window_and_the_refit_leaves_out_the_last_gap() -> None:
    declared, find, known = _shipments()
    windows = plan_windows(declared, find, known, with_test=False)
    assert windows.test is None
    assert [w.name for w in windows.each()] == ["fit", "stop", "calibrate", "lanes"]
    last = declared[windows.refit.shipments[-1]]
    assert last >= windows.lanes.start_s
    assert last <= windows.refit.cut_s - windows.gap_s


def test_unsorted_shipments_are_refused() -> None:
    declared, find, known = _shipments(n=1000)
    with pytest.raises(ValueError, match="sorted by declared_at"):
        plan_windows(declared[::-1], find, known)


def test_without_times_whole_groups_are_assigned_to_windows_at_random() -> None:
    rng = np.random.default_rng(3)
    groups = rng.integers(0, 500, 10_000)
    find = rng.random(10_000) < 0.05
    windows = plan_random(np.unique(groups, return_inverse=True)[1], find, seed=1)
    seen: dict[int, str] = {}
    for window in windows.each():
        for group in set(groups[window.shipments].tolist()):
            assert seen.setdefault(group, window.name) == window.name
    assert sum(len(w.shipments) for w in windows.each()) == 10_000
    assert not windows.in_time
    assert "random split by consignor" in windows.notes[0]
    again = plan_random(np.unique(groups, return_inverse=True)[1], find, seed=1)
    assert np.array_equal(again.fit.shipments, windows.fit.shipments)
