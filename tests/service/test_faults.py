"""Faults while clients write: every request is answered completely, or refused, or its connection ends without an answer."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import httpx
import pytest

from models.bundle import ModelStore, load
from tests.service.conftest import shipment
from tests.service.served import Served, served

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
#: Errors of a connection that ended before the first byte of an answer.
NO_ANSWER = (httpx.ConnectError, httpx.ReadError, httpx.WriteError)


def serving(
    store: Path, workers: int = 1, files: int | None = None, poll_seconds: float = 0.05, **settings: str
) -> AbstractContextManager[Served]:
    def prepare() -> None:
        # Tests that run under nohup would otherwise pass on that SIGHUP is ignored.
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        if files is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

    settings["TIDEWAITER_POINTER_POLL_SECONDS"] = str(poll_seconds)
    return served(store, workers=workers, settings=settings, before=prepare)


def wait_until(holds: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(1200):
        if holds():
            return
        pause.wait(0.1)
    raise AssertionError("the condition did not hold within two minutes")


class Writers:
    """Clients that send shipments one after the other until they are stopped, and count what happens."""

    def __init__(
        self, url: str, clients: int = 3, *, killed: bool = False, fresh: bool = False, pause: float = 0.0
    ) -> None:
        """
        Args:
            killed: whether a worker is killed, which may cut an answer between head and body. The client notices its length.
            fresh: whether each request opens a new connection.
            pause: seconds between two requests of a client.
        """
        self._pause = pause
        self._limits = httpx.Limits(max_keepalive_connections=0 if fresh else None)
        self.outcomes: Counter[str] = Counter()
        self.broken: list[str] = []
        self._url = url
        self._no_answer = ("without sending a response", *(["without sending complete message body"] if killed else []))
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(number,)) for number in range(clients)]

    def __enter__(self) -> Writers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def wait_for(self, further: int) -> None:
        """Wait for further complete answers."""
        target = self.outcomes["answered"] + further
        wait_until(lambda: self.outcomes["answered"] >= target)

    def _write(self, number: int) -> None:
        count = 0
        with httpx.Client(base_url=self._url, timeout=60, limits=self._limits) as client:
            while not self._stop.wait(self._pause):
                count += 1
                try:
                    self._send(client, f"HB-{number}-{count}", count)
                except NO_ANSWER:
                    self.outcomes["no answer"] += 1
                except httpx.RemoteProtocolError as error:
                    # A connection may end between two answers, never within one.
                    whole = any(text in str(error) for text in self._no_answer)
                    self.outcomes["no answer" if whole else "broken"] += 1
                    self.broken += [] if whole else [str(error)]

    def _send(self, client: httpx.Client, reference: str, count: int) -> None:
        if count % 5:
            answer = client.post("/v1/score", json=shipment(shipment_id=reference))
            found = [answer.json()] if answer.status_code == 200 else []
        else:
            records = [shipment(shipment_id=f"{reference}-{part}") for part in range(40)]
            answer = client.post("/v1/score/batch", json={"shipments": records})
            found = answer.json()["results"] if answer.status_code == 200 else []
            assert len(found) in (0, 40)
        if answer.status_code == 200:
            assert all(one["shipment_id"].startswith(reference) for one in found)
            assert len({one["model"]["digest"] for one in found}) == 1
            self.outcomes["answered"] += 1
        else:
            assert answer.status_code == 503, answer.text
            self.outcomes["refused"] += 1


@pytest.fixture
def store(tmp_path: Path, bundle: Path) -> Path:
    ModelStore(tmp_path / "models").install(bundle)
    return tmp_path / "models"


def children(pid: int) -> list[int]:
    return [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]


def opsin_of(pid: int) -> list[int]:
    return [child for child in children(pid) if b"java" in Path(f"/proc/{child}/cmdline").read_bytes()]


def workers_of(pid: int) -> list[int]:
    return [child for child in children(pid) if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def test_clients_write_while_opsin_is_killed_and_bundles_change(store: Path, other_bundle: Path) -> None:
    with serving(store) as server, Writers(server.url) as writers:
        writers.wait_for(10)
        for group in ("ethyl", "propyl", "butyl"):
            wait_until(lambda: bool(opsin_of(server.process.pid)))
            for java in opsin_of(server.process.pid):
                os.kill(java, signal.SIGKILL)
            writers.wait_for(5)
            # The restarted process reads this name.
            named = shipment(items=[{"declared_chemical": f"N-(4-{group}phenyl)-2-oxocyclohexanecarboxamide"}])
            answer = httpx.post(f"{server.url}/v1/score", json=named, timeout=60)
            assert (answer.status_code, answer.json()["unread"]) == (200, [])
        ModelStore(store).install(other_bundle)
        digest = load(other_bundle).digest
        wait_until(lambda: httpx.get(f"{server.url}/readyz").json()["model"]["digest"] == digest)
        writers.wait_for(10)
    assert writers.broken == []
    assert set(writers.outcomes) == {"answered"}
    assert server.logged('"error"') == []


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_stop_lets_requests_end(store: Path, sent: signal.Signals) -> None:
    with serving(store) as server, Writers(server.url) as writers:
        writers.wait_for(10)
        server.process.send_signal(sent)
        assert server.process.wait(60) in (0, -signal.SIGTERM, 128 + signal.SIGTERM)
    assert writers.broken == []
    assert writers.outcomes["answered"] >= 10
    assert server.logged("request_failed") == []
    for line in server.log:
        json.loads(line)


def test_a_hangup_replaces_both_workers_by_ones_with_the_new_bundle_and_no_request_fails(
    store: Path, other_bundle: Path
) -> None:
    digest = load(other_bundle).digest
    with serving(store, workers=2, poll_seconds=3600, TIDEWAITER_OPSIN="false") as server, ExitStack() as stack:
        # Two clients that keep their connections, and one that opens a connection for each request.
        both = [stack.enter_context(Writers(server.url, 2 - fresh, fresh=fresh, pause=0.05)) for fresh in (False, True)]
        for writers in both:
            writers.wait_for(2)
        before = workers_of(server.process.pid)
        assert len(before) == 2
        ModelStore(store).install(other_bundle)
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len([one for one in server.events if one.get("digest") == digest]) == 2)
        wait_until(lambda: not set(before) & set(children(server.process.pid)))
        assert len(workers_of(server.process.pid)) == 2
        for writers in both:
            writers.wait_for(10)
        served = {httpx.get(f"{server.url}/readyz", timeout=60).json()["model"]["digest"] for _ in range(20)}
    assert served == {digest}
    for writers in both:
        assert writers.broken == []
        assert set(writers.outcomes) == {"answered"}
    assert server.logged('"error"') == []


def test_a_killed_worker_is_replaced_while_the_others_answer(store: Path) -> None:
    with serving(store, workers=2) as server, Writers(server.url, killed=True) as writers:
        writers.wait_for(10)
        workers = [child for child in children(server.process.pid) if opsin_of(child)]
        os.kill(workers[0], signal.SIGKILL)
        wait_until(lambda: len(server.logged("startup complete")) >= 3)
        writers.wait_for(20)
    assert writers.broken == []
    assert set(writers.outcomes) <= {"answered", "no answer"}
    # At most the requests in progress in the killed worker.
    assert writers.outcomes["no answer"] <= 6


@pytest.mark.slow
def test_a_worker_that_stands_still_for_some_seconds_is_not_replaced(store: Path) -> None:
    with serving(store, workers=2) as server:
        [worker, *_] = [child for child in children(server.process.pid) if opsin_of(child)]
        os.kill(worker, signal.SIGSTOP)
        # uvicorn pings each worker twice a second and by default waits 5 s for its answer.
        threading.Event().wait(8)
        os.kill(worker, signal.SIGCONT)
        assert httpx.get(f"{server.url}/readyz", timeout=60).status_code == 200
        assert worker in children(server.process.pid)
    assert len(server.logged("startup complete")) == 2


def test_idle_connections_and_few_files_do_not_stop_the_service(store: Path) -> None:
    with serving(store, files=256) as server, ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        for number in range(5):
            answer = httpx.post(f"{server.url}/v1/score", json=shipment(shipment_id=f"HB-{number}"), timeout=60)
            assert answer.status_code == 200
        rows = b"shipment_id,goods_description\nHB-9,phone case\n"
        kind = {"Content-Type": "text/csv"}
        assert httpx.post(f"{server.url}/v1/score/csv", content=rows, headers=kind, timeout=60).status_code == 200
        ready = httpx.get(f"{server.url}/readyz", timeout=60).json()
        assert (ready["status"], ready["refused"]) == ("ready", None)
        assert 'reason="evicted"' in httpx.get(f"{server.url}/metrics", timeout=60).text


def test_a_service_under_nohup_outlives_its_terminal(store: Path) -> None:
    def ignore_hangups() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    with served(store, before=ignore_hangups) as server:
        server.process.send_signal(signal.SIGHUP)
        assert httpx.get(f"{server.url}/readyz", timeout=60).status_code == 200
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) in (0, -signal.SIGTERM, 128 + signal.SIGTERM)
