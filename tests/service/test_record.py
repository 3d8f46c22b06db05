"""The record of the service's own traffic."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from models.bundle import ModelStore
from service.app import create_app
from service.core.settings import Settings
from service.scoring.record import TrafficRecord
from tests.models.small_model import manifest, table_of
from tests.service.api_client import State, serving
from tests.service.conftest import shipment
from training.adapting.traffic import recorded_files
from training.data.dataset import BadData


def lines_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_scored_shipments_are_recorded_as_declared(tmp_path: Path, bundle: Path) -> None:
    ModelStore(tmp_path / "models").install(bundle)
    record = tmp_path / "traffic.jsonl"
    settings = Settings(models_dir=tmp_path / "models", record=record)
    with serving(create_app(settings)) as client:
        client.post("/v1/score", json=shipment(shipment_id="one"))
        client.post("/v1/score?update_history=false", json=shipment(shipment_id="what-if"))
        client.post("/v1/score", json={"shipment_id": "refused"})
        client.post("/v1/score/batch", json={"shipments": [shipment(shipment_id="two", declared_at=None)]})
        text = b"shipment_id,goods_description,content\nthree,silk scarf,fentanyl\n"
        client.post("/v1/score/csv", content=text, headers={"Content-Type": "text/csv"})
    recorded = lines_of(record)
    assert [one["shipment_id"] for one in recorded] == ["one", "two", "three"]
    first, second, third = recorded
    assert first["declared_at"] == shipment()["declared_at"]
    assert first["consignor"] == {key: str(value) for key, value in shipment()["consignor"].items()}
    # A missing time is replaced by the time of receipt.
    assert str(second["declared_at"]).startswith("20")
    assert third["items"] == [{"goods_description": "silk scarf"}]
    assert "content" not in third
    assert stat.S_IMODE(record.stat().st_mode) == 0o600


def test_nothing_is_recorded_by_default(settings: Settings) -> None:
    assert settings.record is None
    assert State(create_app(settings)).record is None


def test_a_large_record_is_rotated_and_the_oldest_file_is_deleted(tmp_path: Path) -> None:
    path = tmp_path / "traffic.jsonl"
    record = TrafficRecord(path, max_bytes=60_000, files=2)
    parts = [table_of(manifest(50, seed)) for seed in range(12)]
    for part in parts:
        record.add(part)
    files = recorded_files(path)
    assert [file.name for file in files] == ["traffic.jsonl.2", "traffic.jsonl.1", "traffic.jsonl"]
    seeds = [int(str(one["shipment_id"]).split("-")[1]) for file in files for one in lines_of(file)]
    # The remaining files contain the latest shipments, in order.
    assert seeds == sorted(seeds)
    assert set(seeds) == set(range(len(parts) - len(set(seeds)), len(parts)))
    assert all(file.stat().st_size <= 60_000 for file in files)
    assert 2 <= len(set(seeds)) < len(parts)


def test_a_record_that_cannot_be_written_does_not_stop_scoring(
    tmp_path: Path, bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ModelStore(tmp_path / "models").install(bundle)
    settings = Settings(models_dir=tmp_path / "models", record=tmp_path / "missing" / "traffic.jsonl")
    with serving(create_app(settings)) as client:
        for number in range(2):
            assert client.post("/v1/score", json=shipment(shipment_id=str(number))).status_code == 200
    assert capfd.readouterr().err.count("record_failed") == 1


def test_a_record_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        BadData, match=r"none\.jsonl: no such file; the service writes it if TIDEWAITER_RECORD names it"
    ):
        recorded_files(tmp_path / "none.jsonl")
