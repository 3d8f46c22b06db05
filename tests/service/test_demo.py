"""The bundled sample and the output of `tidewaiter demo`."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from features.manifest.fields import LABEL_NAMES, MANIFEST_NAMES
from models.bundle import ModelStore
from service.cli import run
from service.files.batch import score_file
from service.files.options import ScoreOptions
from service.operations.command import SAMPLE, show_riskiest
from tests.service.api.test_score_csv import rows_of

ROWS = rows_of(SAMPLE.read_bytes())


def test_the_sample_has_no_labels_and_is_ordered_by_time() -> None:
    assert set(ROWS[0]) <= set(MANIFEST_NAMES)
    assert not set(ROWS[0]) & set(LABEL_NAMES)
    assert len(ROWS) == 300
    times = [row["declared_at"] for row in ROWS]
    assert times == sorted(times)
    assert times[0] > "2026-11-01"


def test_the_sample_contains_the_handwritten_rows() -> None:
    with SAMPLE.with_name("handwritten.csv").open(encoding="utf-8", newline="") as file:
        handwritten = list(csv.DictReader(file))
    assert len(handwritten) == 14
    for row in handwritten:
        assert any(all(one[name] == value for name, value in row.items()) for one in ROWS)


def test_parties_of_the_sample_are_invented() -> None:
    for row in ROWS:
        for party in ("consignor", "consignee"):
            address = row[f"{party}_email"]
            assert not address or address.endswith(".example")
        assert not row["marketplace"] or row["marketplace"].endswith(".example")


def test_the_demo_scores_the_sample_and_shows_the_riskiest(
    tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    ModelStore(tmp_path / "var" / "models").install(bundle)
    assert run(["demo", "--no-serve"]) == 0
    scored = rows_of((tmp_path / "out" / "scores.csv").read_bytes())
    assert len(scored) == len(ROWS)
    # The item without a description, code and chemical has a mass, so that it is scored.
    assert not list((tmp_path / "out").glob("*rejects*"))
    output = capsys.readouterr().out
    assert "Riskiest shipments" in output
    assert "out/scores.csv" in output
    riskiest = max(scored, key=lambda row: float(row["risk"]))
    assert riskiest["shipment_id"] in output


@pytest.mark.parametrize("width", [80, 100])
def test_the_table_fits_the_width_of_the_terminal(tmp_path: Path, bundle: Path, width: int) -> None:
    from models.bundle import load

    out = tmp_path / "scores.csv"
    report = score_file(SAMPLE, out, load(bundle), ScoreOptions(explain="all"), rejects_path=tmp_path / "rejects.csv")
    text = io.StringIO()
    show_riskiest(report, out, Console(file=text, width=width, highlight=False))
    lines = text.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    shown = re.sub(r"[\s│]+", "", text.getvalue())
    for shipment in report.riskiest:
        assert shipment.shipment_id in text.getvalue()
        assert re.sub(r"\s+", "", shipment.reasons[0])[:20] in shown
