"""Identifiers of requests and decisions."""

import time
import uuid

import pytest

from service.core.identifiers import new_ids, new_ordered_ids


def test_ids_are_different_random_uuids_in_their_usual_form() -> None:
    ids = new_ids(500)
    assert len(set(ids)) == 500
    assert all(str(uuid.UUID(one)) == one and uuid.UUID(one).version == 4 for one in ids)
    assert {uuid.UUID(one).variant for one in ids} == {uuid.RFC_4122}
    # Each of the other 30 digits takes all values.
    assert all(len({one[at] for one in ids}) == 16 for at in (0, 7, 9, 12, 15, 17, 20, 22, 25, 35))


def test_ordered_ids_are_different_uuids_of_the_present_millisecond() -> None:
    before = time.time_ns() // 1_000_000
    ids = new_ordered_ids(500)
    after = time.time_ns() // 1_000_000
    assert len(set(ids)) == 500
    assert all(str(uuid.UUID(one)) == one and uuid.UUID(one).version == 7 for one in ids)
    assert {uuid.UUID(one).variant for one in ids} == {uuid.RFC_4122}
    assert all(before <= uuid.UUID(one).int >> 80 <= after for one in ids)
    assert all(len({one[at] for one in ids}) == 16 for at in (15, 17, 20, 22, 25, 35))


def test_later_ids_sort_after_earlier_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = []
    for millisecond in (1, 255, 256, 1_795_000_000_000, 2**48 - 1):
        monkeypatch.setattr("service.core.identifiers.time.time_ns", lambda now=millisecond: now * 1_000_000)
        ids += new_ordered_ids(1)
    assert ids == sorted(ids)


def test_a_count_of_zero_gives_no_ids() -> None:
    assert new_ids(0) == []
    assert new_ordered_ids(0) == []
