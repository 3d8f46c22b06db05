"""Rate limits: a bucket allows a burst, then its rate; failures are counted per address in bounded memory."""

from __future__ import annotations

from service.keys.rates import Failures, TokenBucket


def test_a_key_may_spend_ten_seconds_of_its_rate_at_once() -> None:
    bucket = TokenBucket.per_minute(600, now=0.0)
    assert [bucket.take(0.0) for _ in range(101)] == [0] * 100 + [1]


def test_after_a_burst_a_bucket_allows_its_rate() -> None:
    bucket = TokenBucket.per_minute(60, now=0.0)
    allowed = sum(bucket.take(now / 10) == 0 for now in range(1200))
    assert allowed == 10 + 119


def test_an_empty_bucket_returns_the_seconds_to_wait() -> None:
    bucket = TokenBucket.per_minute(1, now=0.0)
    assert [bucket.take(0.0), bucket.take(0.0), bucket.take(30.0), bucket.take(59.0), bucket.take(60.0)] == [
        0,
        60,
        30,
        1,
        0,
    ]


def test_a_pause_saves_no_more_than_one_burst() -> None:
    bucket = TokenBucket.per_minute(60, now=0.0)
    assert sum(bucket.take(100_000.0) == 0 for _ in range(50)) == 10


def test_an_address_that_fails_too_often_must_wait() -> None:
    failures = Failures()
    assert [failures.count("a", 0.0) for _ in range(21)] == [0] * 20 + [1]
    assert failures.count("b", 0.0) == 0
    assert failures.count("a", 1.0) == 0


def test_many_addresses_do_not_fill_the_memory() -> None:
    failures = Failures()
    for number in range(10_000):
        failures.count(str(number), 0.0)
    assert len(failures._buckets) == 4096
