"""A server that is killed while it scores has the history of an uninterrupted one after the restart."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest

from features.manifest.records import read_record
from features.table.table import ManifestTable
from models.bundle import ModelStore, load
from service.core.database.engine import Database
from service.history.replay import Bounds, restore
from service.history.tables import HistoryEvent
from tests.service.conftest import shipment
from tests.service.store.kills import differences, kill_at_random, sealer_of, server, uninterrupted

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]


def test_after_kills_at_random_moments_history_and_scores_equal_those_of_an_uninterrupted_worker(
    tmp_path: Path, bundle: Path, url: str
) -> None:
    models = tmp_path / "models"
    ModelStore(models).install(bundle)
    report = kill_at_random(models, url, kills=3, seed=20261127)
    assert len(report.answered) == 3
    database = Database(url)
    model = load(bundle)
    expected = uninterrupted(database, model.history)
    live, _ = restore(database, sealer_of(models), model.history, Bounds(30.0, time.time_ns() // 1000))
    database.close()
    assert differences(live.copy(), expected) == []
    next_one = shipment(shipment_id="next", consignor={"name": "Sender 7", "country": "CN"})
    with server(models, url) as running:
        answer = httpx.post(f"{running.url}/v1/score?update_history=false", json=next_one, timeout=30).json()
    table = ManifestTable.from_records([read_record(next_one)])
    [risk] = model.score(table, expected).risk.tolist()
    assert answer["risk"] == risk


def test_after_kills_while_events_are_deleted_the_history_equals_that_of_an_uninterrupted_worker(
    tmp_path: Path, bundle: Path, url: str
) -> None:
    models = tmp_path / "models"
    ModelStore(models).install(bundle)
    database = Database(url)
    database.migrate()
    keep_deleted(database)
    # Save a checkpoint first: without one, such a short replay would lose the shipments before a kill.
    until_checkpoint(models, url, "first")
    short_replay = {"TIDEWAITER_HISTORY_REPLAY_DAYS": "1e-9"}
    until_checkpoint(models, url, "second", **short_replay)
    kill_at_random(models, url, kills=2, seed=20261128, **short_replay)
    model = load(bundle)
    live, _ = restore(database, sealer_of(models), model.history, Bounds(30.0, time.time_ns() // 1000))
    with database.write() as connection:
        columns = [column.name for column in HistoryEvent.__table__.columns if column.name != "position"]
        names = ", ".join(columns)
        deleted = connection.exec_driver_sql(f"INSERT INTO history_events ({names}) SELECT {names} FROM deleted_events")
        assert deleted.rowcount > 0
    expected = uninterrupted(database, model.history)
    database.close()
    assert differences(live.copy(), expected) == []


def keep_deleted(database: Database) -> None:
    """Make the database copy deleted events to another table."""
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE deleted_events AS SELECT * FROM history_events")
        if database.is_sqlite:
            keep = "BEGIN INSERT INTO deleted_events SELECT OLD.*; END"
            columns = ", ".join(f"OLD.{column.name}" for column in HistoryEvent.__table__.columns)
            keep = keep.replace("OLD.*", columns)
            connection.exec_driver_sql(f"CREATE TRIGGER keeping AFTER DELETE ON history_events {keep}")
        else:
            connection.exec_driver_sql(
                "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN INSERT INTO deleted_events SELECT OLD.*; RETURN NULL; END $$"
            )
            connection.exec_driver_sql(
                "CREATE TRIGGER keeping AFTER DELETE ON history_events FOR EACH ROW EXECUTE FUNCTION keep()"
            )


def until_checkpoint(models: Path, url: str, name: str, **settings: str) -> None:
    """Run a server until it has saved a checkpoint of repeated shipments."""
    with server(models, url, **settings) as running:
        records = [shipment(shipment_id=f"{name}-{number}") for number in range(20)]
        for _ in range(2):
            answer = httpx.post(f"{running.url}/v1/score/batch", json={"shipments": records}, timeout=30)
            assert answer.status_code == 200
        deadline = time.monotonic() + 60
        wanted = "history_events_pruned" if settings else "history_saved"
        while not running.logged(f'"event": "{wanted}"'):
            assert time.monotonic() < deadline
            time.sleep(0.05)
