"""Calibration per author, with calibrators fitted on the others."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.calibration import logit, probability
from training.authors.comparison import calibration, slope, top_ratio
from training.authors.learning import PREVALENCE

World = tuple[NDArray[np.float64], NDArray[np.bool_]]


def world(seed: int, stretch: float = 1.0, n: int = 60_000) -> World:
    """Return log-odds, calibrated at the prevalence before ``stretch`` multiplies their distances from the mean, and outcomes."""
    draw = np.random.default_rng(seed)
    mean = logit(PREVALENCE) - 1.0
    true = draw.normal(mean, 1.5, n)
    return mean + stretch * (true - mean), draw.random(n) < probability(true)


def test_authors_with_equal_calibration_have_slopes_near_one() -> None:
    found = calibration({name: world(seed) for seed, name in enumerate("abc")})
    for of_author in found["authors"].values():
        assert of_author["slope"] == pytest.approx(1.0, abs=0.15)
        assert of_author["top_ratio"] == pytest.approx(1.0, abs=0.3)
    assert found["prevalence"] == PREVALENCE


def test_an_author_with_overconfident_scores_is_detected() -> None:
    worlds = {"a": world(0), "b": world(1), "odd": world(2, stretch=2.0)}
    found = calibration(worlds)
    assert found["authors"]["odd"]["slope"] < 0.7
    assert found["authors"]["odd"]["top_ratio"] < 0.8
    assert found["spread"]["slope"]["least"] == found["authors"]["odd"]["slope"]
    # The calibrator does not depend on the outcomes of the author itself.
    score, illicit = worlds["odd"]
    other = calibration(worlds | {"odd": (score, np.roll(illicit, 1))})
    assert other["authors"]["odd"]["slope"] == pytest.approx(0.0, abs=0.2)


def test_each_author_has_the_same_weight_and_prevalence() -> None:
    score, illicit = world(1)
    many = (np.tile(score, 3), np.tile(illicit, 3))
    once = calibration({"a": world(0), "b": (score, illicit), "c": world(2)})["authors"]["a"]
    thrice = calibration({"a": world(0), "b": many, "c": world(2)})["authors"]["a"]
    assert thrice["slope"] == pytest.approx(once["slope"], abs=0.05)
    assert calibration({"a": world(0)}) == {}


def test_slope_and_ratio_of_stated_odds() -> None:
    stated, illicit = world(3, n=200_000)
    weight = np.ones(len(stated))
    assert slope(stated, illicit, weight) == pytest.approx(1.0, abs=0.06)
    assert slope(stated * 2.0, illicit, weight) == pytest.approx(0.5, abs=0.03)
    assert top_ratio(stated + np.log(2.0), illicit, weight) == pytest.approx(0.55, abs=0.08)
