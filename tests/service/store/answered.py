"""Check that each answered decision is stored once, although the server is killed repeatedly under load.

``python -m tests.service.store.answered BUNDLE FOLDER KILLS [SEED]`` does so with SQLite. Its exit status is 1 if a decision is
lost or stored twice, or if the audit chain is broken.
"""

from __future__ import annotations

import contextlib
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
from sqlalchemy import select

from models.bundle import ModelStore
from service.core.database import audit
from service.core.database.engine import Database
from service.core.database.tables import AuditEntry
from service.scoring.tables import Decision
from tests.service.store.kills import record, server

_CLIENTS: Final = 4
#: Maximum number of answers before a kill: enough for kills during commits, few enough for many kills.
_MOST_ANSWERS: Final = 200
_PATIENCE: Final = 60.0


@dataclass
class Answered:
    """Ids of the decisions that clients received, and the number of refused requests."""

    ids: list[str] = field(default_factory=list)
    refused: int = 0


class Load:
    """Clients that score distinct shipments until they are stopped or lose their connection."""

    def __init__(self, address: str, numbers: Iterator[int], seed: int, answered: Answered) -> None:
        self._address, self._numbers, self._answered = address, numbers, answered
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(seed + k,)) for k in range(_CLIENTS)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def until(self, more: int) -> None:
        """Wait until clients have received ``more`` further answers."""
        wanted = len(self._answered.ids) + more
        deadline = time.monotonic() + _PATIENCE
        while len(self._answered.ids) < wanted:
            assert time.monotonic() < deadline, f"{wanted - len(self._answered.ids)} answers are missing"
            self._stop.wait(0.001)

    def _send(self, seed: int) -> None:
        draw = random.Random(seed)
        with (
            httpx.Client(base_url=self._address, timeout=_PATIENCE) as client,
            contextlib.suppress(httpx.TransportError),
        ):
            while not self._stop.is_set():
                records = [record(draw, next(self._numbers)) for _ in range(draw.choice([1, 1, 1, 20]))]
                if len(records) == 1:
                    answer = client.post("/v1/score", json=records[0])
                    results = [answer.json()]
                else:
                    answer = client.post("/v1/score/batch", json={"shipments": records})
                    results = answer.json().get("results", [])
                if answer.status_code == 503:
                    self._answered.refused += 1
                    self._stop.wait(0.05)
                    continue
                assert answer.status_code == 200, answer.text
                self._answered.ids.extend(result["decision_id"] for result in results)


def kill_under_load(models: Path, url: str, kills: int, seed: int) -> Answered:
    """Start a server, put it under load, and kill it at a random moment. Repeat this ``kills`` times."""
    draw = random.Random(seed)
    answered = Answered()
    numbers = iter(range(10**9))
    for kill in range(kills):
        with server(models, url) as running, Load(running.url, numbers, 1_000 * kill, answered) as load:
            load.until(draw.randrange(1, _MOST_ANSWERS))
            # Without the wait, all kills would come just after an answer.
            threading.Event().wait(draw.random() * 0.02)
            running.process.kill()
            running.process.wait()
    return answered


def problems(url: str, answered: Answered) -> list[str]:
    """Return the faults of the database: answers that are not stored once, and a broken audit chain."""
    database = Database(url)
    with database.read() as connection:
        stored = Counter(connection.execute(select(Decision.id)).scalars())
        entries = list(connection.execute(select(AuditEntry.__table__).order_by(AuditEntry.number)))
    database.close()
    found = [f"decision {one} is stored {stored[one]} times" for one in answered.ids if stored[one] != 1]
    found += [f"decision {one} was answered {count} times" for one, count in Counter(answered.ids).items() if count > 1]
    previous = audit.START
    for place, entry in enumerate(entries, 1):
        content = (entry.number, entry.at, entry.kind, entry.subject, entry.actor, bytes(entry.facts), previous)
        if (
            entry.number != place
            or bytes(entry.previous) != previous
            or bytes(entry.digest) != audit.digest_of(*content)
        ):
            found.append(f"the audit chain is broken at entry {place}")
            break
        previous = bytes(entry.digest)
    recorded = Counter(entry.subject for entry in entries if entry.kind == "decision")
    if recorded != stored:
        found.append("the audit chain does not record the decisions that are stored")
    return found


def main(bundle: Path, folder: Path, kills: int, seed: int) -> int:
    """Run `kill_under_load`, check the database, and print the result. Return the exit status."""
    folder.mkdir(parents=True, exist_ok=True)
    models, url = folder / "models", f"sqlite:///{folder / 'answered.db'}"
    ModelStore(models).install(bundle)
    answered = kill_under_load(models, url, kills, seed)
    found = problems(url, answered)
    sys.stdout.write(
        f"{kills} kills, {len(answered.ids)} decisions answered; {'; '.join(found[:5]) or 'all stored once'}\n"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]) if len(sys.argv) > 4 else 1))
