"""Files of the worlds by other authors."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from service.cli import run
from training.worlds.writer import author_names, titles


def test_the_list_names_every_world(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["generate", "--world", "list"]) == 0
    out = capsys.readouterr().out
    assert all((name in out and title in " ".join(out.split())) or name in out for name, title in titles().items())
    assert len(author_names()) >= 8


def test_a_world_is_written_with_its_truth_and_warm_up(tmp_path: Path) -> None:
    out, truth, warmup = tmp_path / "out.csv", tmp_path / "truth.csv", tmp_path / "warmup.csv"
    arguments = ["generate", "--world", "northpost", "--rows", "300", "--seed", "2", "--out", str(out)]
    assert run([*arguments, "--truth", str(truth), "--warmup", str(warmup)]) == 0
    rows = pd.read_csv(out, dtype=str, keep_default_na=False)
    truth_rows = pd.read_csv(truth, dtype=str, keep_default_na=False)
    before = pd.read_csv(warmup, dtype=str, keep_default_na=False)
    assert 300 <= len(rows) < 320
    assert list(truth_rows.columns) == ["shipment_id", "content", "group", "hard"]
    assert list(truth_rows["shipment_id"]) == list(rows["shipment_id"].drop_duplicates())
    assert not set(before["shipment_id"]) & set(rows["shipment_id"])
    assert before["declared_at"].max() <= rows["declared_at"].min()
    assert "content" not in rows.columns
    again = tmp_path / "again.csv"
    assert run(["generate", "--world", "northpost", "--rows", "300", "--seed", "2", "--out", str(again)]) == 0
    assert again.read_bytes() == out.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--world", "atlantis", "--rows", "5", "--out", "x.csv"], "no world 'atlantis'"),
        (["--world", "northpost"], "--rows N and --out FILE"),
        (["--world", "northpost", "--rows", "5", "--out", "x.csv", "--report", "r.json"], "belong to our own world"),
        (["--rows", "5", "--out", "x.csv", "--warmup", "w.csv"], "--warmup needs --world"),
        (["--seed", "5"], "--rows N and --out FILE"),
    ],
)
def test_a_usage_error_is_explained(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["generate", *arguments]) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_authors_need_no_bundle(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["evaluate", "--authors", "--bundle", str(tmp_path)]) == 2
    assert "--authors uses its own worlds" in " ".join(capsys.readouterr().err.split())
