"""Progress of a run, in a terminal and in a log file."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from training.progress import StageLog


def test_a_log_file_shows_some_steps_of_a_stage_but_not_every_one(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter(range(0, 1000, 4))
    monkeypatch.setattr("training.progress.time.perf_counter", lambda: float(next(seconds)))
    stream = io.StringIO()
    log = StageLog(Console(file=stream, width=120))
    with log.stage("Fit boosters") as show:
        for trees in range(10):
            show(f"{trees} trees")
    lines = stream.getvalue().splitlines()
    shown = [line for line in lines if line.startswith("  ")]
    assert 1 < len(shown) < 10
    assert all(" s  Fit boosters: " in line for line in shown)
    assert lines[-1].startswith("Fit boosters ")
    assert lines[-1].endswith("9 trees")


def test_without_a_console_nothing_is_printed() -> None:
    log = StageLog()
    with log.stage("Data") as show:
        show("1 row")
    assert "Data" in log.seconds
