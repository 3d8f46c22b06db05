"""Trees learn the residual of the prior, and few finds shrink them towards it."""

from __future__ import annotations

import numpy as np
import pytest

from training.fitting.boosting import fit_heads, raw_score, refit_heads
from training.fitting.examples import Examples
from training.fitting.params import BoosterSpec, BoostingParams
from training.fitting.residual import HALF_FINDS, LEAST_SLOPE, prior_factor, prior_slope, shrinkage

PARAMS = BoostingParams(learning_rate=0.15, num_leaves=4, min_data_in_leaf=10, feature_fraction=1.0, most_trees=40)
NAMES = ("decides", "noise")
HEADS = ("x", "y")


def _examples(finds: int, *, seed: int = 0, n: int = 4000, known: bool = False) -> Examples:
    """Return rows whose first feature determines the finds; with ``known``, the prior already predicts them."""
    draw = np.random.default_rng(seed)
    matrix = draw.random((n, 2))
    find = np.zeros((n, 2), dtype=bool)
    find[np.argsort(-matrix[:, 0])[: 2 * finds : 2], 0] = True
    prior = np.full((n, 2), -9.0)
    if known:
        prior[:, 0] = np.where(matrix[:, 0] > 1.0 - 2 * finds / n, 0.0, -20.0)
    return Examples(matrix, find, np.ones(n), prior=prior)


def _spec() -> BoosterSpec:
    return BoosterSpec(HEADS, NAMES, (0, 0), PARAMS, seed=0, threads=1)


def test_shrinkage_grows_smoothly_from_zero_with_the_number_of_finds() -> None:
    factors = [shrinkage(finds) for finds in range(2000)]
    assert factors[0] == 0.0
    assert shrinkage(round(HALF_FINDS)) == pytest.approx(0.5)
    assert 0.98 < factors[-1] < 1.0
    steps = np.diff(factors)
    assert (steps > 0.0).all()
    assert steps.max() < 0.06


def test_without_finds_boosters_add_nothing_to_the_prior() -> None:
    train, stop = _examples(0), _examples(0, seed=1)
    first = fit_heads(_spec(), train, stop)
    for fits in (first, refit_heads(_spec(), train, first)):
        for fit in fits.values():
            assert fit.constant
            assert not raw_score(fit.booster, train.matrix, 1).any()


@pytest.mark.parametrize("finds", [5, 30, 100])
def test_the_values_of_trees_are_those_of_the_residual_times_the_shrinkage(
    finds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, stop = _examples(finds), _examples(finds, seed=1)
    shrunk = fit_heads(_spec(), train, stop)
    monkeypatch.setattr("training.fitting.boosting.shrinkage", lambda _: 1.0)
    whole = fit_heads(_spec(), train, stop)
    assert shrunk["x"].shrinkage == shrinkage(finds)
    expected = raw_score(whole["x"].booster, train.matrix, 1) * shrinkage(finds)
    assert np.ptp(expected) > 0.0
    np.testing.assert_allclose(raw_score(shrunk["x"].booster, train.matrix, 1), expected, atol=1e-12)


def test_trees_learn_only_what_the_prior_does_not_explain() -> None:
    spread = [
        float(np.ptp(raw_score(fit_heads(_spec(), train, stop)["x"].booster, train.matrix, 1)))
        for train, stop in (
            (_examples(200, known=known), _examples(200, seed=1, known=known)) for known in (False, True)
        )
    ]
    assert spread[0] > 3.0
    assert spread[1] < 0.3 * spread[0]


def test_a_head_whose_first_finds_come_late_learns_from_them_in_the_refit() -> None:
    first = fit_heads(_spec(), _examples(0), _examples(0, seed=1))
    final = refit_heads(_spec(), _examples(40), first)
    assert not final["x"].constant
    assert final["x"].shrinkage == shrinkage(40)
    assert final["y"].constant


def test_boosters_alone_are_not_shrunk() -> None:
    train = _examples(100).on(None)
    fits = fit_heads(_spec(), train, _examples(100, seed=1).on(None))
    assert fits["x"].shrinkage == 1.0
    assert fits["y"].constant


def _label(finds: int, slope: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return evidence, a label whose log-odds are ``slope`` times the evidence, and weights."""
    draw = np.random.default_rng(3)
    evidence = np.sort(draw.normal(0.0, 2.0, 20_000))
    find = np.zeros(len(evidence), dtype=bool)
    if slope:
        find[np.argsort(-(slope * evidence + draw.gumbel(size=len(evidence))))[:finds]] = True
    else:
        # Evenly spaced, so that there is no correlation by chance either.
        find[((np.arange(finds) + 0.5) / max(1, finds) * len(find)).astype(int)] = True
    return evidence, find, np.ones(len(evidence))


def test_without_finds_the_evidence_counts_in_full() -> None:
    assert prior_factor(*_label(0, 0.0)) == 1.0


def test_the_factor_of_irrelevant_evidence_falls_smoothly_with_the_number_of_finds() -> None:
    factors = [prior_factor(*_label(finds, 0.0)) for finds in (0, 1, 2, 5, 20, 100, 1000)]
    assert factors == sorted(factors, reverse=True)
    assert factors[1] > 0.3
    assert factors[-1] < 0.05


def test_evidence_that_predicts_a_label_keeps_its_weight() -> None:
    assert prior_factor(*_label(1000, 1.0)) > 0.8


def test_the_factor_does_not_depend_on_the_unit_of_weights() -> None:
    evidence, find, weight = _label(50, 0.3)
    assert prior_factor(evidence, find, 7.0 * weight) == pytest.approx(prior_factor(evidence, find, weight), abs=2e-3)


@pytest.mark.parametrize("stated", [1.0, 2.5, 50.0])
def test_the_slope_measures_how_overconfident_the_prior_is(stated: float) -> None:
    draw = np.random.default_rng(3)
    log_odds = draw.normal(-4.0, 1.5, (20_000, 1))
    find = draw.random((20_000, 1)) < 1.0 / (1.0 + np.exp(-log_odds))
    slope = prior_slope(stated * log_odds, find, np.ones(len(find)))
    assert slope == pytest.approx(max(1.0 / stated, LEAST_SLOPE), rel=0.1)


def test_values_of_trees_that_start_from_half_the_prior_are_scaled_to_the_full_prior() -> None:
    train, stop = _examples(100), _examples(100, seed=1)
    whole = fit_heads(_spec(), train, stop)["x"]
    assert train.prior is not None
    assert stop.prior is not None
    # If all rows have the same prior, the residual does not depend on the slope.
    halved = fit_heads(_spec(), train.on(train.prior, 0.5), stop.on(stop.prior, 0.5))["x"]
    assert halved.slope == 0.5
    np.testing.assert_allclose(
        raw_score(halved.booster, train.matrix, 1), 2.0 * raw_score(whole.booster, train.matrix, 1), atol=1e-9
    )
