"""The durable history: after a restart the state equals that of one uninterrupted worker, bit for bit."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from pydantic import SecretStr
from sqlalchemy import delete, insert, select, update

from features.groups.history.history import History
from features.groups.history.keys import seconds_of
from features.groups.history.state import CONTACTS, INSPECTED, FirstColumn, KeyRow
from models.bundle import ModelStore
from service.app import create_app
from service.core.database.engine import Database
from service.core.errors import DatabaseAway
from service.core.settings import Settings
from service.history import durable as durable_module
from service.history import learning
from service.history import log as history_log
from service.history.durable import DurableHistory, DurableSettings, durable_history
from service.history.log import Entry
from service.history.replay import keys_of_entries, replayed
from service.history.tables import CheckpointPart, HistoryCheckpoint, HistoryEvent
from service.scoring.live_history import LiveHistory
from service.scoring.tables import Decision
from tests.service.api_client import Client, serving
from tests.service.conftest import shipment

DAY = learning.DAY


@pytest.fixture
def served(tmp_path: Path, bundle: Path, url: str) -> Callable[..., Any]:
    """Return a context manager that starts a service on the test's database."""
    models = tmp_path / "models"
    ModelStore(models).install(bundle)

    @contextmanager
    def start(**settings: Any) -> Iterator[Client]:
        options = {"history_checkpoint_seconds": 86_400.0, **settings}
        made = Settings(models_dir=models, keeps_decisions=True, database_url=SecretStr(url), **options)
        with serving(create_app(made), raise_app_exceptions=False) as client:
            yield client

    return start


def state_of(history: History) -> dict[str, Any]:
    return history.to_full_arrays()


def live_of(client: Client) -> History:
    return client.state.host.served.history.copy()


def assert_equal(one: History, other: History) -> None:
    first, second = state_of(one), state_of(other)
    assert first.keys() == second.keys()
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name], err_msg=name, strict=True)


def shipments(seed: int, count: int) -> list[dict[str, Any]]:
    """Return invented shipments between few parties, some of them red, repeated, late, without a time, or far from the present."""
    draw = random.Random(seed)
    made: list[dict[str, Any]] = []
    for number in range(count):
        if made and draw.random() < 0.15:
            made.append(draw.choice(made))
            continue
        changes: dict[str, Any] = {
            "shipment_id": f"S{seed}-{number}",
            "consignor": {
                "name": f"Sender {draw.randrange(5)}",
                "country": "CN",
                "phone": f"+86 555 {draw.randrange(9)}",
            },
            "consignee": {
                "name": f"Receiver {draw.randrange(9)}",
                "postcode": f"9001{draw.randrange(4)}",
                "country": "US",
            },
            "declared_at": draw.choice(
                [f"2026-05-{draw.randrange(1, 28):02d}T0{draw.randrange(9)}:30:00Z", None, "2199-01-01", "1980-01-01"]
            ),
            "gross_mass_kg": draw.choice([1.25, "2,5", 7, None]),
            "items": [{"goods_description": draw.choice(["phone case", "fentanyl powder"])}],
        }
        made.append(shipment(**changes))
    return made


def send(client: Client, records: list[dict[str, Any]], seed: int = 0) -> None:
    """Send records one by one and in batches, and some again as what-if."""
    draw = random.Random(seed)
    start = 0
    while start < len(records):
        size = draw.choice([1, 1, 2, 5])
        some = records[start : start + size]
        if size == 1:
            assert client.post("/v1/score", json=some[0]).status_code == 200
        else:
            assert client.post("/v1/score/batch", json={"shipments": some}).status_code == 200
        client.post("/v1/score?update_history=false", json=some[0])
        start += size


def test_a_replay_from_the_beginning_equals_the_uninterrupted_worker(served: Callable[..., Any]) -> None:
    records = shipments(1, 60)
    with killed(), served() as client:
        send(client, records)
        before = live_of(client)
        expected = client.post("/v1/score?update_history=false&explain=all", json=records[0]).json()
    with served() as client:
        assert_equal(live_of(client), before)
        assert client.get("/v1/model").json()["history"] == "restored"
        again = client.post("/v1/score?update_history=false&explain=all", json=records[0]).json()
    for answer in (expected, again):
        del answer["decision_id"]
    assert again == expected


