"""Intervals contain the truth as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta, chi2

from models.intervals import count_interval, share_interval, weighted_interval


def test_intervals_of_shares_and_counts_are_those_of_the_books() -> None:
    # Brown, Cai and DasGupta (2001): the quantiles of Beta(x + 1/2, n - x + 1/2), and 0 or 1 at the ends.
    assert share_interval(3, 40) == pytest.approx((beta.ppf(0.025, 3.5, 37.5), beta.ppf(0.975, 3.5, 37.5)))
    assert share_interval(0, 40) == pytest.approx((0.0, beta.ppf(0.975, 0.5, 40.5)))
    assert share_interval(40, 40)[1] == 1.0
    # Garwood (1936).
    assert count_interval(4) == pytest.approx((chi2.ppf(0.025, 8) / 2, chi2.ppf(0.975, 10) / 2))
    assert count_interval(0, 0.9) == pytest.approx((0.0, -np.log(0.05)))


def test_a_weighted_count_of_one_kind_is_a_scaled_count() -> None:
    low, high = weighted_interval([(20.0, 3.0)])
    assert (low / 20.0, high / 20.0) == pytest.approx(count_interval(3))
    # Without a find, the next one may have the largest weight.
    assert weighted_interval([(5.0, 0.0), (50.0, 0.0)])[1] == pytest.approx(50.0 * count_interval(0)[1])
    assert weighted_interval([]) == (0.0, float("inf"))


@pytest.mark.parametrize(("weights", "rates"), [((10.0, 300.0), (2.0, 0.5)), ((1.0, 20.0, 150.0), (8.0, 1.0, 0.05))])
def test_intervals_of_weighted_counts_contain_the_truth(weights: tuple[float, ...], rates: tuple[float, ...]) -> None:
    truth = float(np.dot(weights, rates))
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(1_000):
        low, high = weighted_interval([*zip(weights, rng.poisson(rates).tolist(), strict=True)])
        inside += low <= truth <= high
    assert inside >= 940
