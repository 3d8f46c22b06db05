from __future__ import annotations

import json
import math
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.calibration import ReferenceScores
from models.lanes import GREEN, LANE_NAMES, RED, YELLOW, Lanes, misfit, misfitting, random_share
from models.scoring import DEFAULT_BASE_RATES, ScoreSettings


class TestLanes:
    def test_red_holds_half_a_percent_and_yellow_two_percent(self) -> None:
        scores = np.random.default_rng(0).normal(size=100_000)
        counts = np.bincount(Lanes.from_scores(scores).assign(scores), minlength=3)
        assert counts.tolist() == [97_500, 2_000, 500]

    def test_shares_count_traffic_by_weight(self) -> None:
        rng = np.random.default_rng(1)
        scores, weight = rng.normal(size=50_000), rng.choice([1.0, 40.0], 50_000)
        codes = Lanes.from_scores(scores, weight).assign(scores)
        assert weight[codes == RED].sum() / weight.sum() == pytest.approx(0.005, abs=2e-4)
        assert weight[codes == YELLOW].sum() / weight.sum() == pytest.approx(0.02, abs=2e-4)

    def test_shipments_in_a_lane_by_their_floor_count_in_its_share(self) -> None:
        rng = np.random.default_rng(2)
        scores, weight = rng.normal(size=100_000), rng.choice([1.0, 40.0], 100_000)
        floor = rng.choice([GREEN, YELLOW, RED], 100_000, p=[0.988, 0.01, 0.002])
        codes = np.maximum(Lanes.from_scores(scores, weight, floor=floor).assign(scores), floor)
        assert weight[codes == RED].sum() / weight.sum() == pytest.approx(0.005, abs=2e-4)
        assert weight[codes == YELLOW].sum() / weight.sum() == pytest.approx(0.02, abs=2e-4)

    def test_floors_leave_half_of_a_share_to_the_score(self) -> None:
        rng = np.random.default_rng(3)
        scores, floor = rng.normal(size=100_000), rng.choice([GREEN, YELLOW], 100_000, p=[0.9, 0.1])
        codes = Lanes.from_scores(scores, floor=floor).assign(scores)
        assert (codes == RED).mean() == pytest.approx(0.005, abs=2e-4)
        assert (codes[floor == GREEN] > GREEN).sum() / 100_000 == pytest.approx(0.0125, abs=2e-4)

    def test_floors_of_green_change_nothing(self) -> None:
        rng = np.random.default_rng(4)
        scores, weight = rng.normal(size=5_000), rng.uniform(size=5_000)
        assert Lanes.from_scores(scores, weight, floor=np.full(5_000, GREEN)) == Lanes.from_scores(scores, weight)

    def test_equal_scores_share_a_lane(self) -> None:
        scores = np.repeat([3.0, 2.0, 1.0, 0.0], [4, 21, 100, 875])
        codes = Lanes.from_scores(scores).assign(scores)
        assert [LANE_NAMES[codes[scores == value][0]] for value in (3.0, 2.0, 1.0)] == ["red", "yellow", "green"]
        assert (codes == RED).sum() == 4

    def test_a_constant_model_has_empty_lanes(self) -> None:
        assert (Lanes.from_scores(np.zeros(1_000)).assign(np.zeros(1_000)) == GREEN).all()

    @given(st.lists(st.floats(-50, 50), min_size=1, max_size=200), st.floats(0, 0.4), st.floats(0, 0.4))
    def test_a_higher_score_never_has_a_lower_lane(self, scores: list[float], red: float, yellow: float) -> None:
        lanes = Lanes.from_scores(scores, red_share=red, yellow_share=yellow)
        assert (np.diff(lanes.assign(np.sort(scores))) >= 0).all()

    def test_json_gives_equal_lanes(self) -> None:
        lanes = Lanes(-1.25, -3.5)
        assert Lanes.from_json(json.loads(json.dumps(lanes.to_json()))) == lanes

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"red": -9.0}, "lies below the yellow"),
            ({"red": math.inf}, "finite"),
            ({"yellow": True}, "must be numbers"),
            ({"amber": 1.0}, "must have the keys"),
            ({"red_share": 0.99, "yellow_share": 0.5}, "add up to no more than 1"),
        ],
    )
    def test_impossible_thresholds_are_refused(self, change: dict[str, object], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            Lanes.from_json({**Lanes(1.0, 0.0).to_json(), **change})

    def test_an_empty_window_is_refused(self) -> None:
        with pytest.raises(ValueError, match="must have one length, at least 1"):
            Lanes.from_scores([])


class TestRandomShare:
    ids: ClassVar = [f"HB-2026-{n:06d}" for n in range(20_000)]

    def test_the_random_share_has_about_the_configured_size(self) -> None:
        assert random_share(self.ids, "a key", 0.05).mean() == pytest.approx(0.05, abs=0.006)

    def test_the_selection_does_not_depend_on_other_shipments_or_their_order(self) -> None:
        chosen = random_share(self.ids, "a key", 0.05)
        assert (random_share(self.ids[::-1], "a key", 0.05)[::-1] == chosen).all()
        assert random_share([self.ids[7]], "a key", 0.05)[0] == chosen[7]

    def test_another_key_selects_other_shipments(self) -> None:
        one, other = random_share(self.ids, "a key", 0.05), random_share(self.ids, "another", 0.05)
        assert (one & other).mean() < 0.01

    def test_a_larger_share_contains_the_smaller(self) -> None:
        small, large = random_share(self.ids, b"k", 0.02), random_share(self.ids, b"k", 0.1)
        assert (large | ~small).all()

    def test_shares_of_zero_and_one_are_exact(self) -> None:
        assert not random_share(self.ids, "k", 0.0).any()
        assert random_share(self.ids, "k", 1.0).all()

    def test_all_characters_of_a_long_key_count(self) -> None:
        one, other = random_share(self.ids, "k" * 100, 0.5), random_share(self.ids, "k" * 99 + "j", 0.5)
        assert (one != other).any()

    def test_the_selection_is_the_same_as_in_earlier_versions(self) -> None:
        # A change would draw another sample in every office without notice.
        assert np.flatnonzero(random_share(self.ids[:200], "a key", 0.05)).tolist() == [42, 72, 81, 109, 131, 139, 144]

    @pytest.mark.parametrize(("key", "share"), [("", 0.1), ("k", 1.5), ("k", -0.1), ("k", math.nan)])
    def test_an_empty_key_and_an_impossible_share_are_refused(self, key: str, share: float) -> None:
        with pytest.raises(ValueError, match="random share"):
            random_share(["a"], key, share)


class TestScoreSettings:
    heads = tuple(DEFAULT_BASE_RATES)

    def test_other_heads_keep_the_bundles_base_rate(self) -> None:
        settings = ScoreSettings(base_rates={"precursor": 2e-5})
        assert settings.rates_for(self.heads, DEFAULT_BASE_RATES) == {
            "fentanyl_or_analogue": 1e-6,
            "precursor": 2e-5,
            "equipment": 3e-7,
        }

    @pytest.mark.parametrize("rate", [0.0, 1.0, -1e-6, math.nan, "1e-6", True])
    def test_a_base_rate_outside_zero_to_one_is_refused(self, rate: object) -> None:
        with pytest.raises(ValueError, match="base rate of precursor must be a share between 0 and 1"):
            ScoreSettings(base_rates={"precursor": rate})  # type: ignore[dict-item]

    def test_a_base_rate_for_an_unknown_head_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"unknown heads \['cocaine'\]"):
            ScoreSettings(base_rates={"cocaine": 1e-6}).rates_for(self.heads, DEFAULT_BASE_RATES)

    def test_base_rates_that_add_up_to_one_are_refused(self) -> None:
        with pytest.raises(ValueError, match="add up to"):
            ScoreSettings(base_rates=dict.fromkeys(self.heads, 0.4)).rates_for(self.heads, DEFAULT_BASE_RATES)

    @pytest.mark.parametrize("key", [None, "", b""])
    def test_a_random_share_without_a_key_is_refused(self, key: str | bytes | None) -> None:
        with pytest.raises(ValueError, match="needs a random key"):
            ScoreSettings(random_share=0.01, random_key=key)


