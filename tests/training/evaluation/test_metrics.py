"""Ranking metrics: known values, ties, base rates, and reasons instead of values."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from training.evaluation.metrics import MIN_FINDS, Ranking, poisson_times, ranking_figures, reliability, share_for
from training.reports.words import why_none


def _sample(n: int = 20_000, prevalence: float = 0.02, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    find = rng.random(n) < prevalence
    score = rng.normal(size=n) + 1.5 * find
    weight = rng.uniform(0.5, 3.0, n)
    return score, find, weight


def test_areas_equal_those_of_scikit_learn_with_weights_and_ties() -> None:
    score, find, weight = _sample()
    tied = np.round(score, 1)
    curve = Ranking(tied, find, weight).curve()
    assert curve.pr_auc() == pytest.approx(average_precision_score(find, tied, sample_weight=weight), abs=1e-12)
    assert curve.roc_auc() == pytest.approx(roc_auc_score(find, tied, sample_weight=weight), abs=1e-12)


@pytest.mark.parametrize(("base_rate", "share"), [(1e-6, 0.005), (0.02, 0.05), (0.24, 0.25), (0.9, 0.5)])
def test_the_quoted_share_can_hold_the_finds(base_rate: float, share: float) -> None:
    score, find, weight = _sample()
    assert share_for(base_rate) == share
    shares = ranking_figures(score, find, weight, base_rate=base_rate, resamples=0)["at_inspected_share"]
    assert set(shares) == {"0.001", "0.005", "0.01", "0.05", f"{share:g}"}


def test_a_constant_score_has_the_metrics_of_chance() -> None:
    _, find, _ = _sample()
    figures = ranking_figures(np.zeros(len(find)), find, base_rate=1e-6, resamples=0)
    assert figures["roc_auc"]["value"] == pytest.approx(0.5)
    assert figures["pr_auc"]["value"] == pytest.approx(find.mean())
    assert figures["at_inspected_share"]["0.01"]["recall"]["value"] == pytest.approx(0.01, rel=1e-4)
    assert figures["recall_at_false_positive_rate"]["0.001"]["value"] == pytest.approx(1e-3)


def test_finds_do_not_use_up_the_capacity_at_the_base_rate() -> None:
    # 1,000 shipments, of which 100 finds score above all others. At the base rate finds are a negligible share of
    # traffic, so inspecting 1 % of it reaches all of them, although they are 10 % of the window.
    find = np.arange(1000) < 100
    figures = ranking_figures(-np.arange(1000.0), find, base_rate=1e-6, resamples=0)
    assert figures["at_inspected_share"]["0.01"]["recall"]["value"] == pytest.approx(1.0)
    assert figures["at_inspected_share"]["0.01"]["precision_at_base_rate"]["value"] == pytest.approx(1e-6 / 0.01)
    assert (
        figures["at_inspected_share"]["0.001"]["recall"]["reason"] == "900 clean shipments; a share of 0.001 needs 1000"
    )


def test_recall_at_a_false_positive_rate_counts_clean_shipments_only() -> None:
    # Ranking: 50 finds, 10 clean, 50 finds, 990 clean.
    find = np.concatenate([np.ones(50), np.zeros(10), np.ones(50), np.zeros(990)]).astype(bool)
    figures = ranking_figures(-np.arange(len(find), dtype=float), find, base_rate=1e-6, resamples=0)
    assert figures["recall_at_false_positive_rate"]["0.01"]["value"] == pytest.approx(1.0)
    assert figures["recall_at_false_positive_rate"]["0.001"]["value"] == pytest.approx(0.5)
    assert figures["recall_at_false_positive_rate"]["0.0001"]["value"] is None


def test_a_weight_counts_as_that_number_of_shipments() -> None:
    score, find, _ = _sample(2000, 0.1)
    times = np.random.default_rng(5).integers(1, 4, len(find))
    repeated = Ranking(np.repeat(score, times), np.repeat(find, times)).curve()
    weighted = Ranking(score, find, times.astype(float)).curve()
    assert weighted.pr_auc() == pytest.approx(repeated.pr_auc())
    assert weighted.at_share(0.05, 1e-4) == pytest.approx(repeated.at_share(0.05, 1e-4))


def test_too_few_finds_give_a_reason_without_a_value() -> None:
    find = np.arange(1000) < MIN_FINDS - 1
    figures = ranking_figures(np.arange(1000.0), find, base_rate=1e-6)
    assert figures["pr_auc"]["value"] is None
    assert figures["pr_auc"]["reason"] == "9 finds in this window; at least 10 are needed"
    assert figures["roc_auc"] == {"value": None, "reason": figures["pr_auc"]["reason"], "cause": "too few finds"}
    assert why_none(figures["pr_auc"]) == "too few finds"
    little = ranking_figures(np.arange(1000.0), np.arange(1000) < MIN_FINDS, base_rate=1e-6)
    assert why_none(little["at_inspected_share"]["0.001"]["recall"]) == "too little traffic"
    assert reliability(np.full(1000, 0.1), find, base_rate=0.01) == []


def test_intervals_contain_the_value_and_shrink_with_more_finds() -> None:
    few = ranking_figures(*_sample(4000), base_rate=1e-6)["roc_auc"]
    many = ranking_figures(*_sample(64_000), base_rate=1e-6)["roc_auc"]
    for estimate in (few, many):
        assert estimate["low"] < estimate["value"] < estimate["high"]
    assert many["high"] - many["low"] < 0.5 * (few["high"] - few["low"])


def test_the_same_seed_gives_the_same_intervals() -> None:
    sample = _sample(4000)
    assert ranking_figures(*sample, base_rate=1e-6, seed=3) == ranking_figures(*sample, base_rate=1e-6, seed=3)
    assert ranking_figures(*sample, base_rate=1e-6, seed=3) != ranking_figures(*sample, base_rate=1e-6, seed=4)


def test_a_missing_score_ranks_last() -> None:
    find = np.array([True] * 10 + [False] * 10)
    score = np.where(find, np.nan, 1.0)
    assert Ranking(score, find).curve().roc_auc() == 0.0


def test_calibrated_probabilities_lie_on_the_diagonal_at_the_base_rate() -> None:
    rng = np.random.default_rng(2)
    n = 400_000
    log_odds = rng.normal(-4.0, 1.5, n)
    p = 1 / (1 + np.exp(-log_odds))
    find = rng.random(n) < p
    prevalence, base_rate = p.mean(), 1e-5
    moved = log_odds + np.log(base_rate / (1 - base_rate)) - np.log(prevalence / (1 - prevalence))
    bins = reliability(1 / (1 + np.exp(-moved)), find, base_rate=base_rate)
    assert len(bins) == 10
    assert sum(b["finds"] for b in bins) == find.sum()
    assert sum(b["shipments"] for b in bins) == n
    for b in bins:
        assert np.log(b["observed"] / b["predicted"]) == pytest.approx(0.0, abs=0.15)


def test_each_reliability_bin_has_enough_finds() -> None:
    score, find, weight = _sample(3000, 0.02)
    bins = reliability(1 / (1 + np.exp(-score)), find, weight, base_rate=1e-3)
    assert all(b["finds"] >= MIN_FINDS for b in bins)
    assert [b["predicted"] for b in bins] == sorted((b["predicted"] for b in bins), reverse=True)


def test_the_pr_auc_at_a_given_prevalence_equals_that_of_a_window_with_this_prevalence() -> None:
    # Each clean shipment occurs 19 times in the second window: one find in 20 becomes one in 362.
    find = np.arange(200) % 20 == 7
    score = np.random.default_rng(3).normal(size=200) + 2.0 * find
    diluted = Ranking(np.repeat(score, np.where(find, 1, 19)), np.repeat(find, np.where(find, 1, 19)))
    assert diluted.prevalence == pytest.approx(10 / (10 + 190 * 19))
    at = Ranking(score, find).curve().pr_auc(diluted.prevalence)
    assert at == pytest.approx(diluted.curve().pr_auc(), abs=1e-12)
    assert at < 0.6 * Ranking(score, find).curve().pr_auc()
    figures = ranking_figures(score, find, base_rate=1e-6, resamples=0)
    assert figures["pr_auc_at"]["0.001"]["value"] == pytest.approx(Ranking(score, find).curve().pr_auc(1e-3))
    assert set(figures["pr_auc_at"]) == {"0.001", "1e-05"}


def test_bootstrap_counts_are_poisson_with_mean_one_and_repeat_with_the_seed() -> None:
    times = np.concatenate(list(poisson_times(50_000, 12, 4)))
    assert times.shape == (12, 50_000)
    assert times.mean() == pytest.approx(1.0, abs=0.01)
    assert times.var() == pytest.approx(1.0, abs=0.02)
    assert (times == 0).mean() == pytest.approx(np.exp(-1.0), abs=0.005)
    assert np.array_equal(times, np.concatenate(list(poisson_times(50_000, 12, 4))))
    assert not np.array_equal(times, np.concatenate(list(poisson_times(50_000, 12, 5))))


def test_a_resampled_curve_equals_that_of_repeated_shipments() -> None:
    score, find, weight = _sample(600, 0.1)
    score = np.round(score, 1)
    times = np.concatenate(list(poisson_times(len(find), 3, 0)))
    for counts, curve in zip(times, Ranking(score, find, weight).curves(times), strict=True):
        repeated = Ranking(np.repeat(score, counts), np.repeat(find, counts), np.repeat(weight, counts)).curve()
        assert curve is not None
        assert curve.pr_auc() == pytest.approx(repeated.pr_auc())
        assert curve.roc_auc() == pytest.approx(repeated.roc_auc())
        assert curve.at_share(0.02, 1e-4) == pytest.approx(repeated.at_share(0.02, 1e-4))


@given(st.integers(0, 2**32 - 1), st.floats(1e-6, 0.2), st.integers(1, 40))
def test_more_inspections_never_find_less(seed: int, base_rate: float, levels: int) -> None:
    rng = np.random.default_rng(seed)
    find = rng.random(400) < 0.1
    find[:2] = True, False
    curve = Ranking(np.round(rng.random(400) * levels), find, rng.uniform(0.5, 5.0, 400)).curve()
    recalls = [curve.at_share(share, base_rate)[0] for share in np.linspace(0.001, 1.0, 40).tolist()]
    assert all(later >= earlier - 1e-12 for earlier, later in pairwise(recalls))
    assert recalls[-1] == pytest.approx(1.0)
    rates = [curve.recall_at_fpr(rate) for rate in np.linspace(0.0, 1.0, 40).tolist()]
    assert rates == sorted(rates)
