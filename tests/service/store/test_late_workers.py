"""Two workers of a server start while the database is away, and restore their histories when it is back."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from sqlalchemy import select

from models.bundle import ModelStore, load
from service.audit.proof import prove
from service.core.database.engine import Database
from service.scoring.tables import Decision
from tests.service.conftest import shipment
from tests.service.served import Served, served
from tests.service.store.engines import Cluster, cluster, new_database

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]

_WORKERS: Final = 2
#: Requests at the same time, each over a separate connection, so that both workers get some.
_AT_ONCE: Final = 8
#: Values of shipments before the restart, and of later ones, which share no party, trade lane or city with them.
_BEFORE: Final = {"export_country": "CN", "consignor": {"name": "Sender of before", "country": "CN"}}
_LATER: Final = {
    "export_country": "IN",
    "consignor": {"name": "Sender of later", "country": "IN"},
    "consignee": {"name": "Receiver of later", "city": "Halifax", "country": "CA"},
}


@pytest.fixture
def server() -> Iterator[Cluster]:
    with cluster() as started:
        yield started


def post_all(running: Served, records: Iterable[dict[str, Any]], query: str = "") -> list[dict[str, Any]]:
    """Send shipments, `_AT_ONCE` at the same time, and return the answers."""

    def post(record: dict[str, Any]) -> dict[str, Any]:
        response = httpx.post(f"{running.url}/v1/score{query}", json=record, timeout=60)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return list(threads.map(post, records))


def until(met: Callable[[], bool], message: str) -> None:
    pause = threading.Event()
    for _ in range(600):
        if met():
            return
        pause.wait(0.1)
    pytest.fail(message)


def test_two_workers_that_start_without_the_database_lose_nothing_and_restore_the_history(
    server: Cluster, tmp_path: Path, bundle: Path
) -> None:
    models, url, journal = tmp_path / "models", new_database(server.url), tmp_path / "journal"
    ModelStore(models).install(bundle)
    settings = {
        "TIDEWAITER_STORE": "on",
        "TIDEWAITER_DATABASE_URL": url,
        "TIDEWAITER_DATABASE_AWAY": "journal",
        "TIDEWAITER_JOURNAL_DIR": str(journal),
        "TIDEWAITER_OPSIN": "false",
    }
    numbers = count()

    def later(size: int) -> list[dict[str, Any]]:
        return [shipment(shipment_id=f"L{number}", **_LATER) for number, _ in zip(numbers, range(size), strict=False)]

    next_one = [shipment(shipment_id="next", **_BEFORE)] * (2 * _AT_ONCE)
    answers: list[dict[str, Any]] = []
    with served(models, settings=settings) as running:
        answers += post_all(running, [shipment(shipment_id=f"B{number}", **_BEFORE) for number in range(5)])
        [expected] = risks(running, next_one)
    with ExitStack() as stack:
        server.stop()
        away = stack.enter_context(ExitStack())
        away.callback(server.start)
        running = stack.enter_context(served(models, workers=_WORKERS, settings=settings))
        assert risks(running, next_one) != {expected}

        def both_have_decided() -> bool:
            answers.extend(post_all(running, later(_AT_ONCE)))
            return len(filled(journal)) == _WORKERS

        until(both_have_decided, "only one worker gets requests")
        away.close()
        until(lambda: len(running.logged('"history_restored_late"')) == _WORKERS, "a history was not restored")
        answers += post_all(running, later(2 * _AT_ONCE))
        assert risks(running, next_one) == {expected}
        assert readiness(running) == {("answers", "complete", 0)}
        until(lambda: not filled(journal), "the journal was not delivered")
    with closing(Database(url)) as database:
        with database.read() as connection:
            what_if = Decision.what_if.is_(False)
            stored = Counter(connection.execute(select(Decision.id).where(what_if)).scalars())
        assert stored == Counter(answer["decision_id"] for answer in answers)
        assert prove(database).fault is None
    with served(models, settings=settings) as running:
        [replayed] = [event for event in running.events if event.get("event") == "history_replayed"]
        assert replayed["shipments"] == load(bundle).history.sequence + len(answers)
        assert risks(running, next_one) == {expected}


def risks(running: Served, records: list[dict[str, Any]]) -> set[float]:
    """Return the risks of what-if requests."""
    return {answer["risk"] for answer in post_all(running, records, "?update_history=false")}


def filled(journal: Path) -> list[Path]:
    """Return the journal files that contain decisions. Each worker has its own."""
    return [path for path in journal.iterdir() if path.stat().st_size] if journal.exists() else []


def readiness(running: Served) -> set[tuple[str, str, int]]:
    """Return the different states of the store that the workers report."""
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        responses = threads.map(lambda _: httpx.get(f"{running.url}/readyz", timeout=60), range(2 * _AT_ONCE))
        stores = [answer.json()["store"] for answer in responses]
    return {(store["database"], store["history"], store["waiting"]) for store in stores}
