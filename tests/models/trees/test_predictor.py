from __future__ import annotations

import itertools
import logging
import math
import re
from collections.abc import Collection, Sequence
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest

from models.scoring import RiskModel
from models.trees import Predictor, StoredRows, predictor, scaled
from models.trees.forest import COMPILED, Forest
from models.trees.predictor import TOLERANCE, lightgbm_contributions
from models.trees.shapley import Shapley
from models.trees.trees import MAX_LEAVES, Tree, UnsupportedTrees, read_trees
from tests.models.boosters import edge_rows, grow, lightgbm_raw

needs_kernels = pytest.mark.skipif(not COMPILED, reason="the kernels are not compiled")

KINDS: dict[str, dict[str, Any]] = {
    "two leaves": {"leaves": 2},
    "eight leaves": {"leaves": 8},
    "nine leaves, the most with a table": {"leaves": 9},
    "ten leaves": {"leaves": 10},
    "63 leaves": {"leaves": 63, "trees": 4},
    "64 leaves": {"leaves": 64, "trees": 4},
    "a chain of 40": {"leaves": 40, "trees": 3, "chain": True},
    "zero is missing": {"zero_as_missing": True},
    "zero is missing in large trees": {"zero_as_missing": True, "leaves": 24},
    "nothing is missing": {"use_missing": False},
    "nothing is missing in large trees": {"use_missing": False, "leaves": 24},
    "nothing learned": {"min_data_in_leaf": 10_000},
    "monotone": {"monotone_constraints": [1, -1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0], "leaves": 31},
    "bagged": {"bagging_fraction": 0.5, "bagging_freq": 1, "leaves": 20},
}


@pytest.fixture(scope="module", params=KINDS, ids=[kind.replace(" ", "-") for kind in KINDS])
def booster(request: pytest.FixtureRequest) -> lgb.Booster:
    return grow(**KINDS[request.param])


def changed(booster: lgb.Booster, pattern: str, text: str) -> lgb.Booster:
    """Return the booster with the first match of a pattern in its text replaced."""
    before = booster.model_to_string()
    after = re.sub(pattern, text, before, count=1, flags=re.MULTILINE)
    assert before != after
    # Without the sizes of the trees, LightGBM reads a text of changed length.
    return lgb.Booster(model_str=re.sub(r"^tree_sizes=.*$\n", "", after, flags=re.MULTILINE))


def raw_scores(boosters: Sequence[Sequence[Tree]], rows: np.ndarray) -> np.ndarray:
    """Return the kernel's raw scores (n, boosters), each booster with a factor of 1."""
    out = np.empty((len(rows), len(boosters)))
    Forest(boosters, [(k, 1.0) for k in range(len(boosters))]).scores(rows, out)
    return out


def contributions_of(boosters: Sequence[Sequence[Tree]], rows: np.ndarray, number: int = 0) -> np.ndarray:
    """Return the kernel's contributions (n, F + 1) to the raw score of one of the boosters."""
    out = np.empty((len(rows), rows.shape[1] + 1))
    Shapley(boosters).explain(rows, number, out)
    return out


def known_mean(tree: Tree, row: np.ndarray, known: Collection[int], node: int = 0) -> float:
    """Return the mean leaf value below a node when only some features of a row are known, directly from the definition."""
    if node < 0 or not tree.feature:
        return tree.value[~node if node < 0 else 0]
    left, right = tree.left[node], tree.right[node]
    x = row[tree.feature[node]]
    missing = np.isnan(x) or (tree.zero_missing[node] and x == 0.0)
    if tree.feature[node] in known:
        goes_left = tree.default_left[node] if missing else x <= tree.threshold[node]
        return known_mean(tree, row, known, left if goes_left else right)
    counts = [tree.split_count[child] if child >= 0 else tree.leaf_count[~child] for child in (left, right)]
    means = [known_mean(tree, row, known, child) for child in (left, right)]
    return (counts[0] * means[0] + counts[1] * means[1]) / sum(counts)


