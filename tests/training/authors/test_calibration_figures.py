"""Calibration on the left-out worlds."""

from __future__ import annotations

import numpy as np
import pytest

from models.calibration import logit, probability
from training.authors.calibrating import BASE_RATE, TOP_SHARES, Outcomes, calibration, fit, ratio

#: Finds are this many times as frequent in the worlds as in traffic.
TOO_MANY = 5e-3 / BASE_RATE


def world(seed: int, shift: float = 0.0, n: int = 60_000) -> Outcomes:
    """Return scores that are calibrated at the base rate, except for ``shift``, and outcomes at a higher prevalence."""
    draw = np.random.default_rng(seed)
    true = draw.normal(logit(5e-3) - 1.0, 1.5, n)
    illicit = draw.random(n) < probability(true)
    at_base_rate = true - np.log(illicit.mean() / (1.0 - illicit.mean())) + logit(BASE_RATE)
    return Outcomes(at_base_rate + shift, illicit, np.zeros(n, dtype=np.bool_))


def test_worlds_of_one_kind_state_what_is_found() -> None:
    found = calibration({name: world(seed, shift=3.0, n=400_000) for seed, name in enumerate("abc")})
    for of_world in found["worlds"].values():
        for share in TOP_SHARES:
            assert of_world[f"ratio_{share:g}"] == pytest.approx(1.0, abs=0.3)
    assert found["mean"]["ratio_0.01"] == pytest.approx(1.0, abs=0.1)
    assert calibration({"a": world(0)}) == {}


def test_a_world_with_overconfident_scores_is_detected() -> None:
    worlds = {"a": world(0), "b": world(1), "odd": world(2, shift=2.0)}
    found = calibration(worlds)["worlds"]
    assert found["odd"]["ratio_0.01"] == pytest.approx(np.exp(2.0), rel=0.3)
    # The calibrator does not depend on the outcomes of the world itself.
    blind = Outcomes(worlds["odd"].score, np.roll(worlds["odd"].illicit, 1), worlds["odd"].declared)
    assert calibration(worlds | {"odd": blind})["worlds"]["a"] != found["a"]
    assert calibration(worlds | {"odd": blind})["worlds"]["odd"]["ratio_0.01"] > 5.0


def test_declared_content_changes_neither_the_calibrator_nor_the_figures() -> None:
    plain = world(1)
    rows = np.arange(2_000)
    declared = Outcomes(
        np.append(plain.score, np.full(len(rows), 5.0)),
        np.append(plain.illicit, np.zeros(len(rows), dtype=np.bool_)),
        np.append(plain.declared, np.ones(len(rows), dtype=np.bool_)),
    )
    with_declared, without = fit([world(0), declared]), fit([world(0), plain])
    scores = np.linspace(-20.0, 0.0, 50)
    np.testing.assert_allclose(with_declared(scores), without(scores), atol=0.15)
    assert ratio(without(declared.score), declared, 0.01) == pytest.approx(
        ratio(without(plain.score), plain, 0.01), rel=0.1
    )
    assert with_declared.spares_facts


def test_each_world_has_the_same_weight() -> None:
    one = world(1)
    many = Outcomes(np.tile(one.score, 3), np.tile(one.illicit, 3), np.tile(one.declared, 3))
    scores = np.linspace(-20.0, -6.0, 50)
    np.testing.assert_allclose(fit([world(0), one])(scores), fit([world(0), many])(scores), atol=0.3)


def test_a_top_without_finds_has_no_ratio() -> None:
    none = world(0)
    none = Outcomes(none.score, np.zeros(len(none.score), dtype=np.bool_), none.declared)
    assert ratio(none.score, none, 0.001) is None
