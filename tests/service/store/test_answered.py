"""Each answered decision is stored once: after kills at random moments, and while PostgreSQL stops and starts."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.service.store.answered import Answered, Load, kill_under_load, problems
from tests.service.store.engines import cluster, new_database
from tests.service.store.kills import server

pytestmark = [pytest.mark.slow, pytest.mark.allow_hosts(["127.0.0.1"])]


def test_kills_under_load_neither_lose_nor_repeat_an_answered_decision(models: Path, url: str) -> None:
    answered = kill_under_load(models, url, kills=5, seed=20261127)
    assert len(answered.ids) >= 5
    assert problems(url, answered) == []


@pytest.mark.parametrize("away", ["refuse", "journal"])
def test_restarts_of_postgresql_under_load_lose_no_answered_decision(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch, away: str
) -> None:
    monkeypatch.setenv("TIDEWAITER_DATABASE_AWAY", away)
    monkeypatch.setenv("TIDEWAITER_JOURNAL_DIR", str(tmp_path / "journal"))
    answered = Answered()
    with cluster() as postgres:
        url = new_database(postgres.url)
        with server(models, url) as running, Load(running.url, iter(range(10**9)), 1, answered) as load:
            for _ in range(2):
                load.until(100)
                postgres.stop()
                if away == "journal":
                    load.until(100)
                postgres.start()
            load.until(100)
            running.process.kill()
            running.process.wait()
        # Before it serves, the next process delivers the decisions that the killed one left in its journal.
        with server(models, url):
            threading.Event().wait(0.1)
        assert problems(url, answered) == []
        assert (answered.refused > 0) == (away == "refuse")
