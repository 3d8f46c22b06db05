"""The disk of the database and of the uploads becomes full, or read-only, while clients write to a real server."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest
from sqlalchemy import select

from models.bundle import ModelStore
from service.cli import run
from service.core.database.engine import Database
from service.jobs.tables import Job
from service.scoring.tables import Decision
from tests.service.conftest import shipment
from tests.service.served import served
from tests.service.store.job_files import goods_csv

pytestmark = [pytest.mark.slow, pytest.mark.allow_hosts(["127.0.0.1"])]

_DISK: Final = "32m"
#: Seconds between two requests of a client. The tests do not need a high load.
_PAUSE: Final = 0.05
_CSV: Final = {"Content-Type": "text/csv"}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small, separate file system in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "tidewaiter-test", str(folder)]
    try:
        subprocess.run(mounting, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("file systems cannot be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def remount(disk: Path, mode: str) -> bool:
    """Make the disk read-only or writable. Return whether that was possible, which needs all files closed for writing."""
    return not subprocess.run(["mount", "-o", f"remount,{mode}", str(disk)], capture_output=True).returncode


def fill(disk: Path) -> Path:
    """Fill the remaining space with a file, and return its path."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return ballast


def wait_until(holds: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(1200):
        if holds():
            return
        pause.wait(0.1)
    raise AssertionError("it did not happen within two minutes")


class Clients:
    """Clients that write in three ways until they are stopped.

    Attributes:
        acknowledged: kind of request -> ids of the decisions or jobs in complete answers.
        refused: kind -> types of the problems.
        wrong: answers of any other kind.
    """

    def __init__(self, url: str) -> None:
        self.acknowledged: dict[str, list[str]] = defaultdict(list)
        self.refused: dict[str, list[str]] = defaultdict(list)
        self.wrong: list[str] = []
        self._url, self._stop = url, threading.Event()
        self._upload = goods_csv(1_000)
        self._kinds = {"single": self._single, "batch": self._batch, "job": self._job}
        self._threads = [threading.Thread(target=self._write, args=(kind,)) for kind in self._kinds]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def wait_for_answers(self) -> None:
        """Wait for further complete answers of each kind."""
        before = {kind: len(self.acknowledged[kind]) for kind in self._kinds}
        wait_until(lambda: all(len(self.acknowledged[kind]) > before[kind] + 1 for kind in self._kinds))

    def wait_for_refusals(self, *kinds: str) -> None:
        """Wait for refusals of each kind."""
        wait_until(lambda: all(len(self.refused[kind]) > 2 for kind in kinds))

    def _write(self, kind: str) -> None:
        count = 0
        with httpx.Client(base_url=self._url, timeout=60) as client:
            while not self._stop.wait(_PAUSE):
                count += 1
                answer = self._kinds[kind](client, f"{kind}-{count}")
                if answer.is_success:
                    found = answer.json()
                    self.acknowledged[kind] += (
                        [found["job_id"]]
                        if kind == "job"
                        else [one["decision_id"] for one in found.get("results", [found])]
                    )
                elif answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0:
                    assert answer.headers["Content-Type"] == "application/problem+json"
                    self.refused[kind].append(answer.json()["type"].removeprefix("urn:tidewaiter:problem:"))
                else:
                    self.wrong.append(answer.text)

    def _single(self, client: httpx.Client, name: str) -> httpx.Response:
        return client.post("/v1/score", json=shipment(shipment_id=name))

    def _batch(self, client: httpx.Client, name: str) -> httpx.Response:
        records = [shipment(shipment_id=f"{name}-{part}") for part in range(20)]
        return client.post("/v1/score/batch", json={"shipments": records})

    def _job(self, client: httpx.Client, name: str) -> httpx.Response:
        return client.post("/v1/jobs", content=self._upload, headers=_CSV)


def settings_of(database: Path, jobs: Path) -> dict[str, str]:
    return {
        "TIDEWAITER_STORE": "on",
        "TIDEWAITER_DATABASE_URL": f"sqlite:///{database}",
        "TIDEWAITER_JOBS_DIR": str(jobs),
        # Queued jobs stay in the queue, where the test counts them.
        "TIDEWAITER_JOB_WORKER": "false",
        "TIDEWAITER_MAX_JOBS": "10000",
        "TIDEWAITER_OPSIN": "false",
    }


def assert_stored(url: str, clients: Clients, jobs_dir: Path) -> None:
    """Check that exactly the acknowledged decisions and jobs are stored, with the uploads of the jobs."""
    assert clients.wrong == []
    database = Database(url)
    with database.read() as connection:
        decisions = set(connection.execute(select(Decision.id)).scalars())
        jobs = set(connection.execute(select(Job.id)).scalars())
    database.close()
    assert {*clients.acknowledged["single"], *clients.acknowledged["batch"]} == decisions
    assert set(clients.acknowledged["job"]) == jobs
    assert {folder.name for folder in jobs_dir.iterdir()} == jobs
    assert {(folder / "upload").read_bytes() for folder in jobs_dir.iterdir()} == {goods_csv(1_000)}


def test_a_full_disk_refuses_writes_until_there_is_space_again(
    tmp_path: Path, bundle: Path, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"
    ModelStore(models).install(bundle)
    settings = settings_of(disk / "store.db", disk / "jobs")
    with served(models, settings=settings) as server, Clients(server.url) as clients:
        clients.wait_for_answers()
        ballast = fill(disk)
        clients.wait_for_refusals("single", "batch", "job")
        wait_until(lambda: httpx.get(f"{server.url}/readyz", timeout=60).status_code == 503)
        full = httpx.get(f"{server.url}/readyz", timeout=60)
        assert full.json()["type"] == "urn:tidewaiter:problem:database-away"
        assert "full" in full.json()["detail"]
        assert httpx.get(f"{server.url}/healthz", timeout=60).status_code == 200
        ballast.unlink()
        # The service notices this without a request that writes.
        clients.wait_for_answers()
        ready = httpx.get(f"{server.url}/readyz", timeout=60)
        assert (ready.status_code, ready.json()["store"]["database"]) == (200, "answers")
    assert set(clients.refused["single"]) | set(clients.refused["batch"]) == {"database-away"}
    assert set(clients.refused["job"]) <= {"database-away", "disk-full"}
    assert_stored(settings["TIDEWAITER_DATABASE_URL"], clients, disk / "jobs")
    assert server.logged("request_failed") == []
    monkeypatch.setenv("TIDEWAITER_STORE", "on")
    monkeypatch.setenv("TIDEWAITER_DATABASE_URL", settings["TIDEWAITER_DATABASE_URL"])
    assert run(["audit", "verify"]) == 0


def test_a_read_only_disk_of_jobs_refuses_only_uploads(tmp_path: Path, bundle: Path, disk: Path) -> None:
    models = tmp_path / "models"
    ModelStore(models).install(bundle)
    settings = settings_of(tmp_path / "store.db", disk / "jobs")
    with served(models, settings=settings) as server, Clients(server.url) as clients:
        clients.wait_for_answers()
        wait_until(lambda: remount(disk, "ro"))
        clients.wait_for_refusals("job")
        assert httpx.get(f"{server.url}/readyz", timeout=60).status_code == 200
        assert remount(disk, "rw")
        clients.wait_for_answers()
    assert clients.refused["single"] == clients.refused["batch"] == []
    assert set(clients.refused["job"]) == {"disk-full"}
    assert_stored(settings["TIDEWAITER_DATABASE_URL"], clients, disk / "jobs")
    assert server.logged("request_failed") == []
