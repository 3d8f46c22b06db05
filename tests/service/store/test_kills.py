"""A server that is killed while it scores has the history of an uninterrupted one after the restart."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest

from features.manifest.records import read_record
from features.table.table import ManifestTable
from models.bundle import ModelStore, load
from service.scoring.replay import Bounds, restore
from service.store.database import Database
from service.store.sealing import Sealer
from tests.service.conftest import shipment
from tests.service.store.kills import differences, kill_at_random, server, uninterrupted

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]


def test_after_kills_at_random_moments_history_and_scores_are_those_of_an_uninterrupted_worker(
    tmp_path: Path, bundle: Path, url: str
) -> None:
    models = tmp_path / "models"
    ModelStore(models).install(bundle)
    report = kill_at_random(models, url, kills=3, seed=20261127)
    assert len(report.answered) == 3
    database = Database(url)
    model = load(bundle)
    expected = uninterrupted(database, model.history)
    live = restore(database, Sealer(None), model.history, Bounds(30.0, time.time_ns() // 1000))
    database.close()
    assert differences(live.copy(), expected) == []
    next_one = shipment(shipment_id="next", consignor={"name": "Sender 7", "country": "CN"})
    with server(models, url) as (_, address, _):
        answer = httpx.post(f"{address}/v1/score?update_history=false", json=next_one, timeout=30).json()
    table = ManifestTable.from_records([read_record(next_one)])
    [risk] = model.score(table, expected).risk.tolist()
    assert answer["risk"] == risk
