"""Calibrators from held-out windows: the shipments they learn from, and their prevalence."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.calibration import logit, probability
from models.lanes import Lanes
from models.scoring import RISK
from training.data.labels import KnownLabels
from training.data.window_features import WindowFeatures
from training.fitting.calibrating import (
    HeldOutScores,
    base_rate_weights,
    fit_calibrators,
    illicit_probability,
    risk_log_odds,
)

HEADS = ("fentanyl_or_analogue", "precursor")


def office(n: int, seed: int, *, leads: float = 0.0, detection: float = 1.0) -> tuple[HeldOutScores, NDArray[np.bool_]]:
    """Return shipments of one item with known probabilities, inspected far more often at high scores.

    Tips (``leads``) lead to illicit shipments only, and an inspection finds content with probability ``detection``.
    """
    rng = np.random.default_rng(seed)
    logit = rng.normal(-4.5, 2.0, n)
    truth = rng.random(n) < probability(logit)
    chosen = rng.random(n) < np.clip(0.1 * np.exp(logit + 4.5), 0.02, 0.9)
    opened = chosen | (truth & (rng.random(n) < leads))
    found = truth & opened & (rng.random(n) < detection)
    # Scores of boosters have another scale and level than the true log-odds.
    held = HeldOutScores((logit[:, None] - 1.0) / 0.7, np.arange(n), found[:, None], np.ones(n), ~opened, chosen)
    return held, truth


@pytest.mark.parametrize(("leads", "detection"), [(0.0, 1.0), (0.3, 1.0), (0.0, 0.8), (0.3, 0.8)])
def test_calibrators_give_the_true_rate_despite_selective_inspections_and_missed_finds(
    leads: float, detection: float
) -> None:
    held, truth = office(150_000, 1, leads=leads, detection=detection)
    risk = risk_log_odds(held, fit_calibrators(held, (RISK,), detection=detection), (RISK,))
    p = probability(risk)
    assert p.mean() == pytest.approx(truth.mean(), rel=0.08)
    for top in (300, 1500):
        best = np.argsort(-p)[:top]
        # In odds, because the correction to a base rate multiplies odds.
        predicted, true = p[best].mean(), truth[best].mean()
        assert predicted / (1 - predicted) == pytest.approx(true / (1 - true), rel=0.2)
    # Counting uninspected shipments as clean would have lowered the rate.
    assert held.find.mean() < 0.85 * truth.mean()


def test_heads_of_trees_that_start_from_a_share_of_the_prior_keep_their_order_and_only_the_risk_is_calibrated() -> None:
    held, truth = office(60_000, 2)
    rng = np.random.default_rng(3)
    # Odds of the heads are shares of the shipment's, and so are their finds.
    share = rng.uniform(0.02, 0.98, len(truth))
    raw = held.raw + np.log(np.column_stack([share, 1.0 - share]))
    first = rng.random(len(truth)) < share
    wide = replace(held, raw=raw / 0.15, find=held.find & np.column_stack([first, ~first]))
    fitted = fit_calibrators(wide, HEADS, stated=dict.fromkeys(HEADS, 1e-6), slope=0.15)
    risk = risk_log_odds(wide, fitted, HEADS)
    in_order = risk[np.argsort(held.raw[:, 0])][:-200]
    assert (np.diff(in_order) >= -1e-3).all()
    assert probability(in_order).sum() == pytest.approx(truth[np.argsort(held.raw[:, 0])][:-200].sum(), rel=0.15)
    # A base rate then gives each head's probability. Heads have no slope of their own, so it holds within a factor.
    for k, head in enumerate(HEADS):
        rate = float((truth & (first if k == 0 else ~first)).mean())
        log_odds = fitted[head](wide.largest(wide.raw)[:, k]) + logit(rate) - logit(fitted[head].prevalence)
        assert rate / 3.0 < probability(log_odds).mean() < 3.0 * rate


def test_learning_from_tips_raises_probabilities_and_ignoring_missed_finds_lowers_them() -> None:
    held, truth = office(150_000, 1, leads=0.3)
    plain = replace(held, stated=~held.presumed)
    assert fit_calibrators(plain, (RISK,))[RISK].prevalence > 1.25 * truth.mean()
    held, truth = office(150_000, 1, detection=0.8)
    p = probability(risk_log_odds(held, fit_calibrators(held, (RISK,)), (RISK,)))
    best = np.argsort(-p)[:300]
    assert p[best].mean() < 0.85 * truth[best].mean()


def test_lanes_weigh_uninspected_shipments_by_their_risk() -> None:
    held, truth = office(100_000, 6)
    risk = risk_log_odds(held, fit_calibrators(held, (RISK,)), (RISK,))
    weight = base_rate_weights(illicit_probability(held, risk), 1e-6)
    assert weight.sum() == pytest.approx(1.0)
    threshold = Lanes.from_scores(risk, weight).red
    assert (risk >= threshold)[~truth].mean() == pytest.approx(0.005, rel=0.15)
    # If only finds counted as illicit, undiscovered illicit shipments would fill the lane.
    naive = Lanes.from_scores(risk, base_rate_weights(held.has_find.astype(float), 1e-6)).red
    assert (risk >= naive)[~truth].mean() < 0.0045


def test_the_prevalence_is_the_mean_probability_of_all_shipments() -> None:
    held, _ = office(50_000, 2)
    calibrator = fit_calibrators(held, (RISK,))[RISK]
    assert calibrator.prevalence == pytest.approx(probability(calibrator(held.raw[:, 0])).mean(), rel=1e-9)
    assert calibrator.n == int((~held.presumed).sum())


def test_uninspected_shipments_do_not_change_the_calibration_curve() -> None:
    held, _ = office(20_000, 3)
    other = HeldOutScores(
        np.where(held.presumed[:, None], 0.0, held.raw),
        held.first_row,
        held.find,
        held.weight,
        held.presumed,
        held.stated,
    )
    one, two = (fit_calibrators(h, (RISK,))[RISK] for h in (held, other))
    assert (one.knots, one.anchor, one.slopes) == (two.knots, two.anchor, two.slopes)
    assert one.prevalence != two.prevalence


def test_if_an_office_records_only_finds_all_other_shipments_count_as_clean() -> None:
    held, _ = office(20_000, 4)
    finds_alone = HeldOutScores(held.raw, held.first_row, held.find, held.weight, ~held.find[:, 0], held.find[:, 0])
    calibrator = fit_calibrators(finds_alone, (RISK,))[RISK]
    assert calibrator.kind != "identity"
    assert calibrator.n == 20_000


def test_a_shipment_scores_as_its_largest_item_and_heads_combine_to_one_risk() -> None:
    raw = np.array([[-3.0, -2.0], [1.0, -4.0], [-1.0, 2.0]] * 40)
    first = np.arange(0, 120, 2)
    rng = np.random.default_rng(5)
    find = rng.random((60, 2)) < 0.4
    held = HeldOutScores(raw, first, find, np.ones(60), np.zeros(60, dtype=bool), np.ones(60, dtype=bool))
    calibrators = fit_calibrators(held, HEADS)
    assert set(calibrators) == {*HEADS, RISK}
    risk = risk_log_odds(held, calibrators, HEADS)
    assert risk.shape == (60,)
    assert held.largest(raw)[0].tolist() == [1.0, -2.0]


@given(st.lists(st.integers(1, 4), min_size=2, max_size=12), st.data())
def test_selected_and_concatenated_windows_keep_rows_and_shipments_aligned(
    items: list[int], data: st.DataObject
) -> None:
    n, rows = len(items), sum(items)
    shipment = np.repeat(np.arange(n), items)
    find = np.zeros((rows, 1), dtype=bool)
    find[::3] = True
    first = np.concatenate([[0], np.cumsum(items)[:-1]])
    part = WindowFeatures(
        np.arange(rows, dtype=float)[:, None],
        KnownLabels(find, np.arange(n) % 2 == 0, np.arange(1.0, n + 1.0, dtype=np.float64), np.arange(n) % 2 == 1),
        first,
        shipment,
    )
    keep = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    keep[0] = True
    own = part.select(keep)
    assert own.matrix[:, 0].tolist() == np.flatnonzero(keep[shipment]).tolist()
    assert own.matrix[own.first_row, 0].tolist() == first[keep].tolist()
    assert own.labels.weight.tolist() == (np.flatnonzero(keep) + 1.0).tolist()
    both = HeldOutScores.concatenate([HeldOutScores.of(own.matrix, own), HeldOutScores.of(part.matrix, part)])
    assert both.largest(both.raw)[:, 0].tolist() == [
        *(first[keep] + np.array(items)[keep] - 1).tolist(),
        *(first + np.array(items) - 1).tolist(),
    ]
