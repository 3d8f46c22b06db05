"""The database goes away and comes back: PostgreSQL stops, another process locks SQLite, a disk is full."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import event, func, select

from models.bundle import ModelStore
from models.scoring import ScoreSettings
from service.app import create_app
from service.core.database.engine import Database
from service.core.database.tables import AuditEntry
from service.core.errors import DatabaseAway
from service.core.settings import Settings
from service.decisions import repository as decisions
from service.decisions.journal import Journal
from service.decisions.store import Store
from service.lists import matching as topics
from service.lists import repository as lists
from service.lists.current import WARNING, CurrentLists
from service.scoring.decision import Stored
from service.scoring.tables import Decision
from tests.service.api_client import Client, serving
from tests.service.conftest import shipment
from tests.service.store.engines import Cluster, cluster, new_database
from tests.service.store.test_journal import decision

Apps = Callable[..., Any]
#: Members of the state of a store whose database answered at the start.
READY = {"lists": "read", "history": "complete"}


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    """A PostgreSQL server that these tests stop."""
    with cluster() as started:
        yield started


@pytest.fixture
def postgres(server: Cluster) -> str:
    return new_database(server.url)


@pytest.fixture
def app_of(tmp_path: Path, bundle: Path) -> Apps:
    models = tmp_path / "models"
    ModelStore(models).install(bundle)

    def app_of(url: str, away: str) -> Any:
        return create_app(
            Settings(
                models_dir=models,
                keeps_decisions=True,
                database_url=SecretStr(url),
                database_away=away,
                journal_dir=tmp_path / "journal",
            )
        )

    return app_of


@contextmanager
def stopped(server: Cluster) -> Iterator[None]:
    server.stop()
    try:
        yield
    finally:
        server.start()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the write lock of a SQLite database, as another process would."""
    database = Database(f"sqlite:///{path}")
    with database.write():
        yield
    database.close()


def stored(url: str) -> list[str]:
    database = Database(url)
    with database.read() as connection:
        ids = list(connection.execute(select(Decision.id).order_by(Decision.position)).scalars())
        of_decisions = select(AuditEntry.subject).where(AuditEntry.kind == "decision").order_by(AuditEntry.number)
        entries = list(connection.execute(of_decisions).scalars())
    database.close()
    assert entries == ids
    return ids


def until_delivered(client: Client) -> None:
    """Wait for the thread that delivers; fail after a minute."""
    store = client.state.store
    assert store is not None
    pause = threading.Event()
    for _ in range(600):
        if not store.waiting:
            return
        pause.wait(0.1)
    pytest.fail("nothing was delivered")


def test_without_a_journal_shipments_are_refused_until_the_database_is_back(
    server: Cluster, postgres: str, app_of: Apps
) -> None:
    with serving(app_of(postgres, "refuse")) as client:
        first = client.post("/v1/score", json=shipment(shipment_id="A"))
        with stopped(server):
            for path, body in (
                ("/v1/score", shipment(shipment_id="B")),
                ("/v1/score/batch", {"shipments": [shipment(shipment_id="B")]}),
            ):
                refused = client.post(path, json=body)
                assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
                assert refused.json()["type"] == "urn:tidewaiter:problem:database-away"
            assert client.get("/v1/decisions").status_code == 503
            assert client.get("/readyz").status_code == 503
        again = client.post("/v1/score", json=shipment(shipment_id="B"))
        assert again.status_code == 200
        assert client.get("/readyz").json()["store"] == {
            "database": "answers",
            "waiting": 0,
            "lists": "read",
            "history": "complete",
        }
        assert stored(postgres) == [answer.json()["decision_id"] for answer in (first, again)]


def test_with_a_journal_shipments_are_answered_and_delivered_once(server: Cluster, postgres: str, app_of: Apps) -> None:
    with serving(app_of(postgres, "journal")) as client:
        ids = [client.post("/v1/score", json=shipment(shipment_id="A")).json()["decision_id"]]
        with stopped(server):
            for name in ("B", "C", "A"):
                answer = client.post("/v1/score", json=shipment(shipment_id=name, gross_mass_kg=3))
                assert answer.status_code == 200
                ids.append(answer.json()["decision_id"])
            repeated = client.post("/v1/score", json=shipment(shipment_id="C", gross_mass_kg=3))
            assert repeated.json()["decision_id"] == ids[2]
            assert client.get("/readyz").json()["store"] == {
                "database": "away",
                "waiting": 3,
                "lists": "read",
                "history": "complete",
            }
            assert "tidewaiter_journal_waiting 3.0" in client.get("/metrics").text
            assert "tidewaiter_decisions_journaled_total 3.0" in client.get("/metrics").text
        until_delivered(client)
        ids.append(client.post("/v1/score", json=shipment(shipment_id="D")).json()["decision_id"])
        assert stored(postgres) == ids
        assert "tidewaiter_decisions_delivered_total 3.0" in client.get("/metrics").text
        assert client.get(f"/v1/decisions/{ids[3]}").json()["earlier_id"] == ids[0]