class TestReferenceScores:
    def test_percentile_is_the_share_of_traffic_that_scores_lower(self) -> None:
        reference = ReferenceScores.from_scores([1.0, 2.0, 2.0, 3.0])
        assert reference.percentile([0.0, 1.0, 2.0, 3.0, 4.0]).tolist() == [0.0, 0.0, 0.25, 0.75, 1.0]

    def test_percentiles_count_weights(self) -> None:
        reference = ReferenceScores.from_scores([1.0, 2.0, 3.0], [1.0, 0.0, 3.0])
        assert reference.percentile([2.0, 3.0]).tolist() == pytest.approx([0.125, 0.25])

    def test_large_traffic_is_thinned_but_dense_at_the_top(self) -> None:
        scores = np.random.default_rng(0).normal(size=300_000)
        reference = ReferenceScores.from_scores(scores)
        assert len(reference.log_odds) <= 4_000
        top = np.sort(scores)[-2_000:]
        exact = np.searchsorted(np.sort(scores), top) / len(scores)
        assert 1.0 - reference.percentile(top) == pytest.approx(1.0 - exact, rel=0.02, abs=2e-6)
        assert reference.percentile(np.quantile(scores, [0.1, 0.5, 0.9])) == pytest.approx([0.1, 0.5, 0.9], abs=1e-3)

    @given(
        st.lists(st.floats(-30, 30), min_size=1, max_size=100), st.lists(st.floats(-40, 40), min_size=2, max_size=50)
    )
    # Interpolation alone gives the lower score the higher percentile: 0.33333333333333337 and 0.3333333333333333.
    @example([-16.5, 3.4, 7.7], [3.3999999999999995, 3.4])
    def test_percentile_never_falls_as_the_score_rises(self, traffic: list[float], scores: list[float]) -> None:
        percentiles = ReferenceScores.from_scores(traffic).percentile(np.sort(scores))
        assert (np.diff(percentiles) >= 0.0).all()
        assert ((percentiles >= 0.0) & (percentiles <= 1.0)).all()

    def test_reference_scores_that_do_not_increase_are_refused(self) -> None:
        with pytest.raises(ValueError, match="must increase"):
            ReferenceScores(np.array([1.0, 1.0]), np.array([0.0, 0.5]))


