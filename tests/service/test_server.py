"""Tests of the application under uvicorn, over local sockets."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from features.readers import Unreadable
from models.bundle import ModelStore, load
from service.app import create_app
from service.core.settings import Settings
from tests.service.api.test_score_csv import CSV, csv_of
from tests.service.conftest import shipment
from tests.service.served import served

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def listening(app: FastAPI, folder: Path) -> Iterator[httpx.Client]:
    """Run the application under uvicorn in a thread, and yield a client over a Unix socket."""
    path = folder / "http.sock"
    started = threading.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            started.set()

    server = Server(uvicorn.Config(app, uds=str(path), log_config=None, access_log=False, timeout_keep_alive=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert started.wait(30), "the server did not start"
        transport = httpx.HTTPTransport(uds=str(path))
        with httpx.Client(transport=transport, base_url="http://localhost", timeout=60) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(30)


def test_an_error_in_the_middle_of_a_response_breaks_the_connection(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def failing(*_: object, **__: object) -> Iterator[bytes]:
        yield b"shipment_id,risk\n"
        for number in range(1000):
            yield f"HB-{number},0.1\n".encode()
        raise Unreadable("the uploaded file", "It ends in the middle of a row.", "Send it again.")

    monkeypatch.setattr("service.files.routes.score_csv_stream", failing)
    with listening(create_app(settings), tmp_path) as client:
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
            client.post("/v1/score/csv", content=csv_of(3), headers=CSV)
        assert client.get("/healthz").status_code == 200


def test_single_requests_are_answered_while_a_file_is_scored(settings: Settings, tmp_path: Path) -> None:
    small_chunks = Settings(models_dir=settings.models_dir, csv_rows_per_chunk=200)
    with listening(create_app(small_chunks), tmp_path) as client:
        between = 0
        with client.stream("POST", "/v1/score/csv", content=csv_of(4000), headers=CSV) as answer:
            lines = 0
            for chunk in answer.iter_bytes():
                lines += chunk.count(b"\n")
                if between < 5:
                    assert client.post("/v1/score", json=shipment(shipment_id=f"HB-{between}")).status_code == 200
                    between += 1
        assert between == 5
        assert lines == csv_of(4000).count(b"\n")


def test_a_request_of_a_disconnected_client_no_longer_counts(settings: Settings, tmp_path: Path) -> None:
    one_request = Settings(models_dir=settings.models_dir, csv_rows_per_chunk=100, max_csv_requests=1)
    with listening(create_app(one_request), tmp_path) as client:
        with client.stream("POST", "/v1/score/csv", content=csv_of(20_000), headers=CSV) as answer:
            next(answer.iter_bytes())
        end = time.monotonic() + 30
        while client.post("/v1/score/csv", content=csv_of(2), headers=CSV).status_code == 503:
            assert time.monotonic() < end, "the request still counts"


@pytest.mark.allow_hosts(["127.0.0.1"])
@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.long)])
def test_serve_runs_until_it_is_interrupted(tmp_path: Path, bundle: Path, workers: int) -> None:
    store = tmp_path / "models"
    ModelStore(store).install(bundle)
    with served(store, workers=workers) as server:
        with httpx.Client(base_url=server.url, timeout=30) as client:
            answers = [client.post("/v1/score", json=shipment(shipment_id=f"HB-{n}")).json() for n in range(20)]
            text = client.get("/metrics").text
            uploaded = client.post("/v1/score/csv", content=csv_of(3), headers=CSV)
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(60) in (0, 130), server.log
    assert uploaded.status_code == 200
    assert {answer["model"]["digest"] for answer in answers} == {load(bundle).digest}
    counted = 'tidewaiter_requests_total{method="POST",route="/v1/score",status="200"}'
    assert [float(line.split()[-1]) for line in text.splitlines() if line.startswith(counted)] == [20.0]
    for line in server.log:
        json.loads(line)
