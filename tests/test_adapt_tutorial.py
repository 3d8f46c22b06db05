"""Run every command of the tutorial in docs/adapt.md."""

from __future__ import annotations

import csv
import json
import re
import shlex
from pathlib import Path

import pytest

from models.bundle import ModelStore, champion_dir, describe, load
from service.cli import run
from tests.champion import serves_champion

PAGE = Path(__file__).resolve().parents[1] / "docs" / "adapt.md"


def commands() -> list[list[str]]:
    """Return the arguments of the commands in the tutorial, in order."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    lines = [shlex.split(line) for block in blocks for line in block.splitlines()]
    assert all(line[0] == "tidewaiter" for line in lines)
    return [line[1:] for line in lines]


@serves_champion
def test_the_tutorial_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    for command in commands():
        assert run(command) == 0, command
    output = capsys.readouterr()
    assert "Score later files with it, never these." in output.out
    report = json.loads(Path("report.json").read_text(encoding="utf-8"))
    assert report["parent"]["digest"] == describe(champion_dir()).digest
    assert report["parent"]["digest"] in output.out
    adapted = load(tmp_path / "adapted")
    assert ModelStore(tmp_path / "var" / "models").load().digest == adapted.digest
    assert adapted.history.sequence == report["data"]["shipments"]
    with Path("after.csv").open(encoding="utf-8", newline="") as file:
        assert {row["bundle_digest"] for row in csv.DictReader(file)} == {adapted.digest}
