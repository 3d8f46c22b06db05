"""Training on an office's own label with so many rows that boosters learn faster."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from training.config import Run, TrainConfig
from training.fitting.boosting import HeadFit, fit_heads, raw_score
from training.fitting.examples import Examples
from training.fitting.params import BoosterSpec, BoostingParams
from training.fitting.search import fit_searched


def test_changed_parameters_stay_and_defaults_become_those_of_many_rows() -> None:
    params = BoostingParams(learning_rate=0.02, num_leaves=15).for_many_rows(1_000_000)
    assert (params.learning_rate, params.num_leaves) == (0.02, 15)
    assert (params.most_trees, params.bagging_fraction) == (320, 0.35)
    assert params.lightgbm(seed=0, threads=1, monotone=())["force_col_wise"]
    assert "force_col_wise" not in BoostingParams().lightgbm(seed=0, threads=1, monotone=())


def _examples(n: int, seed: int) -> Examples:
    draw = np.random.default_rng(seed)
    matrix = draw.normal(size=(n, 4))
    find = draw.random(n) < 1.0 / (1.0 + np.exp(1.0 - matrix[:, 0] - matrix[:, 1]))
    return Examples(matrix, find[:, None], np.ones(n), prior=np.zeros((n, 1)))


def test_the_quick_comparison_has_fewer_trees_than_the_chosen_boosters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.fitting.search._COMPARED_TREES", 3)
    monkeypatch.setattr("training.fitting.search._COMPARED_ROWS", 1000)
    fitted: list[tuple[int, int]] = []

    def fit(spec: BoosterSpec, train: Examples, stop: Examples) -> dict[str, HeadFit]:
        fitted.append((spec.params.most_trees, len(train.matrix)))
        return fit_heads(spec, train, stop)

    monkeypatch.setattr("training.fitting.search.fit_heads", fit)
    params = BoostingParams(most_trees=30)
    spec = BoosterSpec(("risk",), ("a", "b", "c", "d"), (0, 0, 0, 0), params, seed=0, threads=1)
    found = fit_searched(spec, _examples(4000, 0), _examples(2000, 1), quick=True)
    assert fitted == [(3, 1000)] * 3 + [(30, 4000)]
    assert found.params.most_trees == 30
    assert found.fits["risk"].trees > 3


def test_trees_from_a_sample_of_the_rows_rank_as_well() -> None:
    train, stop, test = (_examples(6000, seed) for seed in range(3))
    params = BoostingParams(min_data_in_leaf=20)
    spec = BoosterSpec(("risk",), ("a", "b", "c", "d"), (0, 0, 0, 0), params, seed=0, threads=1)
    fast = replace(spec, params=params.for_many_rows(500_000))
    scores = [raw_score(fit_heads(one, train, stop)["risk"].booster, test.matrix, 1) for one in (spec, fast)]
    assert np.corrcoef(scores[0], scores[1])[0, 1] > 0.98


class _Data:
    """Data of a run with a number of rows."""

    def __init__(self, heads: tuple[str, ...], n_rows: int) -> None:
        self.labels, self.table = self, self
        self.heads, self.n_rows = heads, n_rows


@pytest.mark.parametrize(
    ("heads", "n_rows", "expected"),
    [(("risk",), 500_000, True), (("risk",), 499_999, False), (("opioid", "precursor"), 1_000_000, False)],
)
def test_only_an_own_label_with_many_rows_is_learned_faster(
    heads: tuple[str, ...], n_rows: int, expected: bool
) -> None:
    run = Run(TrainConfig(), _Data(heads, n_rows), None)  # type: ignore[arg-type]
    assert run.many_rows is expected
