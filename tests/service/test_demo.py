"""The bundled sample, and what `tidewaiter demo` makes of it."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from features.manifest.fields import LABEL_NAMES, MANIFEST_NAMES
from models.bundle.store import ModelStore
from service.cli.main import run
from service.demo import SAMPLE, show_riskiest
from service.files.batch import score_file
from tests.service.api.test_score_csv import rows_of

ROWS = rows_of(SAMPLE.read_bytes())


def test_the_sample_has_no_labels_and_is_in_order() -> None:
    assert set(ROWS[0]) <= set(MANIFEST_NAMES)
    assert not set(ROWS[0]) & set(LABEL_NAMES)
    assert len(ROWS) == 300
    times = [row["declared_at"] for row in ROWS]
    assert times == sorted(times)
    assert times[0] > "2026-11-01"


def test_the_rows_written_by_hand_are_in_the_sample() -> None:
    with SAMPLE.with_name("handwritten.csv").open(encoding="utf-8", newline="") as file:
        written = list(csv.DictReader(file))
    assert len(written) == 14
    for row in written:
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
    assert len(scored) == 299
    assert (tmp_path / "out" / "scores.rejects.csv").exists()
    said = capsys.readouterr().out
    assert "Riskiest shipments" in said
    assert "out/scores.csv" in said
    riskiest = max(scored, key=lambda row: float(row["risk"]))
    assert riskiest["shipment_id"] in said


@pytest.mark.parametrize("width", [80, 100])
def test_the_table_fits_the_screen(tmp_path: Path, bundle: Path, width: int) -> None:
    from models.bundle.bundle import load

    out = tmp_path / "scores.csv"
    report = score_file(SAMPLE, out, load(bundle), rejects_path=tmp_path / "rejects.csv", explain="all")
    text = io.StringIO()
    show_riskiest(report, out, Console(file=text, width=width, highlight=False))
    lines = text.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    shown = re.sub(r"[\s│]+", "", text.getvalue())
    for one in report.riskiest:
        assert one.shipment_id in text.getvalue()
        assert re.sub(r"\s+", "", one.reasons[0])[:20] in shown
