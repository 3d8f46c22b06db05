"""Boosters that learn from each row twice: unchanged, and as if its declaration were new."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from features.groups.own.counts import AsNew
from training.fitting.boosting import fit_heads, raw_score, refit_heads
from training.fitting.examples import Examples, even_seen
from training.fitting.params import TREES_PER_CALL, BoosterSpec, BoostingParams

PARAMS = BoostingParams(
    learning_rate=0.15, num_leaves=4, min_data_in_leaf=10, feature_fraction=1.0, bagging_freq=0, most_trees=40
)
SPEC = BoosterSpec(("risk",), ("general", "twin"), (0, 0), PARAMS, seed=0, threads=1)


def _examples(n: int = 3000, seed: int = 0) -> Examples:
    """Return rows with a weak feature ``general`` and a feature ``twin`` that equals the label and is missing as if new."""
    draw = np.random.default_rng(seed)
    general = draw.random(n)
    find = draw.random(n) < 0.1 + 0.4 * general
    matrix = np.stack([general, find.astype(float)], axis=1)
    as_new = AsNew(np.arange(n), np.full((n, 1), np.nan, dtype=np.float32), 1)
    return Examples(matrix, find[:, None], np.ones(n), prior=np.zeros((n, 1)), as_new=as_new)


def test_rows_as_if_new_teach_the_feature_that_a_twin_would_hide() -> None:
    train, stop = _examples(), _examples(seed=1)
    new = np.stack([np.array([0.05, 0.95]), np.full(2, np.nan)], axis=1)
    low, high = raw_score(fit_heads(SPEC, train, stop)["risk"].booster, new, 1)
    assert high > low + 0.5
    alone = replace(train, as_new=None)
    low, high = raw_score(fit_heads(SPEC, alone, stop)["risk"].booster, new, 1)
    assert abs(high - low) < 0.1


def test_both_copies_of_a_row_have_half_its_weight_and_those_of_left_out_rows_are_left_out() -> None:
    weight = np.linspace(1.0, 3.0, 200)
    train = replace(_examples(200), weight=weight)
    data = train.binned(SPEC.names, SPEC.lightgbm())
    assert data.num_data() == 400
    first = fit_heads(SPEC, train, train)
    np.testing.assert_allclose(np.asarray(data.get_field("weight")), np.tile(weight / 2.0, 2), rtol=1e-6)
    rows = np.arange(0, 200, 2)
    alone = np.zeros(200, dtype=bool)
    alone[rows] = True
    changed = replace(train, matrix=np.where(alone[:, None], train.matrix, 1.0 - train.matrix))
    changed.find[~alone] = ~changed.find[~alone]
    object.__setattr__(changed, "_binned", train._binned)
    of_part, of_changed = (refit_heads(SPEC, one, first, rows)["risk"].booster for one in (train, changed))
    assert of_part.model_to_string() == of_changed.model_to_string()


def test_a_sample_of_rows_as_if_new_weighs_as_much_as_all_rows() -> None:
    train = _examples(200)
    assert train.as_new is not None
    train = replace(train, as_new=train.as_new.take(np.arange(0, 200, 4)))
    assert train.as_new is not None
    assert len(train.as_new.rows) == 50
    data = train.binned(SPEC.names, SPEC.lightgbm())
    fit_heads(SPEC, train, train)
    weight = np.asarray(data.get_field("weight"))
    np.testing.assert_allclose([weight[:200].sum(), weight[200:].sum()], 100.0)


def test_taking_rows_renumbers_those_as_if_new() -> None:
    as_new = AsNew(np.array([1, 4, 7]), np.array([[1.0], [4.0], [7.0]], dtype=np.float32), 2)
    part = as_new.take(np.array([0, 4, 5, 7]))
    assert part.rows.tolist() == [1, 3]
    assert part.values[:, 0].tolist() == [4.0, 7.0]
    assert AsNew.from_arrays(part.to_arrays("x"), "x").rows.tolist() == [1, 3]  # type: ignore[union-attr]


def test_a_stop_window_full_of_repeats_counts_new_declarations_as_much() -> None:
    stop = _examples()
    seen = np.arange(3000) >= 300
    weight = even_seen(stop, seen).weight
    assert abs(weight.sum() - 3000.0) < 1e-6
    assert abs(weight[~seen].sum() - weight[seen].sum()) < 1e-6
    # With three new rows there are too few finds to weigh.
    assert even_seen(stop, np.arange(3000) >= 3) is stop


def test_several_seeds_are_averaged() -> None:
    train, stop = _examples(), _examples(seed=1)
    spec = replace(SPEC, params=replace(PARAMS, feature_fraction=0.5))
    first = fit_heads(spec, train, stop)
    one = refit_heads(spec, train, first)["risk"]
    three = refit_heads(replace(spec, seeds=3), train, first)["risk"]
    assert three.trees == 3 * one.trees
    singles = [
        raw_score(refit_heads(replace(spec, seed=seed), train, first)["risk"].booster, train.matrix, 1)
        for seed in (0, 10, 20)
    ]
    np.testing.assert_allclose(raw_score(three.booster, train.matrix, 1), np.mean(singles, axis=0), atol=1e-9)


def test_progress_is_reported_tree_by_tree() -> None:
    trees: list[int] = []
    train = _examples()
    refit_heads(replace(SPEC, watch=trees.append), train, fit_heads(SPEC, train, train))
    assert trees
    assert all(number % TREES_PER_CALL == 0 for number in trees)
