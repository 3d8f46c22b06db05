"""The verdict on a candidate: better, not better, or too few finds to tell."""

from __future__ import annotations

import numpy as np

from training.data.dataset import Outcome
from training.office.compare import compared


def outcome(finds: int, n: int = 4_000) -> Outcome:
    find = np.zeros((n, 3), dtype=bool)
    find[:finds, 0] = True
    return Outcome(find, np.ones(n))


def scores(found: int, finds: int = 40, n: int = 4_000) -> np.ndarray:
    """Return scores of which the highest are those of ``found`` finds."""
    score = np.random.default_rng(found).random(n)
    score[:finds] = 0.0
    score[:found] = 2.0
    return score


def test_a_candidate_that_ranks_more_finds_first_is_recommended() -> None:
    verdict = compared(scores(30), scores(15), outcome(40), 1e-3, 25, 0)
    assert verdict["recommended"] is True
    difference = verdict["recall"]["difference"]
    assert 0.0 < difference["low"] < difference["value"] < difference["high"]
    assert "not recommended" not in verdict["text"]
    assert "learning from 25 finds" in verdict["text"]


def test_a_candidate_that_does_not_beat_the_adapted_champion_is_not_recommended() -> None:
    for ours in (15, 30):
        verdict = compared(scores(ours), scores(30), outcome(40), 1e-3, 25, 0)
        assert verdict["recommended"] is False
        assert "does not beat the adapted champion and is not recommended" in verdict["text"]


def test_too_few_finds_give_no_verdict() -> None:
    few = compared(scores(3, 4), scores(1, 4), outcome(4), 1e-3, 25, 0)
    assert few["recommended"] is None
    assert few["text"].startswith("Too few finds to tell whether it beats the adapted champion: 4 finds")
    none = compared(scores(30), scores(30), outcome(40), 1e-3, 0, 0)
    assert none["recommended"] is None
    assert "no find before the latest weeks" in none["text"]
