"""Trees learn the residual of the prior, and few finds shrink them towards it."""

from __future__ import annotations

import re

import numpy as np
import pytest

from training.fitting.boosting import fit_heads, raw_score, refit_heads
from training.fitting.examples import Examples
from training.fitting.params import BoosterSpec, BoostingParams
from training.fitting.residual import HALF_FINDS, shrinkage
from training.fitting.search import SLOPES, fit_best_slope

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


def test_boosters_alone_do_not_start_from_the_prior_of_boosters_before_them() -> None:
    train, stop = _examples(200, known=True), _examples(200, seed=1, known=True)
    fresh = fit_heads(_spec(), train.on(None), stop.on(None))["x"]
    train, stop = _examples(200, known=True), _examples(200, seed=1, known=True)
    fit_heads(_spec(), train, stop)
    after = fit_heads(_spec(), train.on(None), stop.on(None))["x"]
    assert after.booster.model_to_string() == fresh.booster.model_to_string()
    again = refit_heads(_spec(), train.on(None), {"x": after, "y": after})["x"]
    assert np.ptp(raw_score(again.booster, train.matrix, 1)) > 3.0


def _weighed(signal: float, stated: float, seed: int, n: int = 6_000) -> Examples:
    """Return rows whose prior states ``stated`` times its share of the true log-odds. The first feature adds ``signal``."""
    draw = np.random.default_rng(seed)
    matrix = draw.random((n, 2))
    prior = draw.normal(-4.0, 1.5, n)
    true = prior + signal * (matrix[:, 0] - 0.5)
    find = np.zeros((n, 2), dtype=bool)
    find[:, 0] = draw.random(n) < 1.0 / (1.0 + np.exp(-true))
    both = np.stack([stated * prior, np.full(n, -30.0)], axis=1)
    return Examples(matrix, find, np.ones(n), prior=both)


@pytest.mark.parametrize(("stated", "expected"), [(1.0, {0.6, 1.0}), (4.0, {0.15, 0.3})])
def test_held_out_finds_choose_how_much_of_the_prior_trees_start_from(stated: float, expected: set[float]) -> None:
    chosen = fit_best_slope(_spec(), *(_weighed(4.0, stated, seed) for seed in (1, 2, 3)))
    assert chosen.slope in expected
    assert all(fit.slope == chosen.slope for fit in chosen.fits.values() if not fit.constant)
    assert f"Trees start from {chosen.slope:g} times the prior. Loss on" in chosen.note
    tried = re.findall(r" ([\d.]+) 0\.\d+", chosen.note)
    # The search ends once the loss rises: a prior that is right is tried in full.
    assert tried == [f"{slope:g}" for slope in SLOPES[: len(tried)]]
    assert (len(tried) == len(SLOPES)) == (stated == 1.0)


def test_too_few_held_out_finds_choose_nothing() -> None:
    chosen = fit_best_slope(_spec(), _examples(60), _examples(9, seed=1), _examples(10, seed=2))
    assert chosen.slope == 1.0
    assert chosen.note == "Trees start from the whole prior: 19 held-out finds; a choice needs 20."


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
