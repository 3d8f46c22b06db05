"""Drift: planted shifts raise the alarm of their series, and years without a shift hardly any."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from service.monitoring.drift import FALSE_ALARMS, REFERENCE, drift_of
from service.monitoring.weeks import WEEK, Week

N = 10_000
CHANNELS = {"express": 0.5, "postal": 0.3, "ocean": 0.15, "air_cargo": 0.05}
ROUTES = 400


def week(rng: np.random.Generator, number: int, *, n: int = N, spread: float = 0.0, **changes: Any) -> Week:
    """Return a week of an office.

    Args:
        spread: standard deviation of the log-odds of shares from week to week.
        changes: other shares of groups.
    """
    one = Week(number * WEEK)
    one.decisions = one.manifests = rng.multinomial(n, [0.17, 0.18, 0.17, 0.16, 0.15, 0.1, 0.07])

    def add(family: str, group: str, share: float) -> None:
        share = changes.get(group, share)
        moved = rng.normal(0.0, spread)
        share = share * np.exp(moved) / (1.0 - share + share * np.exp(moved))
        one.counts.setdefault(family, {})[group] = rng.binomial(one.decisions, share)

    add("lanes", "red", 0.005)
    add("lanes", "yellow", 0.02)
    for percentile in (0.5, 0.9, 0.99):
        add("scores", f"above {percentile}", 1.0 - percentile)
    for field, share in {"hs_code": 0.05, "cas_number": 0.98, "origin_country": 0.01, "never": 0.0}.items():
        add("missing", field, share)
    for channel, share in CHANNELS.items():
        add("channel", channel, share)
    weights = 1.0 / np.arange(1, ROUTES + 1)
    routes = np.array([rng.multinomial(day, weights / weights.sum()) for day in one.manifests.tolist()])
    one.counts["routes"] = {f"R{k}": routes[:, k] for k in range(ROUTES) if routes[:, k].any()}
    return one


def alarms(weeks: list[Week]) -> dict[str, dict[str, Any]]:
    return {one["series"]: one for one in drift_of(weeks, weeks) if one["alarm"]}


def year(seed: int, **options: Any) -> int:
    """Return the number of weeks with an alarm in a year without a shift."""
    rng = np.random.default_rng(seed)
    weeks = [week(rng, number, **options) for number in range(REFERENCE + 52)]
    return sum(bool(alarms(weeks[:REFERENCE] + weeks[max(REFERENCE, k - 2) : k + 1])) for k in range(REFERENCE, 56))


@pytest.mark.parametrize("options", [{}, {"spread": 0.1}, {"n": 1_000}])
def test_a_year_without_a_shift_has_at_most_one_false_alarm_on_average(options: dict[str, Any]) -> None:
    assert np.mean([year(seed, **options) for seed in range(6)]) <= FALSE_ALARMS


@pytest.mark.parametrize(
    ("changes", "series", "group"),
    [
        ({"postal": 0.4, "express": 0.4}, "channel", "postal"),
        ({"hs_code": 0.1}, "missing", "hs_code"),
        ({"red": 0.01}, "lanes", "red"),
        ({"above 0.5": 0.57, "above 0.9": 0.13}, "scores", "above 0.5"),
        ({"never": 0.004}, "missing", "never"),
    ],
)
def test_a_planted_shift_is_found_within_three_weeks(changes: dict[str, Any], series: str, group: str) -> None:
    rng = np.random.default_rng(5)
    reference = [week(rng, number) for number in range(REFERENCE)]
    shifted = [week(rng, REFERENCE + number, **changes) for number in range(3)]
    found = alarms(reference + shifted)
    assert set(found) == {series}
    assert group in [one["group"] for one in found[series]["groups"]]
    assert found[series]["advice"]


def test_a_change_of_the_odds_by_a_tenth_is_no_drift() -> None:
    rng = np.random.default_rng(4)
    n = 400_000
    reference = [week(rng, number, n=n) for number in range(REFERENCE)]
    shifted = [week(rng, REFERENCE + number, n=n, postal=0.318) for number in range(3)]
    assert not alarms(reference + shifted)
    shifted = [week(rng, REFERENCE + number, n=n, postal=0.34) for number in range(3)]
    assert set(alarms(reference + shifted)) == {"channel"}


def test_a_small_office_needs_several_weeks() -> None:
    rng = np.random.default_rng(6)
    reference = [week(rng, number, n=800) for number in range(REFERENCE)]
    shifted = [week(rng, REFERENCE + number, n=800, hs_code=0.1) for number in range(3)]
    [moved] = alarms(reference + shifted)["missing"]["groups"]
    assert moved["weeks"] == 3


def test_new_routes_and_rare_values_are_named() -> None:
    rng = np.random.default_rng(7)
    weeks = [week(rng, number) for number in range(REFERENCE + 1)]
    weeks[-1].counts["routes"]["CN to USLAX"] = np.full(7, 60)
    weeks[-1].counts["channel"]["rail"] = np.full(7, 30)
    found = alarms(weeks)
    assert set(found) == {"routes", "channel"}
    assert found["routes"]["groups"][0]["names"][0] == "CN to USLAX"
    assert found["channel"]["groups"][0]["group"] == "all others"
    assert found["channel"]["groups"][0]["names"] == ["rail"]


def test_traffic_that_varies_from_week_to_week_raises_the_bar() -> None:
    rng = np.random.default_rng(8)

    def statistic(spread: float) -> float:
        weeks = [week(rng, number, spread=spread) for number in range(REFERENCE)]
        [missing] = [one for one in drift_of([*weeks, shifted], [*weeks, shifted]) if one["series"] == "missing"]
        return float(missing["statistic"])

    shifted = week(rng, REFERENCE, hs_code=0.08)
    assert statistic(0.3) < statistic(0.0) / 2


def test_there_is_no_series_before_the_reference_is_complete_and_a_week_has_followed() -> None:
    rng = np.random.default_rng(9)
    weeks = [week(rng, number) for number in range(REFERENCE + 1)]
    assert drift_of(weeks[:REFERENCE], weeks[:REFERENCE]) == []
    assert drift_of(weeks, weeks)
    # A new model: its inputs have a reference already.
    assert {one["series"] for one in drift_of([], weeks)} == {"missing", "channel", "routes"}
