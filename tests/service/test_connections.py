"""Limits of HTTP connections, over local sockets, with a small application, on which the protocol does not depend."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import pytest
import uvicorn
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.core.http.limits import Connections, Limits
from service.core.http.protocol import _TRAILERS, STATE, LimitedProtocol
from service.core.http.streams import ByteBudget, count_until_sent

CHUNKED = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Service:
    """An application that reads a request and answers it, and its server.

    ``/early`` answers before the body arrives, ``/held`` after `released` is set. ``/large`` answers with 8 MB, ``/counted`` too
    but within a budget, and ``/seen`` with the size of the body and the names of the headers.
    """

    def __init__(self, limits: Limits, path: Path) -> None:
        self.refused: Counter[str] = Counter()
        self.connections = Connections(limits, lambda reason, count: self.refused.update({reason: count}))
        self.budget = ByteBudget(10_000_000)
        self.released = threading.Event()
        self.server: uvicorn.Server | None = None
        self.held = threading.Semaphore(0)
        self.disconnected = threading.Event()
        self.path = path
        self.limits = limits

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        import anyio

        if scope["type"] == "lifespan":
            await receive()
            scope["state"][STATE] = self.connections
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        more, size = scope["path"] != "/early", 0
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.disconnected.set()
                return
            more = message.get("more_body", False)
            size += len(message.get("body", b""))
        if scope["path"] == "/held":
            self.held.release()
            await anyio.to_thread.run_sync(self.released.wait, 60)
        if scope["path"] == "/counted":
            await count_until_sent(Response(b"x" * 8_000_000), self.budget.hold())(scope, receive, send)
            return
        body = b"x" * 8_000_000 if scope["path"] == "/large" else b"ok"
        if scope["path"] == "/seen":
            body = json.dumps([size, [name.decode() for name, _ in scope["headers"]]]).encode()
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(60)
        connection.connect(str(self.path))
        return connection


@contextmanager
def running(folder: Path, ws: Literal["none", "auto"] = "none", **limits: Any) -> Iterator[Service]:
    service = Service(Limits(**limits), folder / "http.sock")
    started = threading.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            started.set()

    config = uvicorn.Config(
        service.app,
        uds=str(service.path),
        interface="asgi3",
        http=LimitedProtocol,
        ws=ws,
        log_config=None,
        timeout_keep_alive=service.limits.idle_seconds,  # type: ignore[arg-type]
    )
    server = service.server = Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert started.wait(60), "the server did not start"
        yield service
    finally:
        service.released.set()
        server.should_exit = True
        thread.join(60)


def answer_to(connection: socket.socket, *parts: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes and return status, headers and body of the answer."""
    for part in parts:
        connection.sendall(part)
    return read_answer(connection)


