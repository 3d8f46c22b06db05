"""Connections of a process that stops."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from service.core.http import protocol
from tests.service.test_connections import GET, Service, answer_to, read_answer, running


def stop(service: Service) -> None:
    """Stop the service, and wait until it accepts no more connections."""
    assert service.server is not None
    service.server.should_exit = True
    pause = threading.Event()
    for _ in range(6000):
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(service.path)):
                return
        pause.wait(0.01)
    pytest.fail("the service still accepts connections")


def test_a_request_that_is_under_way_when_the_service_stops_is_answered_as_the_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "_LAST_SECONDS", 30.0)
    with running(tmp_path, idle_seconds=60.0, head_seconds=60.0) as service, ExitStack() as stack:
        new, kept, half = (stack.enter_context(service.connect()) for _ in range(3))
        assert answer_to(kept, GET)[1].get("connection") is None
        half.sendall(GET[:20])
        assert answer_to(half, GET[20:])[0] == 200
        half.sendall(GET[:20])
        stop(service)
        for connection, rest in ((new, GET), (kept, GET), (half, GET[20:])):
            status, headers, body = answer_to(connection, rest)
            assert (status, headers["connection"], body) == (200, "close", b"ok")
            assert connection.recv(1) == b""


def test_an_answer_in_work_when_the_service_stops_is_the_last_one(tmp_path: Path) -> None:
    with running(tmp_path, idle_seconds=60.0) as service, service.connect() as connection:
        connection.sendall(b"GET /held HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert service.held.acquire(timeout=60)
        stop(service)
        service.released.set()
        status, headers, _ = read_answer(connection)
        assert (status, headers["connection"]) == (200, "close")
        assert connection.recv(1) == b""


def test_connections_that_send_nothing_do_not_hold_up_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "_LAST_SECONDS", 0.01)
    with running(tmp_path, idle_seconds=60.0, head_seconds=60.0) as service, ExitStack() as stack:
        new, kept, half = (stack.enter_context(service.connect()) for _ in range(3))
        assert answer_to(kept, GET)[0] == 200
        half.sendall(GET[:20])
        stop(service)
        for connection in (new, kept, half):
            assert connection.recv(1) == b""
