"""Watch lists and suppressions among the steps that decide the lane."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.lanes import GREEN, RED, YELLOW
from models.rules.ruling import RULE, SELECTED_BY, UNREAD, WATCH_LIST, LaneReason, ListHit, Ruling, Suppression, decide

LANES = st.sampled_from((GREEN, YELLOW, RED))
SUPPRESSION = Suppression("s", "Audited", "2099-12-31T00:00:00Z", "key 1")


def hit(lane: int, **changes: object) -> ListHit:
    return ListHit("e", "brokers", "consignor_name", 0.9, lane, "Order", **changes)  # type: ignore[arg-type]


def by_hand(score: int, exempt: bool, floor: int, watched: int, unread: bool, drawn: bool) -> tuple[int, str | None]:
    """Return lane and selection, computed step by step in the order of the contract."""
    lane, by = score, "score" if score else None
    if exempt and lane:
        lane, by = GREEN, "rule"
    for asked, name in ((floor, "rule"), (watched, "watch_list"), (YELLOW if unread else GREEN, "unread")):
        if asked > lane:
            lane, by = asked, name
    return (RED, "random") if drawn else (lane, by)


@given(st.lists(st.tuples(LANES, st.booleans(), LANES, LANES, st.booleans(), st.booleans()), min_size=1, max_size=20))
def test_a_watch_list_decides_after_the_rules_and_before_unread_items(
    cases: list[tuple[int, bool, int, int, bool, bool]],
) -> None:
    score, exempt, floor, watched, unread, drawn = (np.array(column) for column in zip(*cases, strict=True))
    required = ((floor, RULE), (watched, WATCH_LIST), (np.where(unread, YELLOW, GREEN), UNREAD))
    floors = [(lanes.astype(np.int8), step) for lanes, step in required]
    lanes, by = decide(score.astype(np.int8), exempt, floors, drawn)
    decided = [(lane, SELECTED_BY[code]) for lane, code in zip(lanes.tolist(), by.tolist(), strict=True)]
    assert decided == [by_hand(*case) for case in cases]


@given(
    st.lists(
        st.lists(st.tuples(LANES, st.sampled_from(("counts", "dismissed", "suppressed"))), max_size=3), max_size=20
    ),
    LANES,
)
def test_only_hits_that_count_raise_and_the_score_is_never_lowered(
    hits: list[list[tuple[int, str]]], score: int
) -> None:
    made: dict[str, dict[str, object]] = {
        "counts": {},
        "dismissed": {"dismissed": "Another firm"},
        "suppressed": {"suppressed": SUPPRESSION},
    }
    of_shipments = {
        number: tuple(hit(lane, **made[state]) for lane, state in some) for number, some in enumerate(hits) if some
    }
    ruling = Ruling(None, None, {}, of_shipments)
    lanes, by = ruling.lanes(np.full(len(hits), score, dtype=np.int8), None)
    for number, some in enumerate(hits):
        asked = max((lane for lane, state in some if state == "counts"), default=GREEN)
        assert lanes[number] == max(score, asked)
        assert by[number] == ("watch_list" if asked > score else "score" if score else None)
        alone = Ruling(None, None, {}, {0: of_shipments[number]} if some else {})
        one, one_by = alone.lanes(np.array([score], dtype=np.int8), None)
        assert (one[0], one_by[0]) == (lanes[number], by[number])


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({}, LaneReason.WATCH_LIST, "Watch list brokers: consignor name agrees with an entry (similarity 90 %): Order"),
        (
            {"dismissed": "Another firm"},
            LaneReason.DISMISSED,
            "Watch list brokers: consignor name is another party: Another firm",
        ),
        ({"suppressed": SUPPRESSION}, LaneReason.SUPPRESSED, "suppressed until 2099-12-31T00:00:00Z by key 1: Audited"),
    ],
)
def test_each_hit_is_a_reason_without_a_weight(changes: dict[str, object], code: LaneReason, text: str) -> None:
    [reason] = Ruling(None, None, {}, {0: (hit(RED, **changes),)}).reasons(0)
    assert (reason["code"], reason["weight"], reason["fields"]) == (code.value, None, ["consignor_name"])
    assert text in reason["text"]


def test_dismissed_entries_have_no_rule_id() -> None:
    ruling = Ruling(None, None, {}, {1: (hit(RED), hit(RED, dismissed="x"))})
    assert ruling.rule_ids(1) == ["watch_list:e"]
    codes, texts = ruling.rule_texts(3)
    assert [texts[code] if code >= 0 else None for code in codes.tolist()] == [None, "watch_list:e", None]
