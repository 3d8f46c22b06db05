"""Times of the store as texts."""

from __future__ import annotations

from service.core.database.times import iso_time, iso_time_or_none


def test_a_whole_second_has_a_fraction_only_on_request() -> None:
    assert iso_time(1_777_888_800_000_000) == "2026-05-04T10:00:00Z"
    assert iso_time(1_777_888_800_000_000, "microseconds") == "2026-05-04T10:00:00.000000Z"
    assert iso_time(1_777_888_800_000_001) == "2026-05-04T10:00:00.000001Z"
    assert iso_time_or_none(None, "microseconds") is None
