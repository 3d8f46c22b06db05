from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from models.calibration import (
    Calibrator,
    Calibrators,
    combine,
    logit,
    probability,
    shift,
    shifted_probabilities,
    spare_facts,
)
from models.calibration.calibrator import MAX_SLOPE, MIN_SLOPE

log_odds = st.floats(-40.0, 40.0)
rates = st.floats(1e-9, 1.0 - 1e-9)


def sample(n: int, slope: float, intercept: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return raw log-odds of a head with a known slope and intercept, and which shipments are finds."""
    rng = np.random.default_rng(seed)
    raw = rng.normal(-3.0, 2.0, n)
    return raw, rng.random(n) < probability(intercept + slope * raw)


@st.composite
def calibrators(draw: st.DrawFn) -> Calibrator:
    knots = sorted(
        draw(st.lists(st.floats(-20.0, 20.0), min_size=1, max_size=8, unique_by=lambda knot: round(knot, 3)))
    )
    slopes = draw(st.lists(st.floats(MIN_SLOPE, MAX_SLOPE), min_size=len(knots) + 1, max_size=len(knots) + 1))
    return Calibrator(tuple(knots), draw(st.floats(-20.0, 20.0)), tuple(slopes), "piecewise", 100, 1000, 0.1)


class TestCalibrator:
    @given(calibrators(), st.lists(st.floats(-200.0, 200.0), min_size=2, max_size=50))
    def test_a_calibrator_increases_strictly_inside_and_outside_its_knots(
        self, calibrator: Calibrator, scores: list[float]
    ) -> None:
        x = np.unique(np.concatenate([np.round(scores, 9), np.linspace(-300.0, 300.0, 601), calibrator.knots]))
        x = x[np.concatenate([[True], np.diff(x) > 1e-9])]
        assert (np.diff(calibrator(x)) > 0.0).all()

    @given(calibrators(), st.integers(0, 7), st.integers(1, 30))
    def test_a_calibrator_never_falls_between_neighbouring_floats_at_a_knot(
        self, calibrator: Calibrator, which: int, steps: int
    ) -> None:
        knot = calibrator.knots[which % len(calibrator.knots)]
        below, above = [knot], [knot]
        for _ in range(steps):
            below.append(float(np.nextafter(below[-1], -np.inf)))
            above.append(float(np.nextafter(above[-1], np.inf)))
        assert (np.diff(calibrator(np.array([*below[::-1], *above[1:]]))) >= 0.0).all()

    @given(st.lists(calibrators(), min_size=1, max_size=3), st.data())
    def test_one_row_equals_that_row_among_many(self, columns: list[Calibrator], data: st.DataObject) -> None:
        knots = [knot for calibrator in columns for knot in calibrator.knots]
        values = st.sampled_from(knots) | st.floats(-200.0, 200.0)
        rows = data.draw(hnp.arrays(np.float64, (9, len(columns)), elements=values))
        together = Calibrators(columns)(rows)
        alone = [Calibrators(columns)(rows[row : row + 1]) for row in range(9)]
        assert together.tobytes() == np.concatenate(alone).tobytes()
        assert Calibrators(columns)(rows[:0]).shape == (0, len(columns))

    @given(calibrators())
    def test_json_gives_an_equal_calibrator(self, calibrator: Calibrator) -> None:
        again = Calibrator.from_json(json.loads(json.dumps(calibrator.to_json())))
        assert again == calibrator
        assert (again(np.linspace(-9, 9, 99)) == calibrator(np.linspace(-9, 9, 99))).all()

    @pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (0.5, 1.0), (2.0, -1.0)])
    def test_fitting_recovers_a_known_miscalibration(self, slope: float, intercept: float) -> None:
        raw, is_find = sample(40_000, slope, intercept)
        fitted = Calibrator.fit(raw, is_find)
        assert fitted.kind == "piecewise"
        assert fitted.n_positive == is_find.sum()
        bulk = np.quantile(raw[is_find], [0.1, 0.5, 0.9])
        assert fitted(bulk) == pytest.approx(intercept + slope * bulk, abs=0.3)

    def test_a_fit_is_calibrated_at_the_weighted_prevalence(self) -> None:
        raw, is_find = sample(40_000, 1.0, 0.0)
        weight = np.where(is_find, 1.0, 50.0)
        fitted = Calibrator.fit(raw, is_find, weight)
        assert fitted.prevalence == pytest.approx((weight * is_find).sum() / weight.sum())
        assert np.average(probability(fitted(raw)), weights=weight) == pytest.approx(fitted.prevalence, rel=1e-3)

    def test_a_weight_counts_like_repeated_rows(self) -> None:
        raw, is_find = sample(4_000, 0.7, 0.5)
        times = np.where(is_find, 1, 3)
        weighted = Calibrator.fit(raw, is_find, times)
        repeated = Calibrator.fit(np.repeat(raw, times), np.repeat(is_find, times))
        x = np.linspace(-6, 4, 50)
        assert weighted(x) == pytest.approx(repeated(x), abs=1e-3)

    @pytest.mark.parametrize(
        ("positives", "kind"),
        [(0, "identity"), (1, "intercept"), (9, "intercept"), (10, "slope"), (49, "slope"), (50, "piecewise")],
    )
    def test_few_positives_give_a_simpler_kind(self, positives: int, kind: str) -> None:
        rng = np.random.default_rng(1)
        is_find = np.arange(2_000) < positives
        fitted = Calibrator.fit(rng.normal(np.where(is_find, 0.0, -3.0), 1.0), is_find)
        assert fitted.to_json()["kind"] == kind
        assert fitted.to_json()["n_positive"] == positives
        if kind == "intercept":
            assert set(fitted.slopes) == {1.0}
        if kind == "identity":
            assert fitted(np.array([-3.0, 2.5])).tolist() == [-3.0, 2.5]

    def test_slopes_stay_within_bounds_when_classes_separate(self) -> None:
        is_find = np.arange(1_000) < 100
        fitted = Calibrator.fit(np.where(is_find, 5.0, -5.0) + np.linspace(-1, 1, 1_000), is_find)
        assert all(MIN_SLOPE <= slope <= MAX_SLOPE for slope in fitted.slopes)
        assert np.isfinite(fitted(np.array([-1e3, 1e3]))).all()

    def test_a_head_without_information_still_increases(self) -> None:
        rng = np.random.default_rng(3)
        raw = rng.normal(size=5_000)
        fitted = Calibrator.fit(raw, rng.random(5_000) < 0.05)
        assert (np.diff(fitted(np.sort(raw))) > 0.0).all()

    def test_equal_scores_can_be_calibrated(self) -> None:
        fitted = Calibrator.fit(np.full(1_000, -2.0), np.arange(1_000) < 100)
        assert probability(fitted(-2.0)) == pytest.approx(0.1, abs=1e-3)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"slopes": [1.0, 0.0]}, "slopes of a calibrator must lie in"),
            ({"knots": [1.0, 1.0], "slopes": [1.0, 1.0, 1.0]}, "must increase strictly"),
            ({"knots": []}, "0 knots need 1 slopes"),
            ({"anchor": "0"}, "must be numbers"),
            ({"kind": "isotonic"}, "'isotonic' is unknown"),
            ({"prevalence": 0.0}, r"prevalence must lie in \(0, 1\)"),
            ({"n_positive": 1.5}, "whole numbers"),
            ({"extra": 1}, "must have the keys"),
            ({"spares_facts": 1}, "must be true or false"),
        ],
    )
    def test_invalid_json_of_a_calibrator_is_refused(self, change: dict[str, object], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            Calibrator.from_json({**Calibrator.identity().to_json(), **change})

    def test_a_calibrator_of_an_earlier_version_spares_nothing(self) -> None:
        written = Calibrator.identity().to_json()
        del written["spares_facts"]
        assert Calibrator.from_json(written) == Calibrator.identity()

    def test_scores_that_are_not_finite_are_refused(self) -> None:
        with pytest.raises(ValueError, match="must be finite"):
            Calibrator.fit([0.0, np.nan], [1, 0])


class TestSpareFacts:
    @given(calibrators(), hnp.arrays(np.float64, st.tuples(st.integers(2, 20), st.just(1)), elements=log_odds))
    def test_declared_content_rises_with_its_evidence_and_keeps_odds_above_even(
        self, calibrator: Calibrator, raw: np.ndarray
    ) -> None:
        raw = np.sort(raw, axis=0)
        calibrated = calibrator(raw)
        spared = spare_facts(calibrated, raw, np.ones(raw.shape, dtype=np.bool_))
        assert (np.diff(spared, axis=0) >= 0.0).all()
        assert (spared >= calibrated).all()
        assert (spared[raw > 0.0] >= raw[raw > 0.0]).all()
        np.testing.assert_array_equal(spare_facts(calibrated, raw, np.zeros(raw.shape, dtype=np.bool_)), calibrated)


class TestCombine:
    @given(hnp.arrays(np.float64, st.tuples(st.integers(1, 20), st.integers(1, 5)), elements=st.floats(-12.0, 12.0)))
    def test_combining_equals_the_direct_formula_where_that_is_accurate(self, heads: np.ndarray) -> None:
        naive = 1.0 - np.prod(1.0 - probability(heads), axis=1)
        accurate = (naive > 1e-6) & (naive < 1.0 - 1e-6)
        assert probability(combine(heads))[accurate] == pytest.approx(naive[accurate], rel=1e-8)

    @given(hnp.arrays(np.float64, st.tuples(st.integers(1, 20), st.integers(1, 5)), elements=st.floats(-800.0, 800.0)))
    def test_the_combined_risk_is_never_below_the_largest_head(self, heads: np.ndarray) -> None:
        combined = combine(heads)
        assert (combined >= heads.max(axis=1)).all()
        assert np.isfinite(combined).all()

    @pytest.mark.parametrize("p", [1e-300, 1e-15, 1e-9, 1e-6])
    def test_combining_heads_adds_tiny_probabilities(self, p: float) -> None:
        assert combine(np.full((1, 3), logit(p)))[0] == pytest.approx(math.log(3 * p), abs=1e-5)

    def test_combining_is_exact_for_probabilities_next_to_one(self) -> None:
        # The product of two 1 - p = 1e-9 is 1e-18, and no float near 1 can represent 1 - 1e-18.
        almost = -logit(1e-9)
        assert combine(np.array([[almost, almost]]))[0] == pytest.approx(18 * math.log(10), rel=1e-9)

    @given(st.lists(log_odds, min_size=2, max_size=5), st.integers(0, 4), st.floats(1e-3, 5.0))
    def test_the_combined_risk_rises_with_each_head(self, heads: list[float], which: int, step: float) -> None:
        more = list(heads)
        more[which % len(heads)] += step
        before, after = combine(np.array([heads, more]))
        assert after >= before

    @given(log_odds)
    def test_combining_a_single_head_returns_it_unchanged(self, value: float) -> None:
        assert combine(np.array([[value]]))[0] == value


class TestShift:
    @given(log_odds, rates, rates)
    def test_a_shift_and_its_inverse_cancel(self, value: float, train: float, office: float) -> None:
        assert shift(shift(value, train, office), office, train) == pytest.approx(value, abs=1e-12)

    @given(rates, rates)
    def test_a_shift_moves_the_average_shipment_to_the_base_rate(self, train: float, office: float) -> None:
        assert shift(logit(train), train, office) == pytest.approx(logit(office), rel=1e-9, abs=1e-9)

    @given(st.lists(log_odds, min_size=2, max_size=20), rates, rates)
    def test_a_shift_never_changes_the_order(self, values: list[float], train: float, office: float) -> None:
        moved = shift(np.sort(values), train, office)
        assert (np.diff(moved) >= 0.0).all()

    @pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, math.nan])
    def test_a_rate_outside_zero_to_one_is_refused(self, rate: float) -> None:
        with pytest.raises(ValueError, match="strictly between 0 and 1"):
            shift(0.0, 0.5, rate)


@given(st.floats(-700.0, 15.0))
def test_probability_and_logit_are_inverse(value: float) -> None:
    assert logit(float(probability(value))) == pytest.approx(value, rel=1e-12, abs=1e-9)


def test_probability_does_not_overflow_and_keeps_small_values() -> None:
    assert probability([-1e4, -690.0, 0.0, 690.0, 1e4]).tolist() == pytest.approx(
        [0.0, 2.1e-300, 0.5, 1.0, 1.0], rel=0.1
    )


def test_probability_keeps_the_shape_and_does_not_change_its_input() -> None:
    table = np.arange(12.0).reshape(3, 4)[:, ::2]
    assert probability(table).tolist() == [[float(probability(x)) for x in row] for row in table.tolist()]
    assert probability(0.0).shape == ()
    assert table[2].tolist() == [8.0, 10.0]


@given(hnp.arrays(np.float64, (4, 3), elements=log_odds), st.lists(log_odds, min_size=3, max_size=3))
def test_shifted_probabilities_are_those_of_each_shifted_column(table: np.ndarray, shifts: list[float]) -> None:
    found = shifted_probabilities(table[:, :2], table[:, 2], np.array(shifts))
    assert found.tolist() == probability(table + shifts).tolist()