def test_the_service_starts_while_the_database_is_away(server: Cluster, postgres: str, app_of: Apps) -> None:
    with stopped(server):
        with serving(app_of(postgres, "journal")) as client:
            first = client.post("/v1/score", json=shipment(shipment_id="A")).json()["decision_id"]
        with serving(app_of(postgres, "journal")) as client:
            second = client.post("/v1/score", json=shipment(shipment_id="B")).json()["decision_id"]
    with serving(app_of(postgres, "journal")):
        assert stored(postgres) == [first, second]


def test_the_history_is_restored_when_the_database_is_back(
    server: Cluster, postgres: str, app_of: Apps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.history.durable.EVERY", 0.05)
    with serving(app_of(postgres, "journal")) as client:
        client.post("/v1/score", json=shipment(shipment_id="A"))
    with ExitStack() as stack:
        away = stack.enter_context(ExitStack())
        away.enter_context(stopped(server))
        client = stack.enter_context(serving(app_of(postgres, "journal")))
        client.post("/v1/score", json=shipment(shipment_id="B"))
        assert client.get("/readyz").json()["store"]["history"] == "incomplete"
        assert sequence(client) == 1
        away.close()
        until_restored(client)
        assert sequence(client) == 2
        assert client.get("/readyz").json()["store"] == READY | {"database": "answers", "waiting": 0}
        assert client.get("/v1/model").json()["history"] == "restored"


def sequence(client: Client) -> int:
    """Return the number of shipments that the live history has counted beyond the snapshot of its model."""
    served = client.state.host.served
    return int(served.history.copy().sequence - served.model.history.sequence)


def until_restored(client: Client) -> None:
    """Wait for the thread that restores the history; fail after a minute."""
    pause = threading.Event()
    for _ in range(600):
        if client.state.host.served.history.is_complete:
            return
        pause.wait(0.1)
    pytest.fail("the history was not restored")


def test_a_service_without_a_journal_delivers_what_an_earlier_one_journaled(
    url: str, app_of: Apps, tmp_path: Path
) -> None:
    earlier = Journal(tmp_path / "journal")
    earlier.open()
    earlier.append([decision(1), decision(2)])
    earlier.close()
    with serving(app_of(url, "refuse")) as client:
        assert stored(url) == ["d1", "d2"]
        assert list((tmp_path / "journal").iterdir()) == []
        assert "tidewaiter_decisions_delivered_total 2.0" in client.get("/metrics").text
        assert client.post("/v1/score", json=shipment(shipment_id="A")).json()["decision_id"] == stored(url)[2]


def test_a_service_without_a_journal_makes_no_folder_for_one(tmp_path: Path, app_of: Apps) -> None:
    with serving(app_of(f"sqlite:///{tmp_path / 'store.db'}", "refuse")):
        assert not (tmp_path / "journal").exists()


def warned(answer: dict[str, Any]) -> bool:
    return {"field": WARNING.field, "problem": WARNING.problem} in answer["warnings"]


def test_answers_have_a_warning_until_the_lists_are_read(server: Cluster, postgres: str, app_of: Apps) -> None:
    sent = shipment(shipment_id="A", consignor={"name": "Watched Trading", "country": "CN"})
    entry = {"list": "office", "kind": "name", "text": "Watched Trading", "lane": "red", "reason": "Order 1"}
    with serving(app_of(postgres, "journal")) as client:
        assert client.post("/v1/watch-lists", json=entry).status_code == 201
        client.state.lists.refresh()
        known = client.post("/v1/score", json=sent | {"shipment_id": "B"}).json()
        assert (known["selected_by"], warned(known)) == ("watch_list", False)
        with stopped(server):
            # Lists that were read stay in force.
            with_lists = client.post("/v1/score", json=sent | {"shipment_id": "C"}).json()
            assert (with_lists["selected_by"], warned(with_lists)) == ("watch_list", False)
    with ExitStack() as stack:
        away = stack.enter_context(ExitStack())
        away.enter_context(stopped(server))
        client = stack.enter_context(serving(app_of(postgres, "journal")))
        assert client.get("/readyz").json()["store"]["lists"] == "unread"
        single = client.post("/v1/score", json=sent).json()
        batch = client.post("/v1/score/batch", json={"shipments": [sent | {"shipment_id": "D"}]}).json()
        assert [warned(answer) for answer in (single, *batch["results"])] == [True, True]
        assert single["selected_by"] != "watch_list"
        table = "shipment_id,goods_description\nE,phone case\nE,charger\n"
        answer = client.post("/v1/score/csv", content=table, headers={"Content-Type": "text/csv"})
        assert answer.text.count(f"{WARNING.field}: {WARNING.problem}") == 2
        away.close()
        until_delivered(client)
        until_read(client)
        again = client.post("/v1/score", json=sent).json()
        assert (again["selected_by"], warned(again)) == ("watch_list", False)
        assert again["decision_id"] != single["decision_id"]
        assert client.get("/readyz").json()["store"]["lists"] == "read"


def until_read(client: Client) -> None:
    """Wait for the thread that reads the lists; fail after a minute."""
    pause = threading.Event()
    for _ in range(600):
        if client.state.lists.are_read:
            return
        pause.wait(0.1)
    pytest.fail("the lists were not read")


def test_without_a_journal_the_service_does_not_start_without_its_lists(
    server: Cluster, postgres: str, app_of: Apps, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: object) -> None:
        raise DatabaseAway("it went away a moment ago")

    monkeypatch.setattr("service.lists.repository.revisions", away)
    with pytest.raises(DatabaseAway), serving(app_of(postgres, "refuse")):
        pass


def test_a_suppression_can_expire_while_the_database_is_away(
    server: Cluster, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = 1_800_000_000_000_000
    monkeypatch.setattr("service.lists.current.now_us", lambda: at)
    database = Database(postgres)
    database.migrate()
    suppression = {"rule_id": "one", "consignor": "", "reason": "Known", "list_name": "", "entry_id": ""}
    lists.add(database, topics.SUPPRESSIONS, [suppression | {"expires_at": at + 1}], None)
    current = CurrentLists(ScoreSettings(), database)
    current.refresh()
    known = current.settings.lists
    assert known is not None
    assert known.suppression("one", "Sender") is not None
    with stopped(server):
        at += 2
        with pytest.raises(DatabaseAway):
            current.refresh()
        assert current.settings.lists is None
    database.close()


def test_without_a_journal_the_service_does_not_start_while_the_database_is_away(
    server: Cluster, postgres: str, app_of: Apps
) -> None:
    with stopped(server), pytest.raises(DatabaseAway), serving(app_of(postgres, "refuse")):
        pass


def test_a_locked_sqlite_is_away(tmp_path: Path, app_of: Apps) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    with serving(app_of(url, "journal")) as client:
        with locked(tmp_path / "store.db"):
            answer = client.post("/v1/score", json=shipment())
            assert answer.status_code == 200
            assert client.state.store is not None
            assert client.state.store.waiting == 1
        until_delivered(client)
        assert stored(url) == [answer.json()["decision_id"]]


def test_a_full_sqlite_is_away(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'store.db'}")
    store.start()
    with store.database.read() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    # The limit applies to one connection. From here on the only one is that of the writer.
    store.database.engine.pool.dispose()
    event.listen(store.database.engine, "connect", lambda one, _: one.execute(f"PRAGMA max_page_count={pages}"))
    # Random digits, because stored texts are packed.
    large = decision(1, answer=b'"' + Random(1).randbytes(1_000_000).hex().encode() + b'"')
    with pytest.raises(DatabaseAway, match="full"):
        store.decide([large]).result()
    store.close()


def test_decisions_are_refused_if_the_journal_cannot_be_written_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store.db"
    store = Store(f"sqlite:///{path}", journal=tmp_path / "journal")
    store.start()
    with monkeypatch.context() as full, locked(path):
        full.setattr("os.fdatasync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(DatabaseAway, match="the journal cannot be written either"):
            store.decide([decision(1)]).result()
    assert store.decide([decision(1)]).result()[0].id == "d1"
    store.close()


def test_a_repeated_delivery_stores_nothing_twice(database: Database) -> None:
    for _ in range(2):
        with database.write() as connection:
            decisions.record(connection, [decision(1), decision(2, what_if=True)], 0, sent=True)
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(Decision)).scalar() == 2
        assert connection.execute(select(func.count()).select_from(AuditEntry)).scalar() == 2


def test_a_commit_whose_answer_was_lost_is_not_repeated(database: Database) -> None:
    def record(*, retried: bool) -> list[Stored]:
        with database.write() as connection:
            some = [decision(1), decision(2, what_if=True)]
            return decisions.record(connection, some, 0, retried=retried)

    record(retried=False)
    assert [(one.id, one.repeated) for one in record(retried=True)] == [("d1", True), ("d2", True)]
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(Decision)).scalar() == 2


#: Values that PostgreSQL refuses: a NUL character, and a text in an index that it cannot compress to 2,704 bytes.
REFUSED = ({"channel": "\0"}, {"shipment_id": "".join(map(chr, range(0x4E00, 0x9000)))})


@pytest.mark.parametrize("changes", REFUSED, ids=["character", "long"])
def test_a_decision_that_the_database_refuses_does_not_block_others(
    tmp_path: Path, server: Cluster, postgres: str, changes: dict[str, Any]
) -> None:
    with stopped(server):
        store = Store(postgres, journal=tmp_path / "journal")
        store.start()
        store.decide([decision(1), decision(2, **changes), decision(3)]).result()
        store.close()
    store = Store(postgres, journal=tmp_path / "journal")
    store.start()
    store.close()
    assert stored(postgres) == ["d1", "d3"]
    assert b'"d2"' in (tmp_path / "journal" / "set-aside").read_bytes()
