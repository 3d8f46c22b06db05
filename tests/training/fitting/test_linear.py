"""Logistic regression as trees, and its share in the boosters of an own label."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from features.groups.own.counts import AsNew
from models.trees import Predictor
from training.fitting.boosting import fit_heads, raw_score, refit_heads
from training.fitting.examples import Examples
from training.fitting.linear import LinearRows
from training.fitting.params import BoosterSpec, BoostingParams
from training.fitting.search import _best, _heads_losses, _judged, fit_searched

NAMES = tuple(f"f{number}" for number in range(40))
PARAMS = BoostingParams(most_trees=60, patience=10)
SPEC = BoosterSpec(("risk",), NAMES, (0,) * len(NAMES), PARAMS, seed=0, threads=1)


def examples(n: int, seed: int, *, steps: bool = False) -> Examples:
    """Return rows whose finds depend on all features a little or, with ``steps``, on whether the first two agree in sign."""
    draw = np.random.default_rng(seed)
    matrix = draw.normal(size=(n, len(NAMES)))
    log_odds = matrix.sum(axis=1) * 0.2 if not steps else 4.0 * (matrix[:, 0] * matrix[:, 1] > 0) - 2.0
    find = draw.random(n) < 1.0 / (1.0 + np.exp(1.5 - log_odds))
    matrix[draw.random(matrix.shape) < 0.1] = np.nan
    return Examples(matrix, find[:, None], np.ones(n), prior=np.zeros((n, 1)))


def test_trees_follow_the_regression_and_know_missing_values() -> None:
    train = examples(4000, 0)
    rows = LinearRows.of(train, train.find[:, 0], None, 0)
    booster = rows.fit(0.01, NAMES, 1)
    assert booster.feature_name() == list(NAMES)
    assert booster.num_trees() == len(NAMES)
    raw = raw_score(booster, train.matrix, 1)
    assert np.corrcoef(raw, rows.terms[:, : len(NAMES)].sum(axis=1))[0, 1] > 0.95
    blank = raw_score(booster, np.full((1, len(NAMES)), np.nan), 1)
    assert abs(blank[0] - raw.mean()) < 3.0 * raw.std()
    # The kernels that serve a model read these trees.
    assert Predictor([booster]).name == "kernels"


def test_the_regression_learns_from_rows_as_if_new() -> None:
    train = examples(2000, 0)
    twin = train.find.astype(float)
    matrix = np.concatenate([train.matrix[:, :-1], twin], axis=1)
    as_new = AsNew(np.arange(2000), np.full((2000, 1), np.nan, dtype=np.float32), len(NAMES) - 1)
    one = replace(train, matrix=matrix, as_new=as_new)
    assert len(LinearRows.of(one, one.find[:, 0], None, 0).find) == 4000
    assert len(LinearRows.of(one, one.find[:, 0], np.arange(0, 2000, 2), 0).find) == 2000


def test_a_mean_with_the_regression_is_chosen_where_it_helps() -> None:
    train, stop, test = (examples(3000, seed) for seed in range(3))
    found = fit_searched(SPEC, train, stop, searches=1)
    assert "Logistic regression (strength" in found.note
    share, strength = found.fits["risk"].linear
    assert share >= 0.5
    alone = fit_heads(SPEC, train, stop)["risk"]
    best = test.matrix.copy()
    truth = np.nansum(best, axis=1)
    gained, before = (
        np.corrcoef(raw_score(fit.booster, test.matrix, 1), truth)[0, 1] for fit in (found.fits["risk"], alone)
    )
    assert gained > before + 0.05
    again = refit_heads(SPEC, train, found.fits)["risk"]
    assert again.linear == (share, strength)
    np.testing.assert_allclose(
        raw_score(again.booster, test.matrix, 1),
        raw_score(refit_heads(SPEC, train, found.fits)["risk"].booster, test.matrix, 1),
    )
    assert np.corrcoef(raw_score(again.booster, test.matrix, 1), truth)[0, 1] > before + 0.05


def test_the_regression_has_no_share_where_it_harms() -> None:
    train, stop = (examples(4000, seed, steps=True) for seed in range(2))
    params = replace(PARAMS, most_trees=200, num_leaves=16, feature_fraction=1.0)
    found = fit_searched(replace(SPEC, params=params), train, stop, searches=1)
    assert found.fits["risk"].linear[0] <= 0.25


def test_few_finds_get_the_usual_share_and_several_heads_none() -> None:
    train, stop = examples(300, 0), examples(30, 1)
    assert fit_searched(SPEC, train, stop).fits["risk"].linear == (0.5, 0.001)
    two = replace(SPEC, heads=("a", "b"))
    pair = [
        Examples(one.matrix, np.repeat(one.find, 2, axis=1), one.weight, prior=np.zeros((len(one.find), 2)))
        for one in (train, stop)
    ]
    assert {fit.linear[0] for fit in fit_searched(two, pair[0], pair[1]).fits.values()} == {0.0}


def test_settings_are_compared_on_new_declarations_with_enough_finds() -> None:
    stop = examples(3000, 1)
    new = np.arange(3000) < 1500
    assert _judged(stop, new) is new
    assert _judged(stop, None).all()
    few = np.arange(3000) < 20
    assert _judged(stop, few).all()
    # Only the losses of these rows are compared.
    fits = fit_heads(SPEC, examples(1000, 0), stop)
    other = replace(stop, find=np.where(new[:, None], stop.find, ~stop.find))
    losses = _heads_losses(SPEC, fits, stop, new)
    np.testing.assert_array_equal(losses, _heads_losses(SPEC, fits, other, new))
    assert losses.shape == (1500,)


def test_the_usual_choice_stays_unless_another_is_better_by_a_standard_error() -> None:
    usual = np.full(100, 0.01)
    noise = np.where(np.arange(100) % 2, 0.011, 0.0089)
    assert _best({"usual": usual, "other": noise}, "usual") == "usual"
    assert _best({"usual": usual, "other": usual - 0.001}, "usual") == "other"