class TestMisfit:
    lanes = Lanes(red=2.0, yellow=1.0)

    @pytest.mark.parametrize(
        ("red", "yellow", "wrong"),
        [
            (25, 100, []),
            (100, 400, []),
            (24, 100, ["red"]),
            (101, 100, ["red"]),
            (25, 99, ["yellow"]),
            (25, 401, ["yellow"]),
            (0, 0, ["red", "yellow"]),
        ],
    )
    def test_lanes_fit_up_to_half_and_twice_their_shares(self, red: int, yellow: int, wrong: list[str]) -> None:
        counts = {"red": red, "yellow": yellow, "green": 10_000 - red - yellow}
        assert misfitting(counts, self.lanes) == wrong
        assert (misfit(counts, self.lanes) is None) == (not wrong)

    def test_lanes_are_compared_with_their_own_shares(self) -> None:
        wide = Lanes(red=2.0, yellow=1.0, red_share=0.12, yellow_share=0.24)
        assert misfit({"red": 1_200, "yellow": 2_400, "green": 6_400}, wide) is None
        assert misfitting({"red": 50, "yellow": 200, "green": 9_750}, wide) == ["red", "yellow"]

    def test_few_shipments_are_not_judged(self) -> None:
        assert misfit({"red": 1_000, "green": 999}, self.lanes) is None
        assert misfit({}, self.lanes) is None
        assert misfit({"red": 1_000, "green": 1_000}, self.lanes) is not None

    def test_the_warning_gives_shares_and_the_remedy(self) -> None:
        counts = {"red": 3_100, "yellow": 150, "green": 6_750}
        assert misfit(counts, self.lanes) == "31 % red, designed for 0.5 %: run `tidewaiter adapt`"
        counts = {"red": 350, "yellow": 2_000, "green": 7_650}
        assert misfit(counts, self.lanes) == (
            "3.5 % red, designed for 0.5 %; 20 % yellow, designed for 2 %: run `tidewaiter adapt`"
        )
