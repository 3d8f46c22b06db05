"""Kill a server repeatedly while it scores, and compare its history with that of an uninterrupted worker.

``python -m tests.service.store.kills BUNDLE FOLDER KILLS [SEED]`` prints the results of the restarts. Its exit status is 1 if the
histories differ.
"""

from __future__ import annotations

import contextlib
import random
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
import orjson

from features.groups.history.history import History
from features.manifest.records import read_record
from features.table.table import ManifestTable
from models.bundle import ModelStore, load
from models.lanes import LANE_NAMES
from service.core.database.engine import Database
from service.history import key as history_key
from service.history import log as history_log
from service.history.key import Sealer
from service.history.replay import Bounds, keys_of_entries, restore
from tests.service.served import Served, served

_CLIENTS: Final = 3


@dataclass
class Report:
    """Counts: answers before each kill, restarts from a checkpoint, and shipments that each restart replayed."""

    answered: list[int] = field(default_factory=list)
    checkpoints: int = 0
    replayed: list[int] = field(default_factory=list)


def record(draw: random.Random, number: int) -> dict[str, Any]:
    """Return a shipment between few parties. It declares a time, so that its keys do not depend on the time of receipt."""
    return {
        "shipment_id": f"K{number}",
        "channel": "express",
        "declared_at": f"2026-05-{draw.randrange(1, 28):02d}T0{draw.randrange(9)}:30:00Z",
        "export_country": "CN",
        "currency": "USD",
        "gross_mass_kg": draw.randrange(1, 30),
        "consignor": {
            "name": f"Sender {draw.randrange(40)}",
            "country": "CN",
            "phone": f"+86 555 {draw.randrange(60)}",
        },
        "consignee": {
            "name": f"Receiver {draw.randrange(90)}",
            "postcode": f"9{draw.randrange(200):04d}",
            "country": "US",
        },
        "items": [{"goods_description": "phone case", "hs_code": "392690", "customs_value": draw.randrange(5, 90)}],
    }


@contextlib.contextmanager
def server(models: Path, url: str, **further: str) -> Iterator[Served]:
    """Run a server that saves checkpoints as often as allowed, and kill it at the end of the context."""
    settings = {
        "TIDEWAITER_STORE": "on",
        "TIDEWAITER_DATABASE_URL": url,
        "TIDEWAITER_HISTORY_CHECKPOINT_SECONDS": "1",
        "TIDEWAITER_OPSIN": "false",
        "TIDEWAITER_HISTORY_KEY_FILE": str(_key_file(models)),
        **further,
    }
    with served(models, settings=settings) as running:
        try:
            yield running
        finally:
            running.process.kill()


def sealer_of(models: Path) -> Sealer:
    """Return the sealer for the checkpoints of the servers with a folder of models."""
    return Sealer(history_key.read(_key_file(models)))


def _key_file(models: Path) -> Path:
    return models.with_name("history-key")


def kill_at_random(models: Path, url: str, kills: int, seed: int, **settings: str) -> Report:
    """Start a server, send shipments from several clients, and kill it at a random moment. Repeat this ``kills`` times."""
    draw = random.Random(seed)
    report = Report()
    numbers = iter(range(10**9))
    for _ in range(kills):
        with server(models, url, **settings) as running:
            stop = threading.Event()
            answered: list[int] = []
            clients = [
                threading.Thread(target=_send, args=(running.url, draw.random(), numbers, stop, answered))
                for _ in range(_CLIENTS)
            ]
            for client in clients:
                client.start()
            # Choose the moment by the number of answers, so that the server is at work, in some cases after the first checkpoint.
            wanted = draw.randrange(1, 900)
            deadline = time.monotonic() + 60
            while len(answered) < wanted and time.monotonic() < deadline:
                stop.wait(0.001)
            running.process.kill()
            running.process.wait()
            stop.set()
            for client in clients:
                client.join()
        report.answered.append(len(answered))
        found = [event for event in running.events if event.get("event") == "history_replayed"]
        report.checkpoints += found[0]["checkpoint"] is not None
        report.replayed.append(found[0]["replayed"])
    return report


def _send(address: str, seed: float, numbers: Iterator[int], stop: threading.Event, answered: list[int]) -> None:
    draw = random.Random(seed)
    with httpx.Client(base_url=address, timeout=30) as client, contextlib.suppress(httpx.TransportError):
        while not stop.is_set():
            records = [record(draw, next(numbers)) for _ in range(draw.choice([1, 1, 1, 20]))]
            if draw.random() < 0.1:
                # Repeat a shipment, which gets the first decision again.
                records.append(records[0])
            if len(records) == 1:
                answer = client.post("/v1/score", json=records[0])
            else:
                answer = client.post("/v1/score/batch", json={"shipments": records})
            assert answer.status_code == 200, answer.text
            answered.extend([1] * len(records))


def uninterrupted(database: Database, snapshot: History) -> History:
    """Return the history of a worker that counts the stored shipments one by one, without checkpoints or pages."""
    history = snapshot.copy()
    for page in history_log.pages(database, Sealer(None), after=-1, since=None, size=10**9):
        assert not page.blocks
        for entry in page.entries:
            assert entry.manifest is not None
            history.advance(ManifestTable.from_records([read_record(orjson.loads(entry.manifest))]))
            if entry.lane is not None:
                _, _, content = keys_of_entries([entry])
                lane = np.array([LANE_NAMES.index(entry.lane)], dtype=np.int8)
                history.declarations.replay(np.ascontiguousarray(content), lane, np.array([entry.order]))
    return history


def differences(one: History, other: History) -> list[str]:
    """Return the names of the arrays that differ."""
    first, second = one.to_full_arrays(), other.to_full_arrays()
    return [
        name
        for name in sorted(first.keys() | second.keys())
        if not np.array_equal(first[name], second[name], equal_nan=first[name].dtype.kind == "f")
    ]


def main(bundle: Path, folder: Path, kills: int, seed: int) -> int:
    """Run `kill_at_random`, compare the histories, and print the result. Return the exit status."""
    folder.mkdir(parents=True, exist_ok=True)
    models, url = folder / "models", f"sqlite:///{folder / 'kills.db'}"
    ModelStore(models).install(bundle)
    report = kill_at_random(models, url, kills, seed)
    database = Database(url)
    snapshot = load(bundle).history
    live, _ = restore(database, sealer_of(models), snapshot, Bounds(30.0, time.time_ns() // 1000))
    different = differences(live.copy(), uninterrupted(database, snapshot))
    sys.stdout.write(
        f"{kills} kills, {sum(report.answered)} shipments answered, {report.checkpoints} restarts from a checkpoint, "
        f"replayed per restart {min(report.replayed)} to {max(report.replayed)}, {live.copy().sequence} counted; "
        f"arrays that differ: {', '.join(different) or 'none'}\n"
    )
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]) if len(sys.argv) > 4 else 1))