def read_answer(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Read exactly one answer. The next one may have arrived with it."""
    received = b""
    while not received.endswith(b"\r\n\r\n"):
        chunk = connection.recv(1)
        assert chunk, f"the connection ended after {received!r}"
        received += chunk
    lines = received.decode().rstrip().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    body = b""
    while missing := int(headers["content-length"]) - len(body):
        chunk = connection.recv(missing)
        assert chunk, "the connection ended within a body"
        body += chunk
    return int(lines[0].split()[1]), headers, body


def assert_problem(answer: tuple[int, dict[str, str], bytes], status: int, slug: str) -> None:
    found, headers, body = answer
    assert (found, headers["content-type"]) == (status, "application/problem+json")
    assert headers["x-content-type-options"] == "nosniff"
    problem = json.loads(body)
    assert (problem["status"], problem["type"]) == (status, f"urn:tidewaiter:problem:{slug}")


@pytest.mark.parametrize(
    ("request_bytes", "status", "slug"),
    [
        (b"nonsense\r\n\r\n", 400, "bad-request"),
        (b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400, "bad-request"),
        (b"GET / HTTP/1.1\r\n" + b"".join(b"h%d: 1\r\n" % n for n in range(101)) + b"\r\n", 431, "many-headers"),
        (b"GET / HTTP/1.1\r\nh: " + b"x" * 70_000 + b"\r\n\r\n", 431, "large-head"),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", 431, "large-head"),
        (b"GET / HTTP/1.1\r\nh: " + b"x" * 1_000_000, 431, "large-head"),
        (CHUNKED + b"0\r\nh: " + b"x" * 1_000_000, 431, "large-framing"),
        (CHUNKED + b"0\r\n" + b"h: 1\r\n" * 200_000, 431, "large-framing"),
        (CHUNKED + b"5;" + b"x" * 1_000_000, 431, "large-framing"),
        (CHUNKED + (b"1;" + b"x" * 1_000 + b"\r\nx\r\n") * 1_000, 431, "large-framing"),
    ],
    ids=["no http", "bad length", "101 headers", "large header", "large path", "endless header",
         "endless trailer", "200,000 trailers", "endless chunk extension", "1,000 chunk extensions"],
)  # fmt: skip
def test_a_request_over_a_limit_of_heads_or_framing_is_refused_with_a_problem(
    tmp_path: Path, request_bytes: bytes, status: int, slug: str
) -> None:
    with running(tmp_path) as service, service.connect() as connection:
        assert_problem(answer_to(connection, request_bytes), status, slug)
        assert connection.recv(1) == b""
        assert service.refused == {slug: 1}
        with service.connect() as other:
            assert answer_to(other, GET)[0] == 200


def test_a_head_within_the_limits_is_accepted_after_a_large_body(tmp_path: Path) -> None:
    headers = b"".join(b"h%d: %s\r\n" % (n, b"x" * 500) for n in range(98))
    post = b"POST / HTTP/1.1\r\nContent-Length: 200000\r\nHost: localhost\r\n\r\n" + b"x" * 200_000
    with running(tmp_path) as service, service.connect() as connection:
        connection.sendall(post + b"GET / HTTP/1.1\r\nHost: localhost\r\n" + headers + b"\r\n")
        assert read_answer(connection)[0] == 200
        assert read_answer(connection)[0] == 200


def test_trailers_of_a_refused_request_are_limited_too(tmp_path: Path) -> None:
    with running(tmp_path, active=0) as service, service.connect() as connection:
        connection.sendall(CHUNKED + b"0\r\nh: ")
        assert_problem(read_answer(connection), 503, "busy")
        assert_problem(answer_to(connection, b"x" * 1_000_000), 431, "large-framing")
        assert connection.recv(1) == b""


@pytest.mark.parametrize("together", [True, False], ids=["one packet", "two packets"])
def test_trailers_are_dropped_and_the_next_request_is_answered(tmp_path: Path, together: bool) -> None:
    head = CHUNKED.replace(b" / ", b" /seen ")
    rest = b"5;name=value\r\nhello\r\n0\r\nAuthorization: Bearer x\r\nExpect: 100-continue\r\n\r\n"
    with running(tmp_path) as service, service.connect() as connection:
        for _ in range(2):
            connection.sendall(head + rest if together else head)
            if not together:
                wait_until(lambda: service.connections.receiving == 1)
                connection.sendall(rest)
            status, _, body = read_answer(connection)
            assert (status, json.loads(body)) == (200, [5, ["host", "transfer-encoding"]])
            assert not _TRAILERS
        get = GET.replace(b"/healthz", b"/seen")
        assert json.loads(answer_to(connection, get)[2]) == [0, ["host"]]


@pytest.mark.parametrize("chunk", [1, 8_192], ids=["one byte", "8 kB, signed"])
def test_bodies_in_small_chunks_are_accepted(tmp_path: Path, chunk: int) -> None:
    extension = b"" if chunk == 1 else b";chunk-signature=" + b"0" * 64
    part = b"%x%s\r\n%s\r\n" % (chunk, extension, b"x" * chunk)
    count = 1_000_000 // len(part)
    with running(tmp_path) as service, service.connect() as connection:
        connection.sendall(CHUNKED.replace(b" / ", b" /seen ") + part * count + b"0\r\n\r\n")
        assert json.loads(read_answer(connection)[2])[0] == count * chunk


@pytest.mark.parametrize("sent", [b"", b"\r\n", b"GET / HT"], ids=["nothing", "a line break", "half a head"])
def test_a_connection_without_a_request_is_closed(tmp_path: Path, sent: bytes) -> None:
    with running(tmp_path, head_seconds=0.3) as service, service.connect() as connection:
        connection.sendall(sent)
        if sent.startswith(b"GET"):
            assert_problem(read_answer(connection), 408, "slow-head")
        assert connection.recv(1) == b""


def test_an_idle_connection_is_closed_after_its_time(tmp_path: Path) -> None:
    with running(tmp_path, head_seconds=0.3, idle_seconds=0.5) as service, service.connect() as connection:
        assert answer_to(connection, GET)[0] == 200
        connection.sendall(b"\r\n")
        assert connection.recv(1) == b""


def test_a_body_that_arrives_too_slowly_is_refused_and_its_request_ends(tmp_path: Path) -> None:
    post = b"POST / HTTP/1.1\r\nContent-Length: 1000\r\nHost: localhost\r\n\r\nbegin"
    with running(tmp_path, stall_seconds=0.2) as service, service.connect() as connection:
        assert_problem(answer_to(connection, post), 408, "slow-body")
        assert connection.recv(1) == b""
        assert service.disconnected.wait(60)
        assert service.connections.receiving == 0


def test_a_client_that_does_not_read_its_answer_is_disconnected(tmp_path: Path) -> None:
    with running(tmp_path, stall_seconds=0.2) as service, service.connect() as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        # The server notices without further action of the client.
        wait_until(lambda: service.refused["slow-reader"] == 1)
        received = 0
        with pytest.raises(OSError):  # noqa: PT012
            while chunk := connection.recv(65536):
                received += len(chunk)
            raise OSError
        assert received < 8_000_000


def wait_until(holds: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(600):
        if holds():
            return
        pause.wait(0.1)
    raise AssertionError("the condition did not hold within a minute")


def test_idle_connections_make_room_for_new_ones(tmp_path: Path) -> None:
    with running(tmp_path, connections=20, head_seconds=60) as service, ExitStack() as stack:
        idle = [stack.enter_context(service.connect()) for _ in range(60)]
        for connection in idle[10:30]:
            # The service may have closed some already.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(b"GET / HTTP/1.1\r\nHost")
        with service.connect() as connection:
            assert answer_to(connection, GET)[0] == 200
        wait_until(lambda: service.refused["evicted"] >= 40)


def test_connections_with_requests_in_work_are_not_closed_for_new_ones(tmp_path: Path) -> None:
    with running(tmp_path, connections=3) as service, ExitStack() as stack:
        busy = [stack.enter_context(service.connect()) for _ in range(3)]
        for connection in busy:
            connection.sendall(b"GET /held HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert service.held.acquire(timeout=60)
        with service.connect() as further:
            found = read_answer(further)
        assert_problem(found, 503, "connections")
        assert int(found[1]["retry-after"]) >= 1
        service.released.set()
        assert [read_answer(connection)[0] for connection in busy] == [200, 200, 200]


@pytest.mark.parametrize("refusing_share", [1e-4, 1.0], ids=["reading pauses", "reading goes on"])
def test_requests_over_the_limit_of_work_get_503_at_once_and_health_is_answered(
    tmp_path: Path, refusing_share: float
) -> None:
    with running(tmp_path, active=2, refusing_share=refusing_share) as service, ExitStack() as stack:
        busy = [stack.enter_context(service.connect()) for _ in range(2)]
        for connection in busy:
            connection.sendall(b"GET /held HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert service.held.acquire(timeout=60)
        with service.connect() as further:
            post = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello"
            refused = answer_to(further, post)
            assert_problem(refused, 503, "busy")
            assert "retry-after" in refused[1]
            # The connection stays open, and the body of the refused request is not taken for a request.
            assert answer_to(further, GET)[0] == 200
        service.released.set()
        assert [read_answer(connection)[0] for connection in busy] == [200, 200]
        with service.connect() as later:
            assert answer_to(later, GET.replace(b"/healthz", b"/"))[0] == 200


def test_a_refused_connection_is_not_read_while_refusals_exceed_their_share(tmp_path: Path) -> None:
    with running(tmp_path, active=0, refusing_share=1e-6) as service, ExitStack() as stack:
        refused, other = (stack.enter_context(service.connect()) for _ in range(2))
        assert_problem(answer_to(refused, GET.replace(b"/healthz", b"/")), 503, "busy")
        refused.sendall(GET)
        # When the server answers a second time, it has read everything that arrived before.
        assert [answer_to(other, GET)[0] for _ in range(3)] == [200] * 3
        refused.setblocking(False)
        with pytest.raises(BlockingIOError):
            refused.recv(1)


def test_a_flood_of_refusals_is_slowed_down_but_single_ones_are_not() -> None:
    connections = Connections(Limits(refusing_share=0.1), lambda *_: None)
    # A usual burst of refusals.
    assert [connections.pause_after_refusals(1, 50.0) for _ in range(150)] == [0.0] * 150
    flood = [connections.pause_after_refusals(1, 50.0) for _ in range(5_000)]
    assert flood == sorted(flood)
    assert 1.0 < flood[-1] < 5.0
    # A client that repeats its request too early gets its next refusal later. Other clients get theirs at once.
    assert 0.0 < connections.pause_after_refusals(1, 50.5) < flood[-1]
    assert [connections.pause_after_refusals(1, 60.0 + number / 1000) for number in range(2000)] == [0.0] * 2000
    # Requests that arrive together cost less each.
    assert 0.0 < connections.pause_after_refusals(1000, 70.0) < 0.5 * flood[1000]


def test_a_client_that_repeats_a_refused_request_gets_each_refusal_at_once(tmp_path: Path) -> None:
    # A pause after each of the refusals would take minutes.
    with running(tmp_path, active=0, refusing_share=1e9) as service, service.connect() as connection:
        for _ in range(1000):
            assert_problem(answer_to(connection, GET.replace(b"/healthz", b"/")), 503, "busy")


def test_as_many_clients_as_requests_may_be_in_work_are_never_refused(tmp_path: Path) -> None:
    """Each client sends its next request as soon as it has its answer, whose task may not have ended yet."""
    with running(tmp_path, active=8) as service, ExitStack() as stack:
        clients = [stack.enter_context(service.connect()) for _ in range(8)]
        for _ in range(300):
            for connection in clients:
                connection.sendall(GET.replace(b"/healthz", b"/"))
            assert [read_answer(connection)[0] for connection in clients] == [200] * 8


def test_requests_that_arrive_together_are_all_refused_before_what_comes_after_them(tmp_path: Path) -> None:
    post = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello"
    with running(tmp_path, active=0) as service, service.connect() as connection:
        for last, status in ((GET, 200), (b"nonsense\r\n\r\n", 400)):
            connection.sendall(post * 20 + last)
            for _ in range(20):
                assert_problem(read_answer(connection), 503, "busy")
            assert read_answer(connection)[0] == status


def test_a_large_answer_counts_as_memory_and_not_as_work_until_its_client_has_read_it(tmp_path: Path) -> None:
    with running(tmp_path, active=1) as service, service.connect() as slow:
        slow.sendall(b"GET /counted HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_until(lambda: service.connections.sending == 1)
        for _ in range(3):
            with service.connect() as connection:
                assert answer_to(connection, GET.replace(b"/healthz", b"/"))[0] == 200
        assert (service.budget.used, service.connections.sending) == (8_000_000, 1)
        assert len(read_answer(slow)[2]) == 8_000_000
        wait_until(lambda: service.budget.used == service.connections.sending == 0)


def test_a_large_answer_to_a_disconnected_client_no_longer_counts(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        with service.connect() as connection:
            connection.sendall(b"GET /counted HTTP/1.1\r\nHost: localhost\r\n\r\n")
            wait_until(lambda: service.connections.sending == 1)
        wait_until(lambda: service.budget.used == service.connections.sending == 0)


def test_requests_whose_bodies_are_slow_do_not_count_as_work(tmp_path: Path) -> None:
    with running(tmp_path, active=2) as service, ExitStack() as stack:
        for _ in range(5):
            slow = stack.enter_context(service.connect())
            slow.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n")
        wait_until(lambda: service.connections.receiving == 5)
        with service.connect() as connection:
            assert answer_to(connection, GET.replace(b"/healthz", b"/"))[0] == 200


POST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nbegin"
HELD = GET.replace(b"/healthz", b"/held")


def test_incomplete_bodies_of_answered_requests_do_not_allow_more_requests(tmp_path: Path) -> None:
    with running(tmp_path, active=2) as service, ExitStack() as stack:
        for _ in range(5):
            early = stack.enter_context(service.connect())
            assert answer_to(early, POST.replace(b" / ", b" /early "))[0] == 200
        for _ in range(2):
            stack.enter_context(service.connect()).sendall(HELD)
            assert service.held.acquire(timeout=60)
        assert_problem(answer_to(stack.enter_context(service.connect()), HELD), 503, "busy")


def test_incomplete_bodies_behind_other_requests_neither_free_nor_take_a_place(tmp_path: Path) -> None:
    with running(tmp_path, active=2) as service, ExitStack() as stack:
        busy = [stack.enter_context(service.connect()) for _ in range(2)]
        for connection in busy:
            connection.sendall(HELD + POST)
            assert service.held.acquire(timeout=60)
        further = stack.enter_context(service.connect())
        assert_problem(answer_to(further, HELD), 503, "busy")
        service.released.set()
        assert [read_answer(connection)[0] for connection in busy] == [200, 200]
        wait_until(lambda: service.connections.receiving == 2)
        assert answer_to(further, GET.replace(b"/healthz", b"/"))[0] == 200
        for connection in busy:
            assert answer_to(connection, b"x" * 995)[0] == 200
        assert service.connections.receiving == 0


def test_a_malformed_request_behind_another_does_not_damage_its_answer(tmp_path: Path) -> None:
    with running(tmp_path) as service, service.connect() as connection:
        connection.sendall(b"GET /held HTTP/1.1\r\nHost: localhost\r\n\r\nnonsense\r\n\r\n")
        assert service.held.acquire(timeout=60)
        service.released.set()
        assert read_answer(connection)[0] == 200
        assert connection.recv(1) == b""


@pytest.mark.parametrize("ws", ["none", "auto"])
@pytest.mark.parametrize("protocol", [b"websocket", b"h2c"])
def test_a_request_for_another_protocol_is_answered_in_this_one_and_not_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, protocol: bytes, ws: Literal["none", "auto"]
) -> None:
    upgrade = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: " + protocol + b"\r\n\r\n"
    with running(tmp_path, ws) as service, service.connect() as connection:
        status, headers, _ = answer_to(connection, upgrade)
        assert (status, headers["connection"]) == (200, "close")
        assert connection.recv(1) == b""
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
