"""Calibrators from held-out windows: on whom they are fitted, and the prevalence they state."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.calibration import probability
from models.lanes import Lanes
from models.scoring import RISK
from training.data.labels import AsOf
from training.data.stream import Part, base_rate_weights
from training.fitting.calibrating import HeldOut, fit_calibrators, illicit, risk_log_odds

HEADS = ("fentanyl_or_analogue", "precursor")


def office(n: int, seed: int, *, leads: float = 0.0, detection: float = 1.0) -> tuple[HeldOut, NDArray[np.bool_]]:
    """Shipments of one item with known probabilities; the office opens those that score high far more often. Leads point at
    illicit ones alone, and an inspection may miss what is there."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(-4.5, 2.0, n)
    truth = rng.random(n) < probability(logit)
    chosen = rng.random(n) < np.clip(0.1 * np.exp(logit + 4.5), 0.02, 0.9)
    opened = chosen | (truth & (rng.random(n) < leads))
    found = truth & opened & (rng.random(n) < detection)
    # The boosters' scores have another scale and level than the truth.
    held = HeldOut((logit[:, None] - 1.0) / 0.7, np.arange(n), found[:, None], np.ones(n), ~opened, chosen)
    return held, truth


@pytest.mark.parametrize(("leads", "detection"), [(0.0, 1.0), (0.3, 1.0), (0.0, 0.8), (0.3, 0.8)])
def test_they_give_the_true_rate_though_the_office_opens_what_looks_bad_and_misses_some(
    leads: float, detection: float
) -> None:
    held, truth = office(150_000, 1, leads=leads, detection=detection)
    risk = risk_log_odds(held, fit_calibrators(held, (RISK,), detection=detection), (RISK,))
    p = probability(risk)
    assert p.mean() == pytest.approx(truth.mean(), rel=0.08)
    for top in (300, 1500):
        best = np.argsort(-p)[:top]
        # In odds, as a correction to a base rate would carry them on.
        predicted, true = p[best].mean(), truth[best].mean()
        assert predicted / (1 - predicted) == pytest.approx(true / (1 - true), rel=0.2)
    # Presumed clean, what nobody opened would have cut the rate.
    assert held.find.mean() < 0.85 * truth.mean()


def test_leads_left_in_would_say_that_more_is_illicit_and_misses_left_out_that_less() -> None:
    held, truth = office(150_000, 1, leads=0.3)
    plain = replace(held, stated=~held.presumed)
    assert fit_calibrators(plain, (RISK,))[RISK].prevalence > 1.25 * truth.mean()
    held, truth = office(150_000, 1, detection=0.8)
    p = probability(risk_log_odds(held, fit_calibrators(held, (RISK,)), (RISK,)))
    best = np.argsort(-p)[:300]
    assert p[best].mean() < 0.85 * truth[best].mean()


def test_the_lanes_count_the_unopened_by_what_their_risk_says() -> None:
    held, truth = office(100_000, 6)
    risk = risk_log_odds(held, fit_calibrators(held, (RISK,)), (RISK,))
    weight = base_rate_weights(illicit(held, risk), 1e-6)
    assert weight.sum() == pytest.approx(1.0)
    threshold = Lanes.from_scores(risk, weight).red
    assert (risk >= threshold)[~truth].mean() == pytest.approx(0.005, rel=0.15)
    # With finds alone taken out, undiscovered illicit shipments would have filled the lane.
    naive = Lanes.from_scores(risk, base_rate_weights(held.found.astype(float), 1e-6)).red
    assert (risk >= naive)[~truth].mean() < 0.0045


def test_the_prevalence_is_the_mean_probability_of_all_shipments() -> None:
    held, _ = office(50_000, 2)
    calibrator = fit_calibrators(held, (RISK,))[RISK]
    assert calibrator.prevalence == pytest.approx(probability(calibrator(held.raw[:, 0])).mean(), rel=1e-9)
    assert calibrator.n == int((~held.presumed).sum())


def test_what_nobody_opened_has_no_say_in_the_map() -> None:
    held, _ = office(20_000, 3)
    other = HeldOut(
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


def test_an_office_that_records_only_finds_has_the_others_counted_as_clean() -> None:
    held, _ = office(20_000, 4)
    finds_alone = HeldOut(held.raw, held.first_row, held.find, held.weight, ~held.find[:, 0], held.find[:, 0])
    calibrator = fit_calibrators(finds_alone, (RISK,))[RISK]
    assert calibrator.kind != "identity"
    assert calibrator.n == 20_000


def test_a_shipment_is_its_largest_item_and_heads_make_one_risk() -> None:
    raw = np.array([[-3.0, -2.0], [1.0, -4.0], [-1.0, 2.0]] * 40)
    first = np.arange(0, 120, 2)
    rng = np.random.default_rng(5)
    find = rng.random((60, 2)) < 0.4
    held = HeldOut(raw, first, find, np.ones(60), np.zeros(60, dtype=bool), np.ones(60, dtype=bool))
    calibrators = fit_calibrators(held, HEADS)
    assert set(calibrators) == {*HEADS, RISK}
    risk = risk_log_odds(held, calibrators, HEADS)
    assert risk.shape == (60,)
    assert held.largest(raw)[0].tolist() == [1.0, -2.0]


@given(st.lists(st.integers(1, 4), min_size=2, max_size=12), st.data())
def test_parts_of_windows_keep_rows_and_shipments_together(items: list[int], data: st.DataObject) -> None:
    n, rows = len(items), sum(items)
    shipment = np.repeat(np.arange(n), items)
    find = np.zeros((rows, 1), dtype=bool)
    find[::3] = True
    first = np.concatenate([[0], np.cumsum(items)[:-1]])
    part = Part(
        np.arange(rows, dtype=float)[:, None],
        AsOf(find, np.arange(n) % 2 == 0, np.arange(1.0, n + 1.0, dtype=np.float64), np.arange(n) % 2 == 1),
        first,
        shipment,
    )
    keep = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    keep[0] = True
    own = part.of(keep)
    assert own.matrix[:, 0].tolist() == np.flatnonzero(keep[shipment]).tolist()
    assert own.matrix[own.first_row, 0].tolist() == first[keep].tolist()
    assert own.labels.weight.tolist() == (np.flatnonzero(keep) + 1.0).tolist()
    joined = HeldOut.joined([HeldOut.of(own.matrix, own), HeldOut.of(part.matrix, part)])
    assert joined.largest(joined.raw)[:, 0].tolist() == [
        *(first[keep] + np.array(items)[keep] - 1).tolist(),
        *(first + np.array(items) - 1).tolist(),
    ]
