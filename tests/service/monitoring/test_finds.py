"""How well the office finds: figures of a small world whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from service.monitoring.finds import (
    Inspected,
    Waiting,
    finds_and_risk,
    labels,
    precision,
    recall_of,
    recalls,
)
from service.monitoring.weeks import DAY

NOW = 20_605 * DAY
RUNS = 200


def inspected(**changes: object) -> Inspected:
    values = {
        "lane": "red",
        "by_chance": False,
        "group": None,
        "probability": 1.0,
        "risk": 0.1,
        "received_at": NOW - 100 * DAY,
        "in_top": True,
        "find": False,
        "delay": 2.0,
    }
    return Inspected(**(values | changes))  # type: ignore[arg-type]


class World:
    """A year of an office: the riskiest hundredth is opened, and exploration opens a few of the rest."""

    def __init__(self, seed: int, *, opened: float = 1.0) -> None:
        rng = np.random.default_rng(seed)
        n = 20_000
        score = rng.normal(-6.0, 1.2, n)
        self.risk = 1.0 / (1.0 + np.exp(-score))
        self.illicit = rng.random(n) < self.risk
        rank = np.argsort(np.argsort(-score)) / n
        self.in_top = rank < 0.1
        probability = np.where(rank < 0.01, 1.0, np.where(self.in_top, 0.05, 0.002))
        self.selected = rng.random(n) < probability
        self.opened = self.selected & (rng.random(n) < opened)
        self.rows = [
            inspected(
                by_chance=bool(rank[k] >= 0.01),
                probability=float(probability[k]),
                risk=float(self.risk[k]),
                in_top=bool(self.in_top[k]),
                find=bool(self.illicit[k]),
            )
            for k in np.flatnonzero(self.opened).tolist()
        ]
        self.waiting = [
            Waiting(bool(rank[k] >= 0.01), NOW - 100 * DAY) for k in np.flatnonzero(self.selected & ~self.opened)
        ]

    def recall(self, of: np.ndarray) -> float:
        return float((self.illicit & self.opened & of).sum() / (self.illicit & of).sum())


def test_intervals_contain_the_truth_of_a_small_world() -> None:
    top = every = expected = least = 0
    explored_finds = []
    for seed in range(RUNS):
        world = World(seed)
        answer = recalls(world.rows, [], NOW)
        recall = answer["top_decile_recall"]
        explored_finds.append(recall["explored_finds"])
        truth = world.recall(world.in_top)
        top += recall["low"] <= truth <= recall["high"]
        every += answer["recall_at_least"] <= world.recall(np.ones(len(world.risk), bool))
        expected += finds_and_risk(world.rows)["agree"]
        least += answer["recall_at_least"] > 0.005
    # The case for which the method was chosen: few finds with large weights.
    assert np.median(explored_finds) <= 3
    assert top / RUNS >= 0.93
    assert every / RUNS >= 0.93
    assert expected / RUNS >= 0.93
    # A bound of nothing would contain the truth too.
    assert least / RUNS >= 0.9


def test_what_is_not_opened_yet_is_not_taken_for_clean() -> None:
    inside = 0
    missed = []
    for seed in range(RUNS):
        world = World(seed, opened=0.7)
        recall = recall_of([row for row in world.rows if row.in_top], world.waiting)
        truth = world.recall(world.in_top)
        assert recall.low is not None
        assert recall.high is not None
        assert recall.value is not None
        inside += recall.low <= truth <= recall.high
        missed.append(recall.finds / recall.value - (world.illicit & world.in_top).sum())
    assert inside / RUNS >= 0.93
    # Recall itself is biased for few finds; the number of illicit shipments, some 80, is not.
    assert abs(np.mean(missed)) < 8.0


def test_without_exploration_recall_is_not_known() -> None:
    answer = recalls([inspected(find=True)], [], NOW)
    assert answer["top_decile_recall"]["value"] is None
    assert answer["recall_at_least"] is None


def test_exploration_without_a_find_bounds_recall_by_its_largest_weight() -> None:
    recall = recall_of([inspected(find=True), inspected(by_chance=True, probability=0.1)], [])
    assert recall.value == 1.0
    assert recall.high == 1.0
    # No find in a share of a tenth: up to 3.69 / 0.1 may have been missed.
    assert recall.low == pytest.approx(1.0 / (1.0 + 36.9), abs=0.001)


def test_recent_decisions_wait_for_their_results() -> None:
    explored = inspected(by_chance=True, probability=0.1)
    old = [inspected(find=True), explored]
    new = replace(explored, find=True, received_at=NOW - DAY)
    assert recalls([*old, new], [], NOW)["top_decile_recall"]["explored"] == 1


def test_precision_is_told_by_lane_selection_and_group() -> None:
    rows = precision(
        [
            *(inspected(group="USLAX", find=k < 3) for k in range(10)),
            inspected(group="USJFK", lane="yellow"),
            inspected(group="USLAX", by_chance=True),
        ]
    )
    told = [(row["group"], row["lane"], row["by_chance"], row["inspected"], row["finds"]) for row in rows]
    assert told == [
        ("", "red", False, 10, 3),
        ("", "red", True, 1, 0),
        ("", "yellow", False, 1, 0),
        ("USJFK", "yellow", False, 1, 0),
        ("USLAX", "red", False, 10, 3),
        ("USLAX", "red", True, 1, 0),
    ]
    assert rows[0]["low"] < rows[0]["precision"] == 0.3 < rows[0]["high"]


def test_finds_that_the_risks_do_not_expect_are_told() -> None:
    many = finds_and_risk([inspected(risk=0.001, find=True) for _ in range(5)])
    few = finds_and_risk([inspected(risk=0.5) for _ in range(50)])
    fits = finds_and_risk([inspected(risk=0.1, find=k < 4) for k in range(40)])
    assert not many["agree"]
    assert "More is found" in many["text"]
    assert not few["agree"]
    assert "Less is found" in few["text"]
    assert fits["agree"]
    assert fits["text"] is None
    assert fits["expected_finds"] == pytest.approx(4.0)


def test_labels_have_their_delay_and_red_without_one_its_age() -> None:
    answer = labels(
        [inspected(delay=float(k), received_at=NOW - 10 * DAY) for k in range(11)],
        [Waiting(False, NOW - DAY), Waiting(False, NOW - 12 * DAY)],
        NOW,
    )
    assert answer["delay_days"] == {"median": 5.0, "p90": 9.0}
    assert [(age["red"], age["without_outcome"]) for age in answer["by_age"]] == [(1, 1), (12, 1), (0, 0), (0, 0)]
    assert answer["by_age"][3]["share"] is None
