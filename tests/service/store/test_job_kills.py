"""Workers that are killed at random moments neither lose nor repeat a row of a result."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from models.bundle import ModelStore
from service.core.database.engine import Database
from service.core.settings import Settings
from service.jobs.repository import Jobs
from tests.service.store.job_files import goods_csv, goods_parquet, queue, results_of, row_of, scored_as_a_file

#: Kills per engine and format. ``TIDEWAITER_TEST_KILLS`` sets another number.
_KILLS = int(os.environ.get("TIDEWAITER_TEST_KILLS", "2"))
_CHUNK = 25
_LEASE = "1"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["goods.csv", "goods.parquet"])
def test_killed_workers_neither_lose_nor_repeat_a_row(
    name: str, url: str, database: Database, bundle: Path, tmp_path: Path
) -> None:
    ModelStore(tmp_path / "models").install(bundle)
    settings = Settings(models_dir=tmp_path / "models", jobs_dir=tmp_path / "jobs")
    content = goods_csv(250, broken_every=30) if name.endswith("csv") else goods_parquet(250)
    environment = os.environ | {
        "TIDEWAITER_MODELS_DIR": str(settings.models_dir),
        "TIDEWAITER_JOBS_DIR": str(settings.jobs_dir),
        "TIDEWAITER_DATABASE_URL": url,
        "TIDEWAITER_JOB_LEASE_SECONDS": _LEASE,
        "TIDEWAITER_OPSIN": "false",
    }
    command = [sys.executable, "-m", "tests.service.store.job_worker", str(_CHUNK)]
    jobs, chance, pause = Jobs(database), random.Random(20260504), threading.Event()
    expected = scored_as_a_file(content, name, bundle, tmp_path / "file", _CHUNK)
    kills = finished = 0
    while kills < _KILLS:
        job = queue(jobs, settings, content, name)
        seen = 0
        while row_of(jobs, job).state != "done":
            with subprocess.Popen(command, env=environment) as worker:
                if kills < _KILLS:
                    # Wait for progress, then for a random part of the time that a few chunks take.
                    while worker.poll() is None and row_of(jobs, job).chunks_done <= seen:
                        pause.wait(0.002)
                    pause.wait(chance.uniform(0.0, 0.15))
                    worker.kill()
                worker.wait()
            # A worker that had already finished the job was not killed during its work.
            kills += worker.returncode < 0 and row_of(jobs, job).state != "done"
            seen = row_of(jobs, job).chunks_done
            # Release the job at once, because the test does not wait for the lease of the killed worker to end.
            for owner in {row_of(jobs, job).owner} - {None}:
                jobs.release(owner)
        assert results_of(jobs, settings, job) == expected
        finished += row_of(jobs, job).attempt
    assert finished > kills


@pytest.mark.slow
def test_the_command_scores_the_waiting_jobs_and_ends(
    url: str, database: Database, bundle: Path, tmp_path: Path
) -> None:
    ModelStore(tmp_path / "models").install(bundle)
    settings = Settings(models_dir=tmp_path / "models", jobs_dir=tmp_path / "jobs")
    job = queue(Jobs(database), settings, goods_csv(20))
    environment = os.environ | {
        "TIDEWAITER_MODELS_DIR": str(settings.models_dir),
        "TIDEWAITER_JOBS_DIR": str(settings.jobs_dir),
        "TIDEWAITER_DATABASE_URL": url,
        "TIDEWAITER_STORE": "on",
    }
    command = [sys.executable, "-c", "from service.cli import main; main()", "worker", "--until-idle"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    expected = scored_as_a_file(goods_csv(20), "goods.csv", bundle, tmp_path / "file")
    assert results_of(Jobs(database), settings, job) == expected
    refused = subprocess.run(
        command, env=environment | {"TIDEWAITER_STORE": "off"}, capture_output=True, text=True, check=False
    )
    assert refused.returncode == 2
    assert "TIDEWAITER_STORE is off" in refused.stderr
