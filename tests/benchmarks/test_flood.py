"""The load generator of overloads, against servers made for the tests."""

from __future__ import annotations

import pytest

from benchmarks.client import Requests
from benchmarks.flood import flood
from tests.benchmarks.test_client import OK, serving

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

BUSY = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\nretry-after: 1\r\n\r\nbusy"
REQUESTS = Requests.post("/v1/score", [b'{"a": 1}', b'{"a": 22}']).items


def test_answers_are_counted_by_status_whole_or_in_pieces() -> None:
    with serving([OK], [BUSY[:20], BUSY[20:-1], BUSY[-1:]]) as server:
        counted = flood(server.port, REQUESTS, connections=4, seconds=0.3)
        received = list(server.bodies)
    assert counted.lost == 0
    answers = {status: len(times) for status, times in counted.times.items()}
    assert answers.keys() == {200, 503}
    # The last answers may still be on their way at the end.
    assert 0 <= counted.offered - sum(answers.values()) <= 4
    assert set(received) == {b'{"a": 1}', b'{"a": 22}'}
    assert all(seconds > 0 for times in counted.times.values() for seconds in times)


def test_the_rate_is_that_of_all_connections_together() -> None:
    with serving([OK]) as server:
        counted = flood(server.port, REQUESTS, connections=8, seconds=0.5, rate=100.0)
    assert 30 <= counted.offered <= 51


def test_a_request_waits_while_all_connections_have_the_most_unanswered_requests() -> None:
    """The server never answers."""
    with serving([]) as server:
        counted = flood(server.port, REQUESTS, connections=3, seconds=0.2, depth=2)
    assert (counted.offered, counted.times) == (6, {})


def test_a_connection_that_ends_is_opened_again() -> None:
    closing = OK.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n")
    with serving([closing], [OK]) as server:
        counted = flood(server.port, REQUESTS, connections=2, seconds=0.3)
    assert len(counted.times[200]) > 10
    assert counted.lost == 0
