"""Warnings of the model endpoint and the metrics when the shares of the lanes differ from their design."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from models.bundle import ModelStore, save
from models.lanes import Lanes
from service.app import create_app
from service.core.settings import Settings
from tests.models.small_model import train
from tests.service.api_client import Client, serving
from tests.service.conftest import shipment


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    """Store with a model that puts every shipment into the red lane."""
    save(replace(train(), lanes=Lanes(-50.0, -50.0)), tmp_path / "all red")
    store = ModelStore(tmp_path / "models")
    store.install(tmp_path / "all red")
    return store


@pytest.fixture
def client(store: ModelStore) -> Iterator[Client]:
    with serving(create_app(Settings(models_dir=store.root, pointer_poll_seconds=0.01))) as client:
        yield client


def score(client: Client, count: int, first: int = 0) -> None:
    shipments = [shipment(shipment_id=f"S{number}") for number in range(first, first + count)]
    answer = client.post("/v1/score/batch?explain=none", json={"shipments": shipments})
    assert answer.status_code == 200


def warning(client: Client) -> str | None:
    found: str | None = client.get("/v1/model").json()["lane_warning"]
    return found


def test_misfitting_lanes_are_reported_after_two_thousand_shipments(client: Client) -> None:
    score(client, 1000)
    score(client, 999, first=1000)
    assert warning(client) is None
    assert 'tidewaiter_lane_misfit{lane="red"} 0.0' in client.get("/metrics").text
    score(client, 1, first=1999)
    assert warning(client) == "100 % red, designed for 0.5 %; 0 % yellow, designed for 2 %: run `tidewaiter adapt`"
    metrics = client.get("/metrics").text
    assert 'tidewaiter_lane_share{lane="red"} 1.0' in metrics
    assert 'tidewaiter_lane_misfit{lane="red"} 1.0' in metrics
    assert 'tidewaiter_lane_misfit{lane="yellow"} 1.0' in metrics


def test_the_log_advises_once_a_day_to_adapt(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def notes() -> list[str]:
        return [entry["problem"] for entry in logs if entry["event"] == "lanes_do_not_fit"]

    with capture_logs() as logs:
        score(client, 1_000)
        assert notes() == []
        score(client, 1_000, first=1_000)
        score(client, 1_000, first=2_000)
        assert notes() == ["100 % red, designed for 0.5 %; 0 % yellow, designed for 2 %: run `tidewaiter adapt`"]
        tomorrow = time.monotonic() + 86_400.0
        monkeypatch.setattr("service.core.metrics.time", SimpleNamespace(monotonic=lambda: tomorrow))
        score(client, 1_000, first=3_000)
        assert len(notes()) == 2


def test_the_shares_of_a_new_model_count_only_its_own_shipments(
    client: Client, store: ModelStore, bundle: Path
) -> None:
    for first in (0, 1000):
        score(client, 1000, first)
    assert warning(client) is not None
    before = client.get("/v1/model").json()["digest"]
    store.install(bundle)
    client.state.host.check()
    assert client.get("/v1/model").json()["digest"] != before
    assert warning(client) is None
