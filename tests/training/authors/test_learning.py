"""Trees learn the residual of the prior, with equal weight for each author."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from models.evidence import Prior, read_evidence
from models.evidence.reading import DEFAULT
from training.authors.learning import PREVALENCE, Lessons, ResidualParams, fit_residual
from training.fitting.residual import combined, directions, intercept, largest_rows

HEADS = ("fentanyl_or_analogue", "precursor", "equipment")
QUICK = ResidualParams(common_trees=20, num_leaves=3, min_data_in_leaf=10, shrinkage_of_opioids=0.5, slope=1.0)


def lessons(seed: int = 0, n: int = 3000) -> Lessons:
    """Return rows whose first feature determines the finds and whose prior is constant."""
    draw = np.random.default_rng(seed)
    matrix = draw.random((n, 4))
    find = np.zeros((n, 3), dtype=bool)
    find[:, 0] = (matrix[:, 0] > 0.9) & (draw.random(n) < 0.5)
    return Lessons(matrix, np.full((n, 3), -9.0), find, np.ones(n))


def test_trees_learn_what_the_prior_does_not_explain() -> None:
    learned = fit_residual(lessons(), HEADS, list("abcd"), [0] * 4, QUICK)
    values = learned.raw(np.array([[0.95, 0.5, 0.5, 0.5], [0.2, 0.5, 0.5, 0.5]]))
    assert values[0, 0] > values[1, 0] + 0.5


def test_trees_add_nothing_if_the_prior_explains_everything() -> None:
    part = lessons()
    knows = np.where(part.find.any(axis=1), 12.0, -12.0)[:, None] * np.array([[1.0, 0.0, 0.0]]) - np.array(
        [[0.0, 30.0, 30.0]]
    )
    learned = fit_residual(Lessons(part.matrix, knows, part.find, part.weight), HEADS, list("abcd"), [0] * 4, QUICK)
    assert np.abs(learned.raw(part.matrix[:200])[:, 0]).max() < 0.1


def test_the_shrinkage_of_a_head_multiplies_the_values_of_its_trees() -> None:
    def learned(opioids: float, others: float) -> NDArray[np.float64]:
        params = replace(QUICK, shrinkage=others, shrinkage_of_opioids=opioids)
        return fit_residual(lessons(), HEADS, list("abcd"), [0] * 4, params).raw(lessons(1).matrix[:100])

    full = learned(1.0, 1.0)
    np.testing.assert_allclose(learned(0.5, 0.2), full * [0.5, 0.2, 0.2], atol=1e-9)
    assert np.abs(learned(0.0, 0.0)).max() == 0.0
    assert np.abs(full[:, 2]).max() > 0.0


def test_trees_that_start_from_half_the_prior_are_scaled_to_the_full_prior() -> None:
    part = lessons()
    whole = fit_residual(part, HEADS, list("abcd"), [0] * 4, QUICK)
    halved = fit_residual(part, HEADS, list("abcd"), [0] * 4, replace(QUICK, slope=0.5))
    rows = lessons(1).matrix[:100]
    np.testing.assert_allclose(halved.raw(rows), 2 * whole.raw(rows), atol=1e-9)


def test_all_heads_share_the_trees() -> None:
    learned = fit_residual(lessons(), HEADS, list("abcd"), [0] * 4, QUICK)
    assert {booster.num_trees() for booster in learned.boosters.values()} == {QUICK.common_trees}


def test_no_tree_goes_against_the_direction_of_an_entry() -> None:
    learned = fit_residual(lessons(), HEADS, list("abcd"), [-1, 0, 0, 0], replace(QUICK, common_trees=60))
    grid = np.full((50, 4), 0.5)
    grid[:, 0] = np.linspace(0, 1, 50)
    assert (np.diff(learned.raw(grid)[:, 0]) <= 1e-12).all()


def test_lessons_of_several_authors_are_joined_in_order() -> None:
    together = Lessons.join([lessons(0, 10), lessons(1, 20)])
    assert together.matrix.shape == (30, 4)
    assert (together.matrix[10:] == lessons(1, 20).matrix).all()


def test_features_that_lie_in_one_matrix_are_joined_without_a_copy() -> None:
    first, second = lessons(0, 10), lessons(1, 20)
    whole = np.concatenate([first.matrix, second.matrix])
    parts = [replace(first, matrix=whole[:10]), replace(second, matrix=whole[10:])]
    assert Lessons.join(parts, whole).matrix is whole


def test_trees_without_the_prior_learn_from_the_same_bins() -> None:
    part = lessons()
    settings = QUICK.lightgbm([0] * 4)
    bare = part.without_prior()
    assert bare.binned(list("abcd"), settings) is part.binned(list("abcd"), settings)
    assert not bare.prior.any()
    alone = fit_residual(Lessons(part.matrix, bare.prior, part.find, part.weight), HEADS, list("abcd"), [0] * 4, QUICK)
    # The booster with the prior is fitted in between, as it is when an author is left out.
    fit_residual(part, HEADS, list("abcd"), [0] * 4, QUICK)
    sharing = fit_residual(bare, HEADS, list("abcd"), [0] * 4, QUICK)
    np.testing.assert_array_equal(sharing.raw(part.matrix), alone.raw(part.matrix))


@pytest.mark.parametrize("shift", [-3.0, 0.0, 7.5])
def test_the_intercept_restores_the_share_of_finds(shift: float) -> None:
    draw = np.random.default_rng(2)
    log_odds = draw.normal(-5, 1, 4000)
    find = draw.random(4000) < 0.02
    weight = np.where(find, PREVALENCE / find.sum(), (1 - PREVALENCE) / (~find).sum())
    moved = log_odds + shift
    mean = (weight / (1 + np.exp(-(moved + intercept(moved, find, weight))))).sum()
    assert mean == pytest.approx(PREVALENCE, rel=1e-6)


def test_the_largest_item_represents_its_shipment() -> None:
    assert largest_rows(np.array([1.0, 3.0, 2.0, 5.0, 5.0]), np.array([0, 0, 0, 1, 1])).tolist() == [1, 3]
    np.testing.assert_allclose(combined(np.log([[0.1, 0.2, 0.3]])), np.log([0.6]))


def test_directions_follow_the_entries_unless_they_disagree() -> None:
    prior = Prior(read_evidence(DEFAULT), HEADS, _names())
    names = _names()
    found = dict(zip(names, directions(prior.entries, names, [0] * len(names)), strict=True))
    assert (found["substance_opioid"], found["account_age_days"], found["permit_present"]) == (1, -1, -1)
    # A press counts for equipment, and against it where its consignee makes goods with presses.
    assert found["description_equipment"] == 0
    declared = directions(prior.entries, names, [-1 if name == "substance_opioid" else 0 for name in names])
    assert declared[names.index("substance_opioid")] == -1


def _names() -> list[str]:
    from features.space import feature_names

    return list(feature_names())
