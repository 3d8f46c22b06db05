"""Paired differences of models on one world, with resampled consignors."""

from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from tests.training.authors.conftest import NAMES
from training.authors.comparison import Resamples, figures, interval, pr_aucs, recalls
from training.authors.leaving_out import Authors
from training.authors.report import recall_at

Arrays = tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64]]


def world(seed: int = 0, n: int = 4_000) -> Arrays:
    """Return scores with many equal ones, outcomes, and consignors."""
    draw = np.random.default_rng(seed)
    illicit = draw.random(n) < 0.01
    score = np.round(draw.normal(illicit * 1.5, 1.0), 1)
    return score, illicit, np.unique(draw.integers(600, size=n), return_inverse=True)[1]


def test_the_first_draw_is_the_world_itself() -> None:
    score, illicit, consignor = world()
    resamples = Resamples.from_groups(consignor, draws=5)
    of_world = figures(score, illicit, illicit)
    assert pr_aucs(score, illicit, resamples)[0] == pytest.approx(of_world["pr_auc"])
    assert recalls(score, illicit, resamples)[0] == pytest.approx(of_world["recall_0.01"])
    assert recall_at(score, illicit, np.array([0.01]))[0] == pytest.approx(of_world["recall_0.01"])


def test_a_draw_repeats_all_shipments_of_a_consignor() -> None:
    score, illicit, consignor = world()
    resamples = Resamples.from_groups(consignor, draws=20)
    weights = resamples.times[consignor]
    expected = [average_precision_score(illicit, score, sample_weight=weight) for weight in weights.T]
    np.testing.assert_allclose(pr_aucs(score, illicit, resamples), expected)
    assert (resamples.times.sum(axis=0) == len(resamples.times)).all()
    assert resamples.times[:, 1:].max() >= 3
    # Without ties, a draw has the recall of a world that contains each shipment as often as its consignor is drawn.
    distinct = score + np.random.default_rng(1).random(len(score)) * 1e-6
    drawn = recalls(distinct, illicit, resamples, 0.05)
    for number, weight in enumerate(weights.T.astype(int)):
        rows = np.repeat(np.argsort(-distinct), weight[np.argsort(-distinct)])
        inside = rows[: round(0.05 * len(rows))]
        assert drawn[number] == pytest.approx(illicit[inside].sum() / illicit[rows].sum())


def test_the_interval_of_a_difference_is_narrower_than_that_of_its_parts() -> None:
    score, illicit, consignor = world()
    near = score + np.random.default_rng(5).normal(0.0, 0.05, len(score))
    resamples = Resamples.from_groups(consignor)
    one, other = pr_aucs(score, illicit, resamples), pr_aucs(near, illicit, resamples)
    width = {key: part["high"] - part["low"] for key, part in (("one", interval(one)), ("both", interval(other - one)))}
    assert width["both"] < width["one"] / 2
    assert interval(one - one) == {"value": 0.0, "low": 0.0, "high": 0.0}


def test_five_hundred_draws_of_a_whole_world_take_seconds() -> None:
    score, illicit, consignor = world(n=40_000)
    start = time.process_time()
    resamples = Resamples.from_groups(consignor)
    pr_aucs(score, illicit, resamples)
    recalls(score, illicit, resamples)
    assert time.process_time() - start < 10


def test_shipments_without_a_consignor_are_drawn_one_by_one(authors: Authors) -> None:
    views = authors.views[NAMES[0]]
    resamples = Resamples.of(views, draws=2)
    codes = views.office.table.text("consignor_name").codes[views.first_row]
    assert len(resamples.times) == len(np.unique(codes[codes >= 0])) + (codes < 0).sum()
    named = np.flatnonzero(codes == np.bincount(codes[codes >= 0]).argmax())
    assert len(set(resamples.consignor[named])) == 1
