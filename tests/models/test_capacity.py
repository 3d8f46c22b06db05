"""Lanes by capacity: expected inspections meet it, and exploration selects with the stated probability."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.table.table import ManifestTable
from models.capacity import ALL, NEVER, CapacityLanes, Cut, CutRows, draws, groups_of
from models.scoring import RiskModel, ScoreSettings
from tests.models.small_model import manifest, table_of

KEY = b"a key of the office"


def expected(cut: Cut, scores: np.ndarray, floored: np.ndarray) -> float:
    """Return the expected inspections of some traffic."""
    red = (scores >= cut.red) | floored
    return float(red.sum() + cut.exploration_probability(scores[~red]).sum())


def lanes_of(model: RiskModel, cuts: dict[str, Cut], by: tuple[str, ...] = ()) -> ScoreSettings:
    return ScoreSettings(capacity={model.digest: CapacityLanes("plan", model.digest, by, cuts, KEY)})


@given(
    st.integers(0, 2**32 - 1),
    st.integers(200, 2_000),
    st.floats(0.0, 0.3),
    st.floats(0.0, 0.5),
    st.floats(0.0, 0.05),
)
def test_expected_inspections_meet_the_capacity(seed: int, n: int, share: float, explore: float, rules: float) -> None:
    rng = np.random.default_rng(seed)
    scores, floored = rng.normal(size=n), rng.random(n) < rules
    cut = Cut.from_scores(scores, share, explore, floored=floored)
    inspections = expected(cut, scores, floored)
    # Rules leave half of the score's part to the score, so they may exceed the capacity by what they raise.
    assert share * n - 2.0 <= inspections <= share * n + floored.sum() + 2.0
    if not floored.any():
        assert inspections == pytest.approx(share * n, abs=1.5)


def test_seven_tenths_of_the_exploration_fall_on_the_riskiest_tenth_below_the_threshold() -> None:
    scores = np.random.default_rng(0).normal(size=100_000)
    cut = Cut.from_scores(scores, 0.01, 0.1)
    below = scores[scores < cut.red]
    near = below >= cut.near
    assert near.mean() == pytest.approx(0.1, abs=1e-4)
    p = cut.exploration_probability(below)
    assert p.sum() == pytest.approx(100.0, rel=1e-3)
    assert p[near].sum() / p.sum() == pytest.approx(0.7, abs=1e-3)


def test_a_group_without_inspections_has_no_threshold_and_one_of_equal_scores_explores_evenly() -> None:
    assert Cut.from_scores(np.arange(10.0), 0.0) == Cut(NEVER, NEVER, 0.0, 0.0)
    equal = Cut.from_scores(np.zeros(1_000), 0.01, 0.5)
    assert equal.exploration_probability(np.zeros(1)).tolist() == pytest.approx([0.005])
    assert equal.red > 0.0


def test_draws_are_even_repeatable_and_secret() -> None:
    ids = [f"HB-{number}" for number in range(20_000)]
    numbers = draws(ids, KEY)
    assert np.histogram(numbers, 10, (0.0, 1.0))[0] == pytest.approx(2_000, abs=200)
    assert draws(ids[::-1], KEY)[::-1].tolist() == numbers.tolist()
    assert abs(np.corrcoef(numbers, draws(ids, b"another key"))[0, 1]) < 0.03


def test_exploration_selects_with_the_stated_probability_and_never_what_is_red_anyway() -> None:
    n = 200_000
    rng = np.random.default_rng(1)
    is_red = rng.random(n) < 0.1
    scores = rng.normal(size=n)
    full = np.full(n, 1.0)
    rows = CutRows(np.full(n, ALL, object), full * 9, full * 1.0, full * 0.2, full * 0.02, rng.random(n))
    selected, p = rows.explore(scores, is_red)
    assert not selected[is_red].any()
    assert (p[is_red] == 1.0).all()
    for probability in (0.2, 0.02):
        assert selected[~is_red & (p == probability)].mean() == pytest.approx(probability, rel=0.1)


@pytest.fixture(scope="module")
def traffic() -> ManifestTable:
    """Shipments of two channels."""
    columns = manifest(1_500, seed=11)
    numbers = [str(name)[-1] for name in columns["shipment_id"]]
    columns["channel"] = ["postal" if number in "13579" else "express" for number in numbers]
    return table_of(columns)


class TestScoring:
    def test_red_by_score_is_what_reaches_the_threshold_of_the_group(
        self, model: RiskModel, traffic: ManifestTable
    ) -> None:
        groups = groups_of(traffic, ("channel",))
        first, second = np.unique(groups.astype(str))[:2]
        free = model.score(traffic, model.history.copy())
        cut = Cut.from_scores(free.risk_log_odds, 0.05, 0.0)
        strict = Cut.from_scores(free.risk_log_odds, 0.01, 0.0)
        settings = lanes_of(model, {ALL: cut, first: strict}, ("channel",))
        scores = model.score(traffic, model.history.copy(), settings=settings)
        thresholds = np.where(groups == first, strict.red, cut.red)
        by_score = scores.selected_by == "score"
        assert by_score[groups == second].any()
        red = scores.lane == "red"
        assert (scores.risk_log_odds[by_score & red] >= thresholds[by_score & red]).all()
        # Scores do not change, and what stays below the threshold is red by other means alone.
        assert scores.risk.tolist() == free.risk.tolist()
        assert not (red & (scores.risk_log_odds < thresholds) & by_score).any()

    def test_answers_state_threshold_group_and_probability(self, model: RiskModel, traffic: ManifestTable) -> None:
        free = model.score(traffic, model.history.copy())
        cut = Cut.from_scores(free.risk_log_odds, 0.05, 0.2)
        scores = model.score(traffic, model.history.copy(), settings=lanes_of(model, {ALL: cut}))
        for answer in scores.answers():
            assert (
                (answer["risk"] >= answer["threshold"]) or answer["selected_by"] != "score" or answer["lane"] != "red"
            )
            if answer["selected_by"] == "exploration":
                assert answer["lane"] == "red"
                assert answer["risk"] < answer["threshold"]
                assert 0.0 < answer["inspection_probability"] < 1.0
                assert answer["reasons"][0]["code"] == "EXPLORATION"
                assert f"1 in {round(1 / answer['inspection_probability'])}" in answer["reasons"][0]["text"]
            elif answer["lane"] == "red":
                assert answer["inspection_probability"] == 1.0
            json.dumps(answer)
        assert (scores.selected_by == "exploration").sum() > 5
        assert "threshold" not in free.answers(0, 1)[0]

    def test_a_repeat_gives_the_same_lanes_whatever_the_order(self, model: RiskModel, traffic: ManifestTable) -> None:
        free = model.score(traffic, model.history.copy())
        settings = lanes_of(model, {ALL: Cut.from_scores(free.risk_log_odds, 0.05, 0.3)})
        whole = model.score(traffic, model.history.copy(), settings=settings, update_history=False)
        again = model.score(traffic, model.history.copy(), settings=settings, update_history=False)
        assert whole.selected_by.tolist() == again.selected_by.tolist()

    def test_a_model_without_a_plan_has_the_lanes_of_its_bundle(self, model: RiskModel, traffic: ManifestTable) -> None:
        free = model.score(traffic, model.history.copy())
        other = CapacityLanes("plan", "another digest", (), {ALL: Cut(-99.0, -99.0, 0.0, 0.0)}, KEY)
        scores = model.score(traffic, model.history.copy(), settings=ScoreSettings(capacity={"another digest": other}))
        assert scores.lane.tolist() == free.lane.tolist()

    def test_a_capacity_refuses_the_random_share(self, model: RiskModel) -> None:
        with pytest.raises(ValueError, match="replaces the random share"):
            replace(lanes_of(model, {ALL: Cut(0.0, 0.0, 0.0, 0.0)}), random_share=0.1, random_key="key")
