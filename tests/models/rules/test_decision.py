"""The order of score, exemptions, floors, unread items and the random share."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from models.lanes import GREEN, RED, YELLOW
from models.rules.ruling import RULE, SELECTED_BY, UNREAD, decide

CASES = list(itertools.product((GREEN, YELLOW, RED), (False, True), (GREEN, YELLOW, RED), (False, True), (False, True)))


def by_hand(score: int, exempt: bool, floor: int, unread: bool, drawn: bool) -> tuple[int, str | None]:
    """Return lane and selection step by step in the documented order (docs/rules.md)."""
    lane, by = score, "score" if score else None
    if exempt and lane != GREEN:
        lane, by = GREEN, "rule"
    if floor > lane:
        lane, by = floor, "rule"
    if unread and lane == GREEN:
        lane, by = YELLOW, "unread"
    if drawn:
        lane, by = RED, "random"
    return lane, by


def test_every_combination_follows_the_order() -> None:
    score, exempt, floor, unread, drawn = (np.array(column) for column in zip(*CASES, strict=True))
    floors = [(floor.astype(np.int8), RULE), (np.where(unread, YELLOW, GREEN).astype(np.int8), UNREAD)]
    lanes, by = decide(score.astype(np.int8), exempt, floors, drawn)
    assert [(lane, SELECTED_BY[code]) for lane, code in zip(lanes.tolist(), by.tolist(), strict=True)] == [
        by_hand(*case) for case in CASES
    ]


@pytest.mark.parametrize(("lane", "selected_by"), [(GREEN, None), (YELLOW, "score"), (RED, "score")])
def test_without_any_step_the_score_decides(lane: int, selected_by: str | None) -> None:
    lanes, by = decide(np.array([lane], dtype=np.int8))
    assert (lanes[0], SELECTED_BY[by[0]]) == (lane, selected_by)


@pytest.mark.parametrize(
    ("case", "lane", "selected_by"),
    [
        ((RED, True, GREEN, False, False), GREEN, "rule"),
        ((RED, True, YELLOW, False, False), YELLOW, "rule"),
        ((YELLOW, False, YELLOW, False, False), YELLOW, "score"),
        ((GREEN, True, GREEN, False, False), GREEN, None),
        ((RED, True, GREEN, True, False), YELLOW, "unread"),
        ((RED, False, RED, True, True), RED, "random"),
    ],
)
def test_an_exemption_defeats_neither_a_floor_nor_an_unread_item(
    case: tuple[int, bool, int, bool, bool], lane: int, selected_by: str | None
) -> None:
    assert by_hand(*case) == (lane, selected_by)


def test_the_lanes_of_the_score_are_left_alone() -> None:
    score = np.array([GREEN, RED], dtype=np.int8)
    yes = np.ones(2, dtype=bool)
    decide(score, yes, [(np.full(2, YELLOW, dtype=np.int8), UNREAD)], yes)
    assert score.tolist() == [GREEN, RED]
