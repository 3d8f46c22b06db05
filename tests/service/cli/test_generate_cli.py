"""The command ``tidewaiter generate``: its calendar and its report."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from service.cli import run


def _days(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return [row["declared_at"][:10] for row in csv.DictReader(file)]


def test_the_calendar_is_that_of_the_options(tmp_path: Path) -> None:
    out, truth = tmp_path / "world.csv", tmp_path / "truth.csv"
    days = ["--from", "2018-02-01", "--to", "2018-02-20"]
    assert run(["generate", "--rows", "400", "--seed", "3", "--out", str(out), "--truth", str(truth), *days]) == 0
    days = _days(out)
    assert len(days) == 400
    assert "2018-02-01" <= days[0] <= days[-1] <= "2018-02-20"
    assert truth.exists()


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        ("2016-01-01", "2018-01-01", "expected a first day from 2017-01-01 on"),
        ("2019-01-01", "2018-12-31", "a last day not before it"),
        ("2019-13-01", "2019-12-31", "2019-13-01"),
    ],
)
def test_an_invalid_calendar_is_wrong_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], first: str, last: str, message: str
) -> None:
    out = tmp_path / "world.csv"
    assert run(["generate", "--rows", "10", "--out", str(out), "--from", first, "--to", last]) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.long
def test_the_report_says_whether_the_world_is_too_easy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, report = tmp_path / "world.csv", tmp_path / "report.json"
    assert run(["generate", "--rows", "2000", "--seed", "3", "--out", str(out), "--report", str(report)]) == 0
    written = json.loads(report.read_text(encoding="utf-8"))
    assert written["rows"] == 2000
    assert {"name", "value", "limit", "ok"} <= set(written["bars"][0])
    assert "Too easy? 2,000 rows" in capsys.readouterr().out