def by_leaves(tree: Tree, row: np.ndarray) -> np.ndarray:
    """Return contributions for a row without missing values, leaf by leaf, by the formula in
    `models.trees.shapley`.
    """
    points, weights = np.polynomial.legendre.leggauss(40)
    t, total = (points + 1.0) / 2.0, np.zeros(len(row))
    waiting: list[tuple[int, dict[int, tuple[bool, float]]]] = [(0, {})]
    while waiting:
        node, path = waiting.pop()
        if node < 0:
            for feature, (o, z) in path.items():
                others = [zj + t * (oj - zj) for j, (oj, zj) in path.items() if j != feature]
                integral = (np.prod(others, axis=0) * weights).sum() / 2.0 if others else 1.0
                total[feature] += tree.value[~node] * (o - z) * integral
            continue
        feature = tree.feature[node]
        o, z = path.get(feature, (True, 1.0))
        for child, is_left in ((tree.left[node], True), (tree.right[node], False)):
            count = tree.split_count[child] if child >= 0 else tree.leaf_count[~child]
            meets = o and (row[feature] <= tree.threshold[node]) == is_left
            waiting.append((child, {**path, feature: (meets, z * count / tree.split_count[node])}))
    return total


class TestForest:
    def test_scores_equal_those_of_lightgbm_to_the_last_bit(self, booster: lgb.Booster) -> None:
        other = grow(5, 7, seed=3)
        rows = edge_rows([booster, other])
        out = raw_scores([read_trees(booster), read_trees(other)], rows)
        assert out.tobytes() == lightgbm_raw([booster, other], rows).tobytes()

    @pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 63, 64, 65, 66, 130])
    def test_one_row_and_many_rows_have_equal_scores(self, n: int) -> None:
        boosters = [grow(8, 5), grow(40, 3, seed=1)]
        rows = np.resize(edge_rows(boosters), (n, 12))
        forest = Forest([read_trees(booster) for booster in boosters], [(0, 1.0), (1, 1.0)])
        together, alone = np.empty((n, 2)), np.empty((n, 2))
        forest.scores(rows, together)
        for i in range(n):
            forest.scores(rows[i : i + 1], alone[i : i + 1])
        assert together.tobytes() == alone.tobytes()
        if n:
            assert together.tobytes() == lightgbm_raw(boosters, rows).tobytes()

    @pytest.mark.parametrize("factor", [1.0, 0.6, 5.0 / 3.0, 0.0, -2.0])
    def test_the_factor_of_a_head_multiplies_each_leaf_value(self, factor: float) -> None:
        boosters = [grow(8, 5), grow(40, 3, seed=1)]
        rows = edge_rows(boosters)
        out = np.empty((len(rows), 3))
        Forest([read_trees(booster) for booster in boosters], [(0, 1.0), (1, 1.0), (0, factor)]).scores(rows, out)
        assert out.tobytes() == lightgbm_raw([*boosters, scaled(boosters[0], factor)], rows).tobytes()
        np.testing.assert_allclose(out[:, 2], factor * out[:, 0], rtol=0.0, atol=1e-12)

    def test_read_only_rows_can_be_scored(self) -> None:
        booster = grow()
        rows = edge_rows([booster])
        rows.flags.writeable = False
        assert (raw_scores([read_trees(booster)], rows) == lightgbm_raw([booster], rows)).all()


