"""Ratio of predicted to observed finds: exact on constructed examples, 1 for perfect calibration, and wrong for planted errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from training.data.dataset import Outcome
from training.evaluation.calibration_check import BIN_FINDS, calibration_check, checks_of
from training.evaluation.evaluation import Scored

BASE_RATE = 1e-3


def _sample(n: int, spread: float = 1.6, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return the true log-odds at `BASE_RATE` of n shipments, and the finds of a window with a far higher prevalence."""
    rng = np.random.default_rng(seed)
    at_window = rng.normal(-4.5, spread, n)
    p = 1 / (1 + np.exp(-at_window))
    find = rng.random(n) < p
    moved = at_window + np.log(BASE_RATE / (1 - BASE_RATE)) - np.log(p.mean() / (1 - p.mean()))
    return moved, find


def _check(log_odds: np.ndarray, find: np.ndarray, **options: Any) -> dict[str, Any]:
    return calibration_check(log_odds, find, np.ones(len(find)), base_rate=BASE_RATE, **options)


def test_a_perfect_calibrator_has_ratios_of_one_within_their_intervals() -> None:
    log_odds, find = _sample(120_000)
    found = _check(log_odds, find)
    top = found["top"]["ratio"]
    assert top["low"] < 1.0 < top["high"]
    assert top["value"] == pytest.approx(1.0, abs=0.1)
    assert len(found["bins"]) == 10
    for one in found["bins"]:
        assert one["finds"] >= BIN_FINDS
        assert one["ratio"]["value"] == pytest.approx(1.0, abs=0.2)
        assert one["ratio"]["low"] < one["ratio"]["value"] < one["ratio"]["high"]
        assert one["ratio"]["value"] == pytest.approx(one["predicted"] / one["observed"])
        assert one["observed_log_odds"] == pytest.approx(np.log(one["observed"] / (1 - one["observed"])))
    assert sum(one["finds"] for one in found["bins"]) == find.sum()
    assert sum(one["shipments"] for one in found["bins"]) == len(find)


def test_probabilities_too_high_by_half_are_detected_at_the_top_and_in_every_bin() -> None:
    log_odds, find = _sample(120_000)
    found = _check(log_odds + np.log(1.5), find)
    assert found["top"]["ratio"]["low"] > 1.18
    assert all(one["ratio"]["low"] > 1.1 for one in found["bins"])


def test_overconfident_scores_are_detected_at_both_ends() -> None:
    log_odds, find = _sample(120_000)
    middle = float(np.median(log_odds[find]))
    found = _check(middle + 1.5 * (log_odds - middle), find)
    assert found["top"]["ratio"]["low"] > 1.18
    assert found["bins"][0]["ratio"]["low"] > 1.33
    assert found["bins"][-1]["ratio"]["high"] < 0.75


def test_the_top_one_percent_of_a_constructed_example() -> None:
    # 1,000 clean shipments and 20 finds. The first 10 clean ones and 12 finds have p = 0.01, all others 0.0001.
    find = np.concatenate([np.zeros(10), np.ones(12), np.zeros(990), np.ones(8)]).astype(bool)
    high = np.arange(len(find)) < 22
    p = np.where(high, 0.01, 0.0001)
    found = _check(np.log(p / (1 - p)), find, resamples=0)
    # Traffic above the step is 0.999 * 10/1000 clean and 0.001 * 12/20 finds, 1.059 % in all; the top 1 % is a part of
    # this tie.
    part = 0.01 / (0.999 * 0.01 + 0.001 * 0.6)
    assert found["top"]["observed"] == pytest.approx(0.001 * 0.6 * part / 0.01)
    assert found["top"]["predicted"] == pytest.approx(0.01)
    assert found["top"]["ratio"]["value"] == pytest.approx(0.01 / (0.0006 * part / 0.01))


def test_intervals_contain_their_values_where_finds_are_a_fifth_of_the_traffic() -> None:
    rng = np.random.default_rng(3)
    log_odds = rng.normal(-1.8, 1.2, 20_000)
    find = rng.random(20_000) < 1 / (1 + np.exp(-log_odds))
    rate = float(find.mean())
    found = calibration_check(log_odds, find, np.ones(20_000), base_rate=rate)
    for one in (found["top"], *found["bins"]):
        ratio = one["ratio"]
        assert (ratio["low"] + ratio["high"]) / 2 == pytest.approx(ratio["value"], rel=0.04)
        assert ratio["low"] < ratio["value"] < ratio["high"]


def test_a_weight_counts_as_that_number_of_shipments() -> None:
    log_odds, find = _sample(30_000)
    times = np.random.default_rng(1).integers(1, 4, len(find))
    weighted = calibration_check(log_odds, find, times.astype(float), base_rate=BASE_RATE, resamples=0)["top"]
    repeated = _check(np.repeat(log_odds, times), np.repeat(find, times), resamples=0)["top"]
    assert weighted["ratio"]["value"] == pytest.approx(repeated["ratio"]["value"])


def test_too_few_finds_give_a_reason_instead_of_a_ratio() -> None:
    log_odds = np.linspace(-9.0, -5.0, 4000)
    none = _check(log_odds, np.arange(4000) < 9)
    assert none["top"]["ratio"] == {
        "value": None,
        "reason": "9 finds; at least 10 are needed",
        "cause": "too few finds",
    }
    assert none["bins"] == []
    low = _check(log_odds, np.arange(4000) < 199)
    assert low["top"]["ratio"]["reason"] == "0 finds in the top 1% of traffic; at least 10 are needed"
    assert low["bins_reason"] == "199 finds; a bin needs 200"
    some = _check(log_odds, np.arange(4000) >= 3400, resamples=5)
    assert [one["finds"] for one in some["bins"]] == [200, 200, 200]


def test_only_shipments_with_a_known_outcome_are_compared_unless_only_finds_are_recorded() -> None:
    log_odds, truth = _sample(120_000)
    inspected = np.random.default_rng(1).random(len(truth)) < 0.2
    scored = Scored(("risk",), log_odds, log_odds[:, None], {"risk": BASE_RATE})
    find, weight = (truth & inspected)[:, None], np.ones(len(truth))

    def ratio(known: np.ndarray | None) -> float:
        found = checks_of(scored, {"office": Outcome(find, weight, known)}, resamples=0)["office"]
        return float(found["top"]["ratio"]["value"])

    assert ratio(inspected) == pytest.approx(1.0, abs=0.2)
    assert ratio(find[:, 0]) == ratio(None)
