"""The load generator, against servers made for the tests."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from benchmarks.client import Answer, BadAnswer, Client, Requests, ask, connect, drive

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Answers each request with ``answers`` in turn, in the given pieces, and records the requests."""

    def __init__(self, *answers: list[bytes]) -> None:
        self.answers = answers or ([OK],)
        self.bodies: list[bytes] = []
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])

    def accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection: socket.socket) -> None:
        data = b""
        # A client may leave before it has its answer.
        with connection, suppress(ConnectionError):
            while more := connection.recv(65536):
                data += more
                head, end, rest = data.partition(b"\r\n\r\n")
                if not end:
                    continue
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                if len(rest) < length:
                    continue
                data = rest[length:]
                with self.lock:
                    answer = self.answers[len(self.bodies) % len(self.answers)]
                    self.bodies.append(rest[:length])
                for piece in answer:
                    connection.sendall(piece)


@contextmanager
def serving(*answers: list[bytes]) -> Iterator[Server]:
    server = Server(*answers)
    thread = threading.Thread(target=server.accept, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.listener.shutdown(socket.SHUT_RDWR)
        server.listener.close()
        thread.join(timeout=10)


@pytest.mark.parametrize(
    "pieces",
    [
        [OK],
        [OK[:7], OK[7:20], OK[20:-1], OK[-1:]],
        [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", b"ok"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", b"0\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: y\r\n\r\n"],
    ],
)
def test_an_answer_is_complete_with_its_last_byte(pieces: list[bytes]) -> None:
    answer = Answer()
    assert [answer.feed(piece) for piece in pieces] == [False] * (len(pieces) - 1) + [True]


def test_an_answer_other_than_200_is_an_error_that_contains_it() -> None:
    with pytest.raises(BadAnswer, match="no such model"):
        Answer().feed(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 13\r\n\r\nno such model")


def test_an_answer_without_an_end_is_an_error() -> None:
    with pytest.raises(BadAnswer, match="Neither a length nor chunks"):
        Answer().feed(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nwhatever")


def test_requests_are_sent_in_order_and_wrap_around() -> None:
    requests = Requests.post("/score", [f"body {n}".encode() for n in range(5)])
    with serving() as server:
        driven = drive(server.port, requests.items, connections=1, seconds=60, start=3, at_most=7)
    assert [body.decode() for body in server.bodies] == [f"body {n}" for n in (3, 4, 0, 1, 2, 3, 4)]
    assert (driven.requests, driven.sent) == (7, 7)
    assert driven.rate == pytest.approx(7 / driven.seconds)
    assert 0 < driven.p50_ms <= driven.p99_ms


def test_every_connection_is_answered_and_nothing_is_sent_twice() -> None:
    requests = Requests.post("/score", [f"{n}".encode() for n in range(40)])
    with serving([OK[:30], OK[30:]]) as server:
        driven = drive(server.port, requests.items, connections=4, seconds=60, at_most=40)
    assert sorted(map(int, server.bodies)) == list(range(40))
    assert driven.requests == 40


def test_load_ends_after_its_time() -> None:
    with serving() as server:
        driven = drive(server.port, Requests.post("/", [b"x"]).items, connections=2, seconds=0.05)
    assert driven.requests == driven.sent == len(server.bodies) > 0
    assert driven.seconds >= 0.04


def test_a_refusal_ends_the_load() -> None:
    refusal = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 4\r\n\r\nbusy"
    with serving([OK], [OK], [refusal]) as server, pytest.raises(BadAnswer, match="busy"):
        drive(server.port, Requests.post("/", [b"x"]).items, connections=1, seconds=60)


def test_requests_survive_a_file(tmp_path: Path) -> None:
    requests = Requests.post("/score", [b"{}", b'{"a": "\xc3\xa9"}', b""])
    requests.write(tmp_path / "requests.bin")
    assert list(Requests.read(tmp_path / "requests.bin").items) == list(requests.items)
    assert requests.items[1].startswith(b"POST /score HTTP/1.1\r\n")
    assert b"Content-Length: 11\r\n" in requests.items[1]


def test_ask_returns_the_body() -> None:
    body = json.dumps({"risk": 0.5}).encode()
    answer = [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body), body]
    with serving(answer) as server, connect(server.port) as connection:
        assert json.loads(ask(connection, Requests.post("/", [b"x"]).items[0])) == {"risk": 0.5}


def test_the_client_process_drives_and_reports_errors(tmp_path: Path) -> None:
    file = tmp_path / "requests.bin"
    Requests.post("/", [b"1", b"2", b"3"]).write(file)
    refusal = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 5\r\n\r\nwoe!!"
    with serving([OK], [OK], [OK], [refusal]) as server, Client() as client:
        assert client.drive(server.port, file, connections=1, seconds=60, at_most=3).requests == 3
        with pytest.raises(BadAnswer, match="woe"):
            client.drive(server.port, file, connections=1, seconds=60, at_most=1)
    assert server.bodies[:3] == [b"1", b"2", b"3"]