class TestContributions:
    def test_contributions_equal_those_of_lightgbm(self, booster: lgb.Booster) -> None:
        rows = edge_rows([booster], 60)
        expected = np.asarray(booster.predict(rows, pred_contrib=True, num_threads=1))
        scale = max(1.0, float(np.abs(expected).max()))
        contributions = contributions_of([read_trees(booster)], rows)
        np.testing.assert_allclose(contributions / scale, expected / scale, rtol=0.0, atol=1e-12)
        np.testing.assert_allclose(
            contributions.sum(axis=1) / scale, lightgbm_raw([booster], rows)[:, 0] / scale, atol=1e-12
        )

    def test_contributions_of_one_row_and_of_many_are_equal_for_each_head(self) -> None:
        boosters = [grow(8, 5), grow(40, 3, seed=1)]
        rows = edge_rows(boosters, 40)
        trees = [read_trees(booster) for booster in boosters]
        for k, booster in enumerate(boosters):
            together = contributions_of(trees, rows, k)
            expected = np.asarray(booster.predict(rows, pred_contrib=True, num_threads=1))
            np.testing.assert_allclose(together, expected, rtol=0.0, atol=1e-11)
            assert b"".join(contributions_of(trees, row[None, :], k).tobytes() for row in rows) == together.tobytes()

    @pytest.mark.parametrize("kind", ["9 leaves", "16 leaves", "40 leaves", "zero is missing"])
    def test_contributions_follow_from_their_definition(self, kind: str) -> None:
        rng = np.random.default_rng(0)
        x = np.round(rng.normal(size=(2000, 5)) * 4.0)
        x[rng.random(x.shape) < 0.1] = np.nan
        y = np.nan_to_num(x[:, 0] * x[:, 1]) + np.nan_to_num(x).sum(axis=1) + rng.normal(size=len(x))
        settings = {"verbosity": -1, "num_threads": 1, "min_data_in_leaf": 3}
        settings |= {"zero_as_missing": True} if kind == "zero is missing" else {"num_leaves": int(kind.split()[0])}
        tree = read_trees(lgb.train(settings, lgb.Dataset(x, y), num_boost_round=1))[0]
        rows = np.ascontiguousarray(x[:12])
        all_contributions = contributions_of([[tree]], rows)
        for row, contributions in zip(rows, all_contributions, strict=True):
            assert contributions[5] == pytest.approx(known_mean(tree, row, ()), abs=1e-12)
            for feature in range(5):
                others = [other for other in range(5) if other != feature]
                expected = 0.0
                for size in range(5):
                    weight = math.factorial(size) * math.factorial(4 - size) / math.factorial(5)
                    for known in itertools.combinations(others, size):
                        gain = known_mean(tree, row, (*known, feature)) - known_mean(tree, row, known)
                        expected += weight * gain
                assert contributions[feature] == pytest.approx(expected, abs=1e-12)

    @pytest.mark.parametrize("leaves", [10, 13, 17, 18, 21, 26, 33, 41, 57, 64])
    def test_contributions_of_long_paths_equal_the_sum_over_leaves(self, leaves: int) -> None:
        """The path to each leaf is one split longer, so the longest path has nearly as many features as there are
        splits.
        """
        rng = np.random.default_rng(0)
        x = rng.normal(size=(4000, leaves - 1))
        low = np.concatenate([x < -1.6, np.ones((len(x), 1), dtype=bool)], axis=1)
        y = (1.0 + low.argmax(axis=1)) * 10.0
        settings = {"num_leaves": leaves, "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 1}
        booster = lgb.train(settings, lgb.Dataset(x, y), num_boost_round=1)
        trees = read_trees(booster)
        assert len(set(trees[0].feature)) > 0.7 * leaves
        rows = np.ascontiguousarray(x[:5])
        contributions = contributions_of([trees], rows)
        np.testing.assert_allclose(
            contributions[:, :-1], [by_leaves(trees[0], row) for row in rows], rtol=0.0, atol=1e-11
        )
        np.testing.assert_allclose(contributions.sum(axis=1), lightgbm_raw([booster], rows)[:, 0], rtol=0.0, atol=1e-11)
        if leaves < 20:
            # LightGBM loses precision on longer paths: with 63 features, its contributions miss their sum by 1.
            expected = np.asarray(booster.predict(rows, pred_contrib=True, num_threads=1))
            np.testing.assert_allclose(contributions, expected, rtol=0.0, atol=1e-9)

    def test_contributions_of_trees_of_all_sizes_add_up(self) -> None:
        boosters = [grow(64, 2), grow(min_data_in_leaf=10_000), grow(8, 5), grow(2, 3), grow(12, 4, seed=1), grow(9, 2)]
        rows = edge_rows(boosters, 40)
        contributions = contributions_of([[tree for booster in boosters for tree in read_trees(booster)]], rows)
        expected = sum(np.asarray(b.predict(rows, pred_contrib=True, num_threads=1)) for b in boosters)
        np.testing.assert_allclose(contributions, expected, rtol=0.0, atol=1e-11)

    def test_an_empty_matrix_has_no_contributions(self) -> None:
        assert contributions_of([read_trees(grow())], np.empty((0, 12))).shape == (0, 13)

    def test_contributions_of_a_feature_that_a_path_splits_on_twice_follow_from_their_definition(self) -> None:
        """The path splits on x at 0, on y at 0 and again on x at 1. Its leaves 1, 5, 9 and 2 have 10, 30, 40 and 20 rows."""
        text = (
            "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=1\n"
            "objective=regression\nfeature_names=x y\nfeature_infos=[0:1] [0:1]\n\n"
            "Tree=0\nnum_leaves=4\nnum_cat=0\nsplit_feature=0 1 0\nsplit_gain=1 1 1\nthreshold=0 0 1\n"
            "decision_type=2 2 2\nleft_child=-1 -2 -3\nright_child=1 2 -4\nleaf_value=1 5 9 2\n"
            "leaf_weight=1 1 1 1\nleaf_count=10 30 40 20\ninternal_value=0 0 0\ninternal_weight=1 1 1\n"
            "internal_count=100 90 60\nis_linear=0\nshrinkage=1\n\n\nend of trees\n"
        )
        booster = lgb.Booster(model_str=text)
        # Calculated by hand for x = 2 and y = 1: v of nothing, of x, of y, and of both.
        nothing = 0.1 * 1 + 0.3 * 5 + 0.4 * 9 + 0.2 * 2
        x_alone = 5 / 3 + 2 * 2 / 3
        y_alone = 0.1 * 1 + 0.9 * (9 * 2 / 3 + 2 / 3)
        both = 2.0
        of_x = ((x_alone - nothing) + (both - y_alone)) / 2
        of_y = ((y_alone - nothing) + (both - x_alone)) / 2
        contributions = contributions_of([read_trees(booster)], np.array([[2.0, 1.0]]))
        np.testing.assert_allclose(contributions, [[of_x, of_y, nothing]], atol=1e-14)


class TestReading:
    @pytest.mark.parametrize(
        ("pattern", "text", "why"),
        [
            ("^num_cat=0", "num_cat=1", "category"),
            ("^left_child=1 ", "left_child=0 ", "two parents"),
            ("^left_child=1 ", "left_child=99 ", "cannot be read"),
            ("^right_child=-?[0-9]+ ", "right_child=-99 ", "cannot be read"),
            ("^split_feature=[0-9]+", "split_feature=12", "unsupported type"),
            ("^split_feature=[0-9]+", "split_feature=-1", "unsupported type"),
            ("^decision_type=[0-9]+", "decision_type=1", "unsupported type"),
            ("^decision_type=[0-9]+", "decision_type=14", "unsupported type"),
            ("^threshold=[^ ]+", "threshold=nan", "not a number"),
            ("^threshold=[^ ]+ ", "threshold=", "6 values of threshold; there must be 7"),
            ("^leaf_value=[^ ]+", "leaf_value=1e999", "finite"),
            ("^num_leaves=8", "num_leaves=0", "0 leaves"),
            ("^num_leaves=8", "num_leaves=eight", "cannot be read"),
            ("^is_linear=0", "is_linear=1", "linear"),
            ("^leaf_value=.*\n", "", "cannot be read"),
            ("^num_tree_per_iteration=1", "num_tree_per_iteration=2", "several classes"),
        ],
    )
    def test_damaged_trees_are_refused(self, pattern: str, text: str, why: str) -> None:
        before = grow().model_to_string()
        after = re.sub(pattern, text, before, count=1, flags=re.MULTILINE)
        assert before != after
        with pytest.raises(UnsupportedTrees, match=why):
            read_trees(Text(after))

    @pytest.mark.parametrize(
        "booster",
        [
            lambda: grow(MAX_LEAVES + 1, 2),
            lambda: grow(categorical=[5], min_data_per_group=1),
            lambda: grow(linear_tree=True),
            lambda: grow(boosting="rf", bagging_fraction=0.5, bagging_freq=1),
        ],
        ids=["large", "categorical", "linear", "averaged"],
    )
    def test_lightgbm_scores_unsupported_trees(self, booster: Any, caplog: pytest.LogCaptureFixture) -> None:
        grown = booster()
        with pytest.raises(UnsupportedTrees):
            read_trees(grown)
        with caplog.at_level(logging.WARNING):
            used = Predictor([grown])
        assert used.name == "lightgbm"
        assert bool(caplog.records) == COMPILED
        rows = np.random.default_rng(0).normal(size=(50, 12))
        assert used.raw(rows).tobytes() == lightgbm_raw([grown], rows).tobytes()


class Text(lgb.Booster):
    """A booster of twelve features with a given text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def model_to_string(self, *_: Any, **__: Any) -> str:
        return self.text

    def num_feature(self) -> int:
        return 12

    def __del__(self) -> None:
        pass


class TestPredictor:
    def test_the_kernels_are_used_if_they_are_compiled(self) -> None:
        assert Predictor([grow()]).name == ("kernels" if COMPILED else "lightgbm")
        assert Predictor([grow()], kernels=False).name == "lightgbm"

    @pytest.mark.parametrize("n", [0, 1, 100, 10_000])
    @pytest.mark.parametrize("kernels", [True, False])
    def test_the_number_of_threads_does_not_change_scores(self, n: int, kernels: bool) -> None:
        boosters = [grow(8, 5), grow(20, 5, seed=1)]
        rows = np.resize(edge_rows(boosters), (n, 12))
        used = Predictor(boosters, kernels=kernels)
        once = used.raw(rows)
        assert once.shape == (n, 2)
        assert once.tobytes() == used.raw(rows, 2).tobytes() == used.raw(rows, 3).tobytes()
        if n:
            assert once.tobytes() == lightgbm_raw(boosters, rows).tobytes()

    def test_contributions_with_and_without_kernels_are_equal(self) -> None:
        boosters = [grow(8, 5), grow(20, 5, seed=1)]
        rows = edge_rows(boosters, 30)
        for k in range(2):
            with_kernels = Predictor(boosters).contributions(rows, k)
            np.testing.assert_allclose(
                with_kernels, Predictor(boosters, kernels=False).contributions(rows, k), rtol=0.0, atol=1e-11
            )

    def test_the_kernels_use_as_many_trees_as_lightgbm(self) -> None:
        booster = grow(8, 10)
        booster.best_iteration = 4
        rows = edge_rows([booster])
        assert Predictor([booster]).raw(rows).tobytes() == lightgbm_raw([booster], rows).tobytes()

    @needs_kernels
    @pytest.mark.parametrize("wrong", ["value", "threshold", "default_left"])
    def test_lightgbm_scores_if_the_kernels_do_not_reproduce_it(
        self, wrong: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def misread(booster: lgb.Booster) -> Any:
            trees = read_trees(booster)
            tree = next(tree for tree in trees if np.isfinite(tree.threshold[0]))
            numbers = getattr(tree, wrong)
            if wrong == "default_left":
                numbers[0] = not numbers[0]
            elif wrong == "threshold":
                numbers[0] = float(np.nextafter(numbers[0], np.inf))
            else:
                numbers[0] *= 1.0 + 1e-13
            return trees

        booster = grow()
        monkeypatch.setattr(predictor, "read_trees", misread)
        with caplog.at_level(logging.WARNING):
            used = Predictor([booster])
        assert used.name == "lightgbm"
        assert "do not reproduce its scores" in caplog.text
        rows = edge_rows([booster])
        assert used.raw(rows).tobytes() == lightgbm_raw([booster], rows).tobytes()

    @needs_kernels
    def test_the_kernels_are_compared_on_stored_rows(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        booster = grow()
        stored = StoredRows.of([booster], np.random.default_rng(1).normal(size=(300, 12)))
        assert stored is not None
        of_first_tree = np.asarray(booster.predict(np.zeros((1, 12)), raw_score=True, num_iteration=1))[0]

        def misread(booster: lgb.Booster) -> Any:
            trees = read_trees(booster)
            leaf = next(i for i, value in enumerate(trees[0].value) if value != of_first_tree)
            trees[0].value[leaf] *= 1.0 + 1e-13
            return trees

        monkeypatch.setattr(predictor, "check_rows", lambda *_: np.zeros((1, 12)))
        assert Predictor([booster], stored=stored).name == "kernels"
        monkeypatch.setattr(predictor, "read_trees", misread)
        # The generated rows do not reach this leaf.
        assert Predictor([booster]).name == "kernels"
        with caplog.at_level(logging.WARNING):
            assert Predictor([booster], stored=stored).name == "lightgbm"
        assert "do not reproduce its scores" in caplog.text
        assert "LightGBM does not reproduce the scores" not in caplog.text

    @pytest.mark.parametrize("kernels", [True, False])
    def test_a_lightgbm_that_scores_differently_than_at_training_is_reported(
        self, kernels: bool, caplog: pytest.LogCaptureFixture
    ) -> None:
        booster = grow()
        stored = StoredRows.of([booster], np.random.default_rng(1).normal(size=(40, 12)))
        assert stored is not None
        other = stored.raw.copy()
        other[7] = np.nextafter(other[7], np.inf)
        with caplog.at_level(logging.WARNING):
            used = Predictor([booster], kernels=kernels, stored=StoredRows(stored.rows, other))
        assert used.name == "lightgbm"
        assert "LightGBM does not reproduce the scores" in caplog.text

    def test_stored_rows_are_spread_over_the_matrix_and_finite(self) -> None:
        booster = grow()
        matrix = np.tile(np.arange(1000.0)[:, None], 12)
        matrix[0, 3], matrix[-1, 5] = np.inf, np.nan
        stored = StoredRows.of([booster], matrix)
        assert stored is not None
        assert stored.rows.shape == (255, 12)
        assert set(np.diff(stored.rows[:, 0])) == {3.0, 4.0}
        assert np.isnan(stored.rows[-1, 5])
        assert stored.raw.tobytes() == lightgbm_raw([booster], stored.rows).tobytes()
        assert StoredRows.of([booster], np.full((3, 12), np.inf)) is None

    @needs_kernels
    def test_lightgbm_explains_if_trees_lack_the_counts_of_training_rows(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        booster = changed(grow(), r"^leaf_count=[0-9]+", "leaf_count=0")
        rows = edge_rows([booster])
        with caplog.at_level(logging.WARNING):
            used = Predictor([booster])
        assert "counts of training rows" in caplog.text
        assert used.name == "kernels"
        assert used.raw(rows).tobytes() == lightgbm_raw([booster], rows).tobytes()
        expected = np.asarray(booster.predict(rows, pred_contrib=True, num_threads=1))
        assert used.contributions(rows, 0).tobytes() == expected.tobytes()

    @needs_kernels
    @pytest.mark.parametrize("leaves", [8, 20])
    def test_lightgbm_explains_if_the_counts_of_training_rows_do_not_add_up(
        self, leaves: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        booster = changed(grow(leaves), r"^leaf_count=[0-9]+", "leaf_count=3000")
        rows = edge_rows([booster])
        with caplog.at_level(logging.WARNING):
            used = Predictor([booster])
        expected = np.asarray(booster.predict(rows, pred_contrib=True, num_threads=1))
        np.testing.assert_allclose(used.contributions(rows, 0), expected, rtol=0.0, atol=1e-9)

    def test_the_kernels_score_and_explain_the_champion(self, champion: RiskModel) -> None:
        boosters = [scaled(champion.boosters[head], champion.factors[head]) for head in champion.heads]
        rows = edge_rows(boosters, 100)
        assert champion.predictor == ("kernels" if COMPILED else "lightgbm")
        trees = Predictor(list(champion.boosters.values()), list(champion.factors.values()))
        assert trees.raw(rows).tobytes() == lightgbm_raw(boosters, rows).tobytes()
        for number, booster in enumerate(boosters):
            expected = np.asarray(booster.predict(rows[:20], pred_contrib=True, num_threads=1))
            np.testing.assert_allclose(trees.contributions(rows[:20], number), expected, rtol=0.0, atol=1e-12)


@pytest.mark.parametrize("kernels", [True, False])
def test_heads_share_a_booster_with_a_factor_each(kernels: bool) -> None:
    booster, other, factors = grow(9, 6), grow(9, 6, seed=1), [1.0, 0.6, 1.0, 0.0]
    rows = edge_rows([booster, other])
    stored = StoredRows.of([booster, booster, other, other], rows, factors)
    assert stored is not None
    used = Predictor([booster, booster, other, other], factors, kernels=kernels, stored=stored)
    assert used.name == ("kernels" if kernels and COMPILED else "lightgbm")
    alone = [booster, scaled(booster, 0.6), other, scaled(other, 0.0)]
    assert used.raw(rows).tobytes() == lightgbm_raw(alone, rows).tobytes()
    assert stored.raw.tobytes() == lightgbm_raw(alone, stored.rows).tobytes()
    assert not used.raw(rows)[:, 3].any()
    for head, one in enumerate(alone):
        np.testing.assert_allclose(
            used.contributions(rows, head), lightgbm_contributions(one, rows), rtol=0.0, atol=TOLERANCE
        )