def test_an_earlier_file_fills_the_history_once(
    served: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start after a kill replays the file and the log; a start with a checkpoint does not read the file."""
    earlier = tmp_path / "earlier.jsonl"
    earlier.write_bytes(b"\n".join(orjson.dumps(one) for one in shipments(4, 30)))
    records = shipments(1, 20)
    with killed(), served(history_file=earlier) as client:
        begun = live_of(client)
        assert begun.sequence > 0
        send(client, records)
        before = live_of(client)
        assert before.sequence > begun.sequence
    with served(history_file=earlier) as client:
        assert_equal(live_of(client), before)
        send(client, shipments(2, 1))
        before = live_of(client)
    earlier.unlink()
    with served(history_file=earlier) as client:
        assert_equal(live_of(client), before)


@contextmanager
def killed() -> Iterator[None]:
    """Make services end as if they were killed, without a last checkpoint. Only keepers of the tests read the log."""

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(DurableHistory, "_look_again", lambda self: None)
        patched.setattr(DurableHistory, "_finish", lambda self: None)
        yield


def keeper_of(client: Client, database: Database, *, days: float = 30.0) -> DurableHistory:
    """Return a second keeper of the service's history, with the present state of the history as its base."""
    settings = replace(DurableSettings.of(client.state.settings), replay_days=days)
    keeper = DurableHistory(database, settings, lambda: client.state.host.served.history)
    keeper._live = client.state.host.served.history
    keeper._base = keeper._live.order
    return keeper


@pytest.mark.both_engines
def test_a_checkpoint_and_the_rest_of_the_log_equal_the_uninterrupted_worker(
    served: Callable[..., Any], database: Database
) -> None:
    records = shipments(2, 90)
    with killed(), served() as client:
        keeper = keeper_of(client, database)
        send(client, records[:40])
        assert keeper.checkpoint()
        send(client, records[40:])
        before = live_of(client)
        with database.write() as connection:
            # A replay of entries before the checkpoint would give other times.
            order = connection.execute(select(HistoryCheckpoint.history_order)).scalar_one()
            connection.execute(update(Decision).where(Decision.history_order <= order).values(declared_s=1_000_000_000))
    with served() as client:
        assert_equal(live_of(client), before)


@pytest.mark.both_engines
def test_a_checkpoint_remembers_a_declaration_that_got_its_lane_while_the_checkpoint_was_made(
    served: Callable[..., Any], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with killed(), served() as client:
        keeper = keeper_of(client, database)
        judge = LiveHistory.judge

        def meanwhile(live: LiveHistory, *arguments: Any) -> Any:
            # The shipment is counted and has no lane yet. Its decision is not in the log, so the checkpoint has to wait.
            assert not keeper.checkpoint()
            monkeypatch.setattr(LiveHistory, "judge", judge)
            return judge(live, *arguments)

        monkeypatch.setattr(LiveHistory, "judge", meanwhile)
        send(client, [shipment(shipment_id="in flight")])
        assert keeper.checkpoint()
        before = live_of(client)
        assert len(before.declarations) > 0
    with served() as client:
        assert_equal(live_of(client), before)


def events(database: Database) -> list[tuple[str, int]]:
    with database.read() as connection:
        query = select(HistoryEvent.kind, HistoryEvent.history_order).order_by(HistoryEvent.history_order)
        return [(row.kind, row.history_order) for row in connection.execute(query)]


def orders_of_checkpoints(database: Database) -> list[int]:
    with database.read() as connection:
        return list(
            connection.execute(select(HistoryCheckpoint.history_order).order_by(HistoryCheckpoint.id)).scalars()
        )


@pytest.mark.both_engines
@pytest.mark.parametrize("damaged", [0, pytest.param(1, marks=pytest.mark.long)])
def test_events_that_no_restart_needs_are_deleted_without_an_effect_on_restarts(
    served: Callable[..., Any], database: Database, monkeypatch: pytest.MonkeyPatch, damaged: int
) -> None:
    monkeypatch.setattr("service.history.log._PRUNED_AT_ONCE", 2)
    records = [shipment(shipment_id=f"P{number}") for number in range(6)]
    with killed(), served() as client:
        keeper = keeper_of(client, database, days=1e-9)
        first = client.post("/v1/score", json=records[0]).json()["decision_id"]
        with database.write() as connection:
            lesson = {"history_order": 1, "kind": "learned", "decision_id": first, "find": False, "shipments": 0}
            connection.execute(insert(HistoryEvent), [lesson])
        for _ in range(3):
            # All but the first are repeats.
            for _ in range(2):
                assert client.post("/v1/score/batch", json={"shipments": records}).status_code == 200
            assert keeper.checkpoint()
        assert client.post("/v1/score/batch", json={"shipments": records}).status_code == 200
        before = live_of(client)
    older, newer = orders_of_checkpoints(database)
    left = events(database)
    assert left[0] == ("learned", 1)
    repeated = [order for kind, order in left if kind == "repeated"]
    assert min(repeated) >= older
    # Between the checkpoints and after the newer one.
    assert len([order for order in repeated if older < order <= newer]) == 2 * len(records)
    assert len([order for order in repeated if order > newer]) == len(records)
    with database.write() as connection:
        newest = select(HistoryCheckpoint.id).where(HistoryCheckpoint.history_order == newer)
        if damaged:
            connection.execute(delete(CheckpointPart).where(CheckpointPart.checkpoint_id.in_(newest)))
    with served() as client:
        assert_equal(live_of(client), before)


def test_events_within_the_days_of_a_replay_are_kept(served: Callable[..., Any], database: Database) -> None:
    with killed(), served() as client:
        keeper = keeper_of(client, database)
        records = [shipment(shipment_id=f"P{number}") for number in range(3)]
        for _ in range(4):
            assert client.post("/v1/score/batch", json={"shipments": records}).status_code == 200
            assert keeper.checkpoint()
    assert len(events(database)) == 3 * 3


def test_a_worker_whose_events_may_have_been_deleted_does_not_count_them(
    served: Callable[..., Any], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with killed(), served() as client:
        keeper = keeper_of(client, database, days=1e-9)
        client.post("/v1/score", json=shipment(shipment_id="A"))
        assert keeper.checkpoint()
        keeper._base = 1
        client.post("/v1/score", json=shipment(shipment_id="B"))
        monkeypatch.setattr(history_log, "count", lambda *_: pytest.fail("events after its base may have been deleted"))
        # The checkpoint of the other worker is recent, so this worker need not make one from the log.
        assert not keeper.checkpoint()


def test_restarts_at_any_place_do_not_change_the_state(
    served: Callable[..., Any], tmp_path: Path, bundle: Path
) -> None:
    records = shipments(3, 60)
    restarted = History.empty()
    for part in range(0, 60, 12):
        with served() as client:
            send(client, records[part : part + 12], seed=part)
            restarted = live_of(client)
    models = tmp_path / "uninterrupted"
    ModelStore(models).install(bundle)
    alone = Settings(models_dir=models, keeps_decisions=False)
    with serving(create_app(alone)) as client:
        for part in range(0, 60, 12):
            send(client, records[part : part + 12], seed=part)
        uninterrupted = live_of(client)
    first, second = state_of(restarted), state_of(uninterrupted)
    # Shipments without a declared time have other times of receipt in the second run.
    assert first["meta"][2] == second["meta"][2]
    assert {name: array.shape for name, array in first.items()} == {name: array.shape for name, array in second.items()}
    for name in ("consignor_keys", "pair_keys", "consignor_phone_keys", "recent_reference"):
        np.testing.assert_array_equal(first[name], second[name])


def test_a_repeated_shipment_does_not_count_twice_after_a_restart(
    served: Callable[..., Any], database: Database
) -> None:
    with served() as client:
        client.post("/v1/score", json=shipment(shipment_id="A"))
        counted = live_of(client).sequence
    with database.write() as connection:
        # Make the first decision older than a day, so that the repeat gets a new one.
        connection.execute(update(Decision).values(received_at=1))
    with served() as client:
        client.post("/v1/score", json=shipment(shipment_id="A"))
        assert live_of(client).sequence == counted


@contextmanager
def away_at_the_start() -> Iterator[list[DurableHistory]]:
    """Make services start without their log, and yield their keepers, which read the log only when a test calls `look`."""
    keepers = []

    def made(*arguments: Any) -> DurableHistory:
        keepers.append(durable_history(*arguments))
        return keepers[-1]

    def away(*_: object) -> None:
        raise DatabaseAway("it answers no query")

    with killed(), pytest.MonkeyPatch.context() as patched:
        patched.setattr("service.history.durable.durable_history", made)
        patched.setattr(durable_module, "restore", away)
        yield keepers


def test_a_history_that_is_restored_late_equals_that_of_a_restart(
    served: Callable[..., Any], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = shipments(12, 80)
    body = {"content": "fentanyl", "found_at": "2026-05-04T15:20:00Z", "by": "Officer 4711"}
    with killed(), served() as client:
        keeper = keeper_of(client, database)
        send(client, records[:20])
        decided = client.post("/v1/score", json=shipment(shipment_id="found")).json()["decision_id"]
        assert client.post(f"/v1/decisions/{decided}/outcome", json=body).status_code == 201
        _learn(client, keeper)
        assert keeper.checkpoint()
        send(client, records[20:30])
    learned = events(database)
    with away_at_the_start() as keepers, served() as client:
        live = client.state.host.served.history
        send(client, records[30:45])
        assert (live.is_complete, _finds(client)) == (False, 0)
        assert client.get("/v1/model").json()["history"] == "snapshot"
        # A shipment without a decision precedes shipments with decisions.
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(type(client.state.host.served.model), "score_rows", _failing)
            assert client.post("/v1/score", json=shipment(shipment_id="fails")).status_code == 500
        send(client, records[45:50])
        keepers[0].look()
        assert not live.is_complete
        send(client, records[50:60])

        def meanwhile(*arguments: Any, **options: Any) -> Any:
            done = replayed(*arguments, **options)
            send(client, records[60:70])
            return done

        monkeypatch.setattr(durable_module, "replayed", meanwhile)
        for _ in range(2 * durable_module._LOOKS):
            keepers[0].look()
        assert live.is_complete
        send(client, records[70:])
        assert client.get("/v1/model").json()["history"] == "restored"
        assert _finds(client) == 1
        assert [one for one in events(database) if one[0] == "learned"] == [
            one for one in learned if one[0] == "learned"
        ]
        before = live_of(client)
        assert keepers[0].checkpoint()
    with killed(), served() as client:
        assert_equal(live_of(client), before)
    with database.write() as connection:
        connection.execute(delete(CheckpointPart))
        connection.execute(delete(HistoryCheckpoint))
    with killed(), served() as client:
        assert_equal(live_of(client), before)


def test_a_damaged_checkpoint_is_refused_and_the_previous_one_is_used(
    served: Callable[..., Any], database: Database
) -> None:
    records = shipments(4, 30)
    with killed(), served() as client:
        keeper = keeper_of(client, database)
        send(client, records[:10])
        assert keeper.checkpoint()
        send(client, records[10:20])
        assert keeper.checkpoint()
        send(client, records[20:])
        before = live_of(client)
        with database.write() as connection:
            newest = (
                connection.execute(select(HistoryCheckpoint.id).order_by(HistoryCheckpoint.id.desc())).scalars().first()
            )
            connection.execute(
                update(CheckpointPart).where(CheckpointPart.checkpoint_id == newest).values(content=b"damaged")
            )
    with served() as client:
        assert_equal(live_of(client), before)


def test_a_sealed_checkpoint_needs_its_key(served: Callable[..., Any], database: Database) -> None:
    records = shipments(5, 20)
    with killed(), served(history_key=SecretStr("a")) as client:
        keeper = keeper_of(client, database)
        send(client, records)
        assert keeper.checkpoint()
        before = live_of(client)
    with database.write() as connection:
        connection.execute(update(Decision).values(manifest=None))
    with killed(), served(history_key=SecretStr("a")) as client:
        assert_equal(live_of(client), before)
    with killed(), served(history_key=SecretStr("b")) as client:
        assert_equal(live_of(client), client.state.host.served.model.history)


def test_a_shipment_whose_scoring_failed_counts_after_a_restart_too(
    served: Callable[..., Any], database: Database
) -> None:
    records = [shipment(shipment_id=f"P{number}") for number in range(6)]
    with killed(), served() as client:
        keeper = keeper_of(client, database)
        send(client, records[:6])
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(type(client.state.host.served.model), "score_rows", _failing)
            assert client.post("/v1/score", json=shipment(shipment_id="fails")).status_code == 500
        send(client, records[6:])
        assert not keeper.checkpoint()
        while not keeper.checkpoint():
            assert len(keeper._looks) == 1
        before = live_of(client)
        with database.write() as connection:
            kinds = set(connection.execute(select(HistoryEvent.kind)).scalars())
            connection.execute(delete(HistoryCheckpoint))
        assert "unanswered" in kinds
    with served() as client:
        assert_equal(live_of(client), before)


def _failing(*_: object, **__: object) -> None:
    raise ArithmeticError


def test_with_another_key_only_the_sealed_failed_shipment_is_lost(
    served: Callable[..., Any], database: Database
) -> None:
    with killed(), served(history_key=SecretStr("a")) as client:
        keeper = keeper_of(client, database)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(type(client.state.host.served.model), "score_rows", _failing)
            assert client.post("/v1/score", json=shipment(shipment_id="fails")).status_code == 500
        send(client, [shipment(shipment_id=f"P{number}") for number in range(3)])
        while not keeper.checkpoint():
            assert len(keeper._looks) == 1
    with killed(), served(history_key=SecretStr("b")) as client:
        assert client.get("/v1/model").json()["history"] == "restored"
        assert live_of(client).sequence == client.state.host.served.model.history.sequence + 3


def test_a_checkpoint_never_lacks_the_traffic_of_another_worker(served: Callable[..., Any], database: Database) -> None:
    with killed(), served() as one, served() as other:
        keeper = keeper_of(one, database)
        send(one, shipments(7, 10))
        send(other, shipments(8, 10))
        send(one, shipments(9, 10))
        assert keeper.checkpoint()
        with database.read() as connection:
            shipments_of = connection.execute(select(HistoryCheckpoint.shipments)).scalar_one()
    # The checkpoint was made from the log up to a minute ago, which was empty.
    assert shipments_of == 0
    with served() as client:
        merged = live_of(client)
    with served() as client:
        assert_equal(live_of(client), merged)


@contextmanager
def journaling(client: Client) -> Iterator[None]:
    """Make the decisions of a client's service wait in its journal, until they are delivered at the end."""
    store = client.state.store
    assert store is not None

    def away(*_: object, **__: object) -> None:
        raise DatabaseAway("it answers no query")

    with pytest.MonkeyPatch.context() as patched:
        for name in ("write", "writing"):
            patched.setattr(store.database, name, away)
        yield
        assert store.waiting
    pause = threading.Event()
    for _ in range(600):
        if not store.waiting:
            return
        pause.wait(0.1)
    pytest.fail("the journal was not delivered")


@pytest.mark.parametrize("is_saved_before", [True, pytest.param(False, marks=pytest.mark.long)])
def test_a_checkpoint_does_not_lose_decisions_in_the_journal_of_another_worker(
    served: Callable[..., Any], database: Database, tmp_path: Path, is_saved_before: bool
) -> None:
    """Their orders are lower than that of a checkpoint, which is saved before or after their delivery."""

    def sent(client: Client, name: str) -> None:
        send(client, [shipment(shipment_id=f"{name}{number}", consignor={"name": name}) for number in range(6)])

    options = {"database_away": "journal", "journal_dir": tmp_path / "journal"}
    with killed(), served(**options) as one, served(**options) as other:
        keeper = keeper_of(one, database)
        sent(one, "A")
        with journaling(other):
            sent(other, "B")
            sent(one, "C")
            assert keeper.checkpoint()
            if is_saved_before:
                sent(one, "D")
        if not is_saved_before:
            sent(one, "D")
            assert not keeper.checkpoint(), "the live history lacks the delivered decisions"
            keeper._settings = replace(keeper._settings, checkpoint_seconds=0.0)
            assert not keeper.checkpoint(), "the log of a minute ago has fewer shipments than the newest checkpoint"
        expected = one.state.host.served.model.history.sequence + 4 * 6
    for _ in range(2):
        # The second start uses the checkpoint that the first one saved at its end.
        with served(**options) as client:
            assert live_of(client).sequence == expected


def test_the_running_service_learns_an_outcome_on_the_next_day(served: Callable[..., Any], database: Database) -> None:
    clock = [0]
    with killed(), served() as client:
        keeper = keeper_of(client, database)
        keeper._now = lambda: clock[0]
        first = client.post("/v1/score", json=shipment(shipment_id="A")).json()["decision_id"]
        body = {"content": "fentanyl", "found_at": "2026-05-04T15:20:00Z", "by": "Officer 4711"}
        assert client.post(f"/v1/decisions/{first}/outcome", json=body).status_code == 201
        found_at = 1_777_908_000_000_000
        clock[0] = found_at // DAY * DAY + DAY - 1
        keeper.look()
        assert _finds(client) == 0
        clock[0] += 1
        with pytest.MonkeyPatch.context() as patched:
            # Orders come from the clock of today, which is later.
            patched.setattr(durable_module, "_LEAD", _far_ahead(client))
            keeper.look()
        assert _finds(client) == 0, "the history has not reached the order of the lesson"
        client.state.host.served.history._now = lambda: 1 << 60
        client.post("/v1/score", json=shipment(shipment_id="B"))
        assert _finds(client) == 1
        before = live_of(client)
    with served() as client:
        assert_equal(live_of(client), before)


def _finds(client: Client) -> int:
    return live_of(client)._finds


def _far_ahead(client: Client) -> int:
    return int(client.state.host.served.history.order)


@pytest.mark.both_engines
def test_a_corrected_outcome_is_taken_back(served: Callable[..., Any], database: Database) -> None:
    """A find that turns out clean leaves the counts as if the find had never been learned."""
    with killed(), served() as client:
        keeper = keeper_of(client, database)
        first = client.post("/v1/score", json=shipment(shipment_id="A")).json()["decision_id"]
        body = {"content": "fentanyl", "found_at": "2026-05-04T15:20:00Z", "by": "Officer 4711"}
        wrong = client.post(f"/v1/decisions/{first}/outcome", json=body).json()["outcome_id"]
        _learn(client, keeper)
        learned = live_of(client)
        assert (learned._finds, learned._clean) == (1, 0)
        body |= {"content": "none", "corrects": wrong}
        assert client.post(f"/v1/decisions/{first}/outcome", json=body).status_code == 201
        _learn(client, keeper)
        corrected = live_of(client)
        assert (corrected._finds, corrected._clean) == (0, 1)
        # A second clean result changes nothing, because a shipment is learned once.
        assert client.post(f"/v1/decisions/{first}/outcome", json=body | {"corrects": None}).status_code == 201
        _learn(client, keeper)
        assert_equal(live_of(client), corrected)
        clean = client.state.host.served.model.history.copy()
    with killed(), served() as client:
        assert_equal(live_of(client), corrected)
    _only_results_differ(corrected, learned)
    assert clean._finds == 0


def test_other_contraband_is_learned_neither_as_a_find_nor_as_clean(
    served: Callable[..., Any], database: Database
) -> None:
    with killed(), served() as client:
        keeper = keeper_of(client, database)
        first = client.post("/v1/score", json=shipment(shipment_id="A")).json()["decision_id"]
        clean = {"content": "none", "found_at": "2026-05-04T15:20:00Z", "by": "Officer 4711"}
        wrong = client.post(f"/v1/decisions/{first}/outcome", json=clean).json()["outcome_id"]
        _learn(client, keeper)
        assert _results(client) == (0, 1)
        other = clean | {"content": "other_contraband", "kind": "weapon"}
        for body in (other, clean | {"corrects": wrong}):
            assert client.post(f"/v1/decisions/{first}/outcome", json=body).status_code == 201
            _learn(client, keeper)
            assert _results(client) == (0, 0), "an inspection that found nothing else does not make it clean"
        assert client.post(f"/v1/decisions/{first}/outcome", json=clean | {"content": "fentanyl"}).status_code == 201
        _learn(client, keeper)
        assert _results(client) == (1, 0)
        before = live_of(client)
    with served() as client:
        assert_equal(live_of(client), before)


def _results(client: Client) -> tuple[int, int]:
    return live_of(client)._finds, live_of(client)._clean


def _only_results_differ(one: History, other: History) -> None:
    """Check that the states differ only in results of inspections."""
    first, second = state_of(one), state_of(other)
    changed = {name for name in first if not np.array_equal(first[name], second[name], equal_nan=True)}
    assert changed <= {"meta", *(f"{entity.label}_narrow" for entity in (*INSPECTED, *CONTACTS))}
    for entity in (*INSPECTED, *CONTACTS):
        name = f"{entity.label}_narrow"
        columns = np.flatnonzero((first[name] != second[name]).any(axis=0))
        assert set(columns.tolist()) <= {FirstColumn.FINDS, FirstColumn.CLEAN}
        assert first[name][:, FirstColumn.FINDS].sum() == 0


def _learn(client: Client, keeper: DurableHistory) -> None:
    """Make the keeper plan the due lessons, and learn them by a what-if request after their orders."""
    live = client.state.host.served.history
    keeper.look()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(live, "_now", lambda: live.order + 3_600_000_000)
        client.post("/v1/score?update_history=false", json=shipment(shipment_id="what-if"))


@pytest.mark.long
def test_the_snapshot_of_a_new_model_survives_a_kill(
    served: Callable[..., Any], database: Database, other_bundle: Path
) -> None:
    with killed(), served() as client:
        keeper = keeper_of(client, database)
        ModelStore(client.state.settings.models_dir).install(other_bundle)
        client.state.host.check()
        assert client.state.host.served.history_from == "snapshot"
        keeper.look()
        send(client, shipments(10, 10))
        before = live_of(client)
    with killed(), served() as client:
        assert_equal(live_of(client), before)


def test_a_csv_is_replayed_like_other_requests(served: Callable[..., Any]) -> None:
    lines = [
        "shipment_id,consignor_name,consignor_country,consignee_name,consignee_country,declared_at,goods_description,gross_mass_kg"
    ]
    for number in range(40):
        lines.append(
            f"C{number // 2},Sender {number % 3},CN,Receiver {number % 7},US,2026-05-{number % 27 + 1:02d},phone case,{number}.5"
        )
    lines += lines[5:9]
    with killed(), served() as client:
        answer = client.post("/v1/score/csv", content="\n".join(lines).encode(), headers={"Content-Type": "text/csv"})
        assert answer.status_code == 200
        send(client, shipments(11, 10))
        before = live_of(client)
    with killed(), served() as client:
        assert_equal(live_of(client), before)


def test_shipments_whose_decisions_wait_in_the_journal_do_not_count_as_unanswered(
    served: Callable[..., Any], database: Database
) -> None:
    with killed(), served() as client:
        keeper = keeper_of(client, database)
        waiting = [1]
        keeper._waiting = lambda: waiting[0]
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(type(client.state.host.served.model), "score_rows", _failing)
            client.post("/v1/score", json=shipment(shipment_id="waits"))
        for _ in range(2 * durable_module._LOOKS):
            assert not keeper.checkpoint()
        waiting[0] = 0
        while not keeper.checkpoint():
            assert len(keeper._looks) == 1


@pytest.mark.parametrize("declared_at", [None, "2199-01-01", "no time"])
def test_a_replayed_shipment_has_the_time_that_the_history_used(declared_at: str | None) -> None:
    moments = [1_700_000_000, 1_600_000_000, 1_777_777_777]
    manifests = [orjson.dumps(shipment(shipment_id=str(moment), declared_at=declared_at)) for moment in moments]
    entries = [Entry(number, manifest, moments[number]) for number, manifest in enumerate(manifests)]
    places, keys, _ = keys_of_entries(entries)
    assert places.tolist() == [0, 1, 2]
    assert seconds_of(keys).tolist() == moments
    assert (keys[KeyRow.TIME] != moments).all()


def test_a_replay_without_a_checkpoint_goes_back_some_days(served: Callable[..., Any], database: Database) -> None:
    with killed(), served() as client:
        before = live_of(client).sequence
        for number in range(10):
            client.post("/v1/score", json=shipment(shipment_id=str(number)))
        client.post("/v1/score", json=shipment(shipment_id="0"))
    days_ago = time.time_ns() // 1000 - 3 * DAY
    with database.write() as connection:
        for column, kind in ((Decision.history_order, Decision), (HistoryEvent.history_order, HistoryEvent)):
            connection.execute(update(kind).values(history_order=column - 3 * DAY))
        connection.execute(update(Decision).where(Decision.shipment_id < "5").values(received_at=days_ago))
    with killed(), served(history_replay_days=2.0) as client:
        assert live_of(client).sequence == before + 5
    with killed(), served(history_replay_days=4.0) as client:
        assert live_of(client).sequence == before + 10
