"""One fit over lessons and own rows: without finds the champion, and more of the office with more finds."""

from __future__ import annotations

from dataclasses import replace

import lightgbm as lgb
import numpy as np
import pytest

from models.evidence import Prior
from training.authors.learning import UNSEEN, Lessons, ResidualParams
from training.authors.lessons_file import MISSING, StoredLessons
from training.office.joint import JointParams, OwnRows, Teacher, blended

NAMES = ("a", "b", "c", *UNSEEN)
PARAMS = ResidualParams(common_trees=30, num_leaves=3, min_data_in_leaf=10, threads=1)


def matrix_of(n: int, seed: int) -> np.ndarray:
    matrix = np.round(np.random.default_rng(seed).random((n, len(NAMES))), 2)
    matrix[:, 3:] = 0.0
    return matrix


def stored(n: int = 4_000) -> StoredLessons:
    """Return lessons whose finds have a large first feature."""
    matrix = matrix_of(n, 0)
    values = np.full((len(NAMES), MISSING + 1), np.nan)
    values[:3, :101] = np.arange(101) / 100
    values[3:, 0] = 0.0
    find = np.zeros((n, 3), dtype=bool)
    find[:, 0] = (matrix[:, 0] > 0.9) & (np.random.default_rng(1).random(n) < 0.3)
    codes = np.rint(100 * matrix).astype(np.uint8).T
    weight = np.where(find.any(axis=1), 0.4, 1.0)
    author = np.zeros(n, dtype=np.int8)
    return StoredLessons(NAMES, {"one": ["0"]}, values, codes, find, weight, author)


class Flat(Prior):
    """A prior that knows nothing."""

    def __init__(self) -> None:
        pass

    def log_odds(self, matrix: np.ndarray) -> np.ndarray:
        return np.full((len(matrix), 3), -9.0)


def teacher() -> Teacher:
    return Teacher(stored(), Flat(), [0] * len(NAMES), PARAMS)


def office(finds: int, n: int = 3_000) -> OwnRows:
    """Return rows of an office whose finds have a large second feature."""
    matrix = matrix_of(n, 7)
    find = np.zeros((n, 3), dtype=bool)
    find[np.flatnonzero(matrix[:, 1] > 0.9)[:finds], 0] = True
    return OwnRows(matrix, np.full((n, 3), -9.0), find, np.asarray(find.any(axis=1)), np.ones(n))


def value_of_office(booster: lgb.Booster) -> float:
    """Return by how much trees raise a row with a large second feature."""
    rows = np.zeros((2, len(NAMES)))
    rows[:, :3] = [[0.5, 0.95, 0.5], [0.5, 0.5, 0.5]]
    high, low = np.asarray(booster.predict(rows, raw_score=True))
    return float(high - low)


def test_without_finds_the_champion_stays_and_more_finds_teach_more() -> None:
    champion = teacher().learned(None)
    assert blended(champion, champion, 0) is champion
    learned = [value_of_office(champion)]
    for finds in (5, 40, 200):
        learned.append(value_of_office(blended(champion, teacher().learned(office(finds)), finds)))
    assert learned == sorted(learned)
    assert learned[-1] > learned[0] + 0.5


def test_a_blend_is_the_weighted_sum_of_both() -> None:
    champion, joint = teacher().learned(None), teacher().learned(office(40))
    weights = JointParams(half=10.0, growth=2.0)
    both = blended(champion, joint, 30, weights)
    rows = matrix_of(200, 3)
    scores = [np.asarray(one.predict(rows, raw_score=True)) for one in (champion, joint, both)]
    np.testing.assert_allclose(scores[2], 0.25 * scores[0] + 0.75 * 1.75 * scores[1], atol=1e-9)


def test_own_rows_have_weights_by_what_is_known_and_an_intercept_of_the_office() -> None:
    lessons, own = stored(), office(20)
    own = replace(own, times=np.full(len(own.matrix), 2.0), inspected=np.arange(len(own.matrix)) < 1_500)
    of_office = own.lessons(lessons, 0.3, JointParams(find=10.0, presumed=0.1))
    find = own.is_find
    assert set(of_office.weight[find].round(9)) == {4.0}
    assert set(of_office.weight[~find & own.inspected]) == {2.0}
    assert set(of_office.weight[~find & ~own.inspected].round(9)) == {0.2}
    mean = float((of_office.weight / (1.0 + np.exp(-of_office.prior[:, 0]))).sum())
    assert mean == pytest.approx(of_office.weight[find].sum(), rel=1e-6)


def test_rare_selection_weighs_more_and_finds_and_clean_inspections_keep_their_total() -> None:
    lessons, own = stored(), office(20)
    own = replace(own, inspected=np.arange(len(own.matrix)) < 1_500)
    alike = own.lessons(lessons, 0.3, JointParams())
    selection = np.where(np.arange(len(own.matrix)) % 2 == 0, 1.0, 3.0)
    rare = replace(own, selection=selection).lessons(lessons, 0.3, JointParams())
    find, clean = own.is_find, own.inspected & ~own.is_find
    for rows in (find, clean):
        assert rare.weight[rows].sum() == pytest.approx(alike.weight[rows].sum())
        low, high = sorted(set(rare.weight[rows].round(12)))
        assert high == pytest.approx(3.0 * low)
    presumed = ~own.inspected & ~find
    np.testing.assert_array_equal(rare.weight[presumed], alike.weight[presumed])
    same = replace(own, selection=np.full(len(own.matrix), 2.0)).lessons(lessons, 0.3, JointParams())
    np.testing.assert_allclose(same.weight, alike.weight)
    taken = replace(own, selection=selection).take(np.array([1, 4])).selection
    assert taken is not None
    assert taken.tolist() == [3.0, 1.0]


def test_trees_do_not_see_features_that_tell_opioids_from_precursors() -> None:
    own = office(20)
    own.matrix[:, 3:] = own.find[:, :1]
    assert isinstance(own.lessons(stored(), 0.3, JointParams()), Lessons)
    assert not own.lessons(stored(), 0.3, JointParams()).matrix[:, 3:].any()
