"""False positives by origin, and recall under a bound on their ratio."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.training.authors.conftest import NAMES
from training.authors import comparison
from training.authors.comparison import Resamples, bounded, origin_figures, origins_of, ranked, rates
from training.authors.leaving_out import Authors

World = tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64]]
PLACES = {0: "AA", 1: "BB", 2: "CC"}


def world(lift: float, n: int = 30_000) -> World:
    """Return scores, outcomes and origins. The scores of the first origin are raised by ``lift``."""
    draw = np.random.default_rng(0)
    origin = draw.integers(3, size=n)
    illicit = draw.random(n) < 0.01
    return draw.normal(illicit * 2.0 + lift * (origin == 0), 1.0), illicit, origin


def test_a_bound_that_holds_changes_nothing() -> None:
    found = bounded(*world(0.0), PLACES)
    assert found["offsets"] == {}
    assert found["recall"] == found["recall_without"]


def test_an_offset_per_origin_keeps_the_ratio() -> None:
    score, illicit, origin = world(1.0)
    found = bounded(score, illicit, origin, PLACES)
    assert found["ratio"] <= 3.0
    # Lowering the first origin is equivalent to raising the others.
    assert found["offsets"].get("AA", 0.0) < max(found["offsets"].get(name, 0.0) for name in ("BB", "CC"))
    moved = score + np.array([found["offsets"].get(PLACES[code], 0.0) for code in origin.tolist()])
    inside = np.zeros(len(score), dtype=bool)
    inside[ranked(moved)[: len(score) // 100]] = True
    of_origin = rates(inside, ~illicit, origin, PLACES)
    assert max(of_origin.values()) <= 3.0 * min(of_origin.values())
    assert found["recall"] == pytest.approx(illicit[inside].sum() / illicit.sum())
    # Without the bound, the ratio is far larger.
    inside[:] = False
    inside[ranked(score)[: len(score) // 100]] = True
    before = rates(inside, ~illicit, origin, PLACES)
    assert max(before.values()) > 5.0 * min(before.values())


def test_other_origins_do_not_move() -> None:
    score, illicit, origin = world(1.0)
    found = bounded(score, illicit, origin, {0: "AA", 1: "BB"})
    assert set(found["offsets"]) <= {"AA", "BB"}
    assert found["ratio"] <= 3.0


def test_figures_of_a_world_have_intervals(authors: Authors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "LEAST_CLEAN", 150)
    views = authors.views[NAMES[0]]
    origin, names = origins_of(views)
    clean = np.bincount(origin[~views.illicit & (origin >= 0)])
    assert set(names) == set(np.flatnonzero(clean >= 150))
    one, other = [*names][:2]
    # The first origin has eight, the second two of the highest scores.
    score = np.random.default_rng(0).random(len(origin))
    score[np.flatnonzero((origin == one) & ~views.illicit)[:8]] = 2.0
    for code in names:
        if code != one:
            score[np.flatnonzero((origin == code) & ~views.illicit)[: 2 if code == other else 5]] = 2.0
    found = origin_figures(views, score, Resamples.of(views))
    ratio = found["largest_over_smallest"]
    assert ratio["value"] == pytest.approx(max(found["rates"].values()) / min(found["rates"].values()))
    assert ratio["low"] <= ratio["value"] <= ratio["high"]
    assert found["largest_over_overall"]["value"] == pytest.approx(max(found["rates"].values()) / found["overall"])


def test_a_world_of_one_origin_has_no_ratio(authors: Authors) -> None:
    views = authors.views[NAMES[0]]
    found = origin_figures(replace(views), np.zeros(len(views.illicit)), Resamples.of(views, draws=2))
    # None of the small worlds has 2,000 clean shipments of an origin.
    assert (found["rates"], found["largest_over_smallest"]) == ({}, None)
