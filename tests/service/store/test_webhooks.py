"""Webhooks: messages reach the outbox in the transaction of their subject and the receiver at least once, on both engines."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import SecretStr
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from models.bundle import ModelStore
from service.app import create_app
from service.core.database.engine import Database
from service.core.database.tables import AuditEntry
from service.core.settings import Settings
from service.decisions.journal import Journal
from service.decisions.store import Store
from service.jobs.worker import Worker
from service.scoring.tables import Decision
from service.webhooks import repository as webhooks
from service.webhooks.sending import Deliverer, Policy, Sender
from service.webhooks.tables import Delivery, Webhook
from tests.service.api_client import Client, serving
from tests.service.conftest import shipment
from tests.service.store.decisions import new_decision
from tests.service.webhooks.receiver import Receiver, receiving

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
FENTANYL = [{"goods_description": "fentanyl citrate", "declared_chemical": "fentanyl"}]
HOUR = 3600 * 1_000_000


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with receiving(tmp_path) as receiver:
        yield receiver


@pytest.fixture
def client(tmp_path: Path, bundle: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """Client of an application that sends nothing, once per engine."""
    monkeypatch.setattr(Deliverer, "work", lambda self: 0)
    models = tmp_path / "models"
    ModelStore(models).install(bundle)
    settings = Settings(
        models_dir=models,
        keeps_decisions=True,
        database_url=SecretStr(url),
        jobs_dir=tmp_path / "jobs",
        job_worker=False,
    )
    with serving(create_app(settings)) as client:
        yield client


def deliverer(store: Store, receiver: Receiver) -> Deliverer:
    sender = Sender(Policy(private=True), resolve=lambda host, port: ["127.0.0.1"], context=receiver.context())
    return Deliverer(store.database, store.outbox, sender)


def rows(database: Database, table: Any) -> list[Any]:
    with database.read() as connection:
        return list(connection.execute(select(table.__table__).order_by(*table.__table__.primary_key.columns)))


def decide(store: Store, *decisions: Any) -> None:
    store.decide(decisions).result()


def add(store: Store, receiver: Receiver) -> Any:
    row = webhooks.add(store.database, receiver.url, "", None, 1)
    assert store.outbox.look()
    return row


def test_a_red_decision_is_sent_signed_and_without_personal_data(store: Store, receiver: Receiver) -> None:
    hook = add(store, receiver)
    answer = orjson.dumps({"reasons": [{"code": "RULE"}, {"code": "RULE"}, {"code": "OTHER"}], "rule_ids": ["x"]})
    red = new_decision(lane="red", answer=answer)
    decide(store, red, new_decision(lane="yellow"), new_decision(lane="red", what_if=True))
    assert deliverer(store, receiver).work() == 1
    [(path, headers, body)] = receiver.got
    assert path == "/hook?x=1"
    message = orjson.loads(body)
    assert message["event"] == headers["Tidewaiter-Event"] == "decision.red"
    assert message["delivery_id"] == headers["Tidewaiter-Delivery"]
    assert set(message["data"]) == {
        *("decision_id", "shipment_id", "received_at", "lane", "selected_by", "risk", "percentile"),
        *("reason_codes", "rule_ids", "model_digest"),
    }
    assert (message["data"]["decision_id"], message["data"]["reason_codes"]) == (red.id, ["RULE", "OTHER"])
    parts = dict(part.split("=", 1) for part in headers["Tidewaiter-Signature"].split(","))
    expected = hmac.new(hook.secret.encode(), f"{parts['t']}.".encode() + body, hashlib.sha256).hexdigest()
    assert parts["v1"] == expected
    [delivery] = rows(store.database, Delivery)
    assert (delivery.state, delivery.attempts, delivery.status) == ("delivered", 1, 200)
    assert deliverer(store, receiver).work() == 0


def test_each_address_gets_the_kinds_of_messages_that_it_asked_for(store: Store, receiver: Receiver) -> None:
    some = webhooks.add(store.database, receiver.url, "", None, 1, ["list.hit", "decision.yellow"])
    red_only = add(store, receiver)
    answer = {"shipment_id": "MAWB 1", "reasons": [{"code": "WATCH_LIST"}], "rule_ids": ["watch_list:7"]}
    hit = new_decision(lane="red", answer=orjson.dumps(answer))
    named = answer | {"rule_ids": ["x"], "reasons": [{"code": '"watch_list:7'}]}
    yellow = new_decision(lane="yellow", shipment_id="cut", answer=orjson.dumps(named))
    decide(store, hit, yellow, new_decision(lane="green"), new_decision(lane="yellow", what_if=True))
    stored = [(row.webhook_id, row.event, row.decision_id) for row in rows(store.database, Delivery)]
    assert stored == [
        (red_only.id, "decision.red", hit.id),
        (some.id, "list.hit", hit.id),
        (some.id, "decision.yellow", yellow.id),
    ]
    assert deliverer(store, receiver).work() == 3
    messages = [(headers["Tidewaiter-Event"], orjson.loads(body)) for _, headers, body in receiver.got]
    sent = {(event, body["event"], body["data"]["lane"], body["data"]["shipment_id"]) for event, body in messages}
    assert sent == {
        ("decision.red", "decision.red", "red", "MAWB 1"),
        ("list.hit", "list.hit", "red", "MAWB 1"),
        ("decision.yellow", "decision.yellow", "yellow", "MAWB 1"),
    }


def test_without_an_address_nothing_is_queried_or_stored(store: Store) -> None:
    assert not store.outbox.look()
    store.outbox.add(None, [new_decision(lane="red")], [], 0)  # type: ignore[arg-type]
    decide(store, new_decision(lane="red"))
    assert rows(store.database, Delivery) == []


def test_red_decisions_that_an_earlier_process_left_in_the_journal_get_deliveries(
    store: Store, receiver: Receiver, url: str, tmp_path: Path
) -> None:
    add(store, receiver)
    earlier = Journal(tmp_path / "journal")
    earlier.open()
    red = new_decision(lane="red")
    earlier.append([red, new_decision(lane="green")])
    earlier.close()
    later = Store(url, journal=tmp_path / "journal")
    later.start()
    later.close()
    assert [row.decision_id for row in rows(store.database, Delivery)] == [red.id]


def test_a_repeated_decision_gets_one_delivery(store: Store, receiver: Receiver) -> None:
    add(store, receiver)
    red = new_decision(lane="red")
    decide(store, red)
    decide(store, replace(red, id="another"))
    assert len(rows(store.database, Delivery)) == 1


def test_a_delivery_belongs_to_the_transaction_of_its_decision(
    store: Store, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(store, receiver)
    red = new_decision(lane="red")

    with monkeypatch.context() as patched:
        patched.setattr(webhooks, "new_ids", lambda count: ["same"] * count)
        decide(store, red)
        with pytest.raises(IntegrityError):
            decide(store, new_decision(lane="red"))
    assert [row.id for row in rows(store.database, Decision)] == [red.id]
    assert [row.decision_id for row in rows(store.database, Delivery)] == [red.id]


def test_a_failed_message_waits_and_is_sent_again_with_the_same_body(store: Store, receiver: Receiver) -> None:
    hook = add(store, receiver)
    receiver.statuses = [500, 302]
    decide(store, new_decision(lane="red"))
    sending = deliverer(store, receiver)
    for attempts, problem in ((1, "the answer was 500"), (2, "the answer was 302")):
        assert sending.work() == 1
        [delivery] = rows(store.database, Delivery)
        assert (delivery.state, delivery.attempts) == ("waiting", attempts)
        assert delivery.problem.startswith(problem)
        assert sending.work() == 0, "the next attempt is not due yet"
        make_due(store.database)
    [row] = rows(store.database, Webhook)
    assert row.failing_since is not None
    assert sending.work() == 1
    [delivery] = rows(store.database, Delivery)
    [row] = rows(store.database, Webhook)
    assert (delivery.state, delivery.attempts, row.failing_since, row.problem) == ("delivered", 3, None, None)
    assert len({body for _, _, body in receiver.got}) == 1
    assert webhooks.send_again(store.database, hook.id, delivery.id, None, 1)
    assert sending.work() == 1
    assert len(receiver.got) == 4


def make_due(database: Database) -> None:
    with database.write() as connection:
        connection.execute(update(Delivery).values(next_at=0))


def test_three_days_of_failures_disable_an_address_until_it_is_enabled(store: Store, receiver: Receiver) -> None:
    hook = add(store, receiver)
    receiver.statuses = [500, 500]
    decide(store, new_decision(lane="red"))
    sending = deliverer(store, receiver)
    sending.work()
    with store.database.write() as connection:
        connection.execute(update(Webhook).values(failing_since=Webhook.failing_since - webhooks.PATIENCE))
    make_due(store.database)
    sending.work()
    [row] = rows(store.database, Webhook)
    assert row.disabled_at is not None
    assert [entry.kind for entry in rows(store.database, AuditEntry)] == [
        "webhook_added",
        "decision",
        "webhook_disabled",
    ]
    make_due(store.database)
    assert sending.work() == 0
    decide(store, new_decision(lane="red", shipment_id="later"))
    assert len(rows(store.database, Delivery)) == 1
    assert webhooks.enable(store.database, hook.id, None, 1)
    assert sending.work() == 1


def test_workers_never_claim_the_same_delivery(store: Store, receiver: Receiver) -> None:
    add(store, receiver)
    decide(store, *(new_decision(lane="red", shipment_id=str(number)) for number in range(40)))
    at = rows(store.database, Delivery)[0].next_at
    with ThreadPoolExecutor(4) as threads:
        claimed = [
            due.id for some in threads.map(lambda _: webhooks.claim(store.database, at, 10), range(8)) for due in some
        ]
    assert len(claimed) == len(set(claimed)) == 40
    assert webhooks.claim(store.database, at + webhooks.LEASE - 1, 100) == []
    assert len(webhooks.claim(store.database, at + webhooks.LEASE, 100)) == 40, (
        "the leases of a worker that ended have expired"
    )


@pytest.mark.both_engines
def test_addresses_are_added_listed_and_removed(client: Client) -> None:
    answer = client.post("/v1/webhooks", json={"url": "https://office.example/hook", "description": "Duty"})
    assert answer.status_code == 201, answer.text
    hook = answer.json()
    assert hook["secret"].startswith("whsec_")
    assert hook["events"] == ["decision.red"]
    [listed] = client.get("/v1/webhooks").json()["webhooks"]
    assert listed == {name: value for name, value in hook.items() if name != "secret"}
    decision = client.post("/v1/score", json=shipment(items=FENTANYL)).json()
    assert decision["lane"] == "red"
    [delivery] = client.get(f"/v1/webhooks/{hook['id']}/deliveries").json()["deliveries"]
    assert (delivery["decision_id"], delivery["state"]) == (decision["decision_id"], "waiting")
    again = client.post(f"/v1/webhooks/{hook['id']}/deliveries/{delivery['id']}/redeliver")
    assert again.status_code == 202
    assert client.get(f"/v1/webhooks/{hook['id']}/deliveries?state=delivered").json() == {
        "deliveries": [],
        "next": None,
    }
    assert client.post(f"/v1/webhooks/{hook['id']}/enable").status_code == 204
    assert client.delete(f"/v1/webhooks/{hook['id']}").status_code == 204
    for path in (f"/v1/webhooks/{hook['id']}/deliveries", "/v1/webhooks/none/deliveries"):
        assert client.get(path).status_code == 404


def sent_to(client: Client, hook: str) -> list[tuple[str, dict[str, Any]]]:
    """Return kind and data of the messages to an address, the first one first, and check what the list says of them."""
    listed = client.get(f"/v1/webhooks/{hook}/deliveries").json()["deliveries"][::-1]
    stored = rows(client.state.store.database, Delivery)  # type: ignore[union-attr]
    bodies = {row.id: orjson.loads(bytes(row.body)) for row in stored if row.webhook_id == hook}
    assert [(one["event"], one["decision_id"]) for one in listed] == [
        (body["event"], body["data"].get("decision_id")) for body in bodies.values()
    ]
    return [(body["event"], body["data"]) for body in bodies.values()]


def test_an_outcome_is_announced_with_lane_and_reason_codes_and_without_names(client: Client) -> None:
    body = {"url": "https://office.example/hook", "events": ["outcome.recorded"]}
    hook = client.post("/v1/webhooks", json=body).json()
    decision = client.post("/v1/score", json=shipment(shipment_id="S 7", items=FENTANYL)).json()
    other = {"content": "other_contraband", "kind": "weapon", "found_at": "2026-05-04T15:20:00Z", "by": "Officer 4711"}
    outcome = client.post(f"/v1/decisions/{decision['decision_id']}/outcome", json=other).json()
    assert sent_to(client, hook["id"]) == [
        (
            "outcome.recorded",
            {
                "outcome_id": outcome["outcome_id"],
                "decision_id": decision["decision_id"],
                "shipment_id": "S 7",
                "lane": "red",
                "reason_codes": list(dict.fromkeys(reason["code"] for reason in decision["reasons"])),
                "content": "other_contraband",
                "kind": "weapon",
                "corrects": None,
                "found_at": "2026-05-04T15:20:00Z",
                "recorded_at": outcome["recorded_at"],
            },
        )
    ]


def test_jobs_are_announced_with_state_and_counts_unless_they_leave_webhooks_alone(
    client: Client, tmp_path: Path
) -> None:
    body = {"url": "https://office.example/hook", "events": ["job.failed", "job.done"]}
    hook = client.post("/v1/webhooks", json=body).json()
    assert hook["events"] == ["job.done", "job.failed"]

    def create(content: bytes, **fields: str) -> str:
        answer = client.post("/v1/jobs", files={"file": ("Ms Example.csv", content)}, data=fields)
        return str(answer.json()["job_id"])

    content = b"shipment_id,goods_description\nA,ceramic mug\nB,cotton shirt,surplus\n"
    done, _, failed = create(content), create(content, queue="false"), create(b"nonsense\n1\n")
    database = client.state.store.database  # type: ignore[union-attr]
    Worker(database, Settings(models_dir=tmp_path / "models", jobs_dir=tmp_path / "jobs")).work(0.0)
    ended = {job: client.get(f"/v1/jobs/{job}").json()["finished_at"] for job in (done, failed)}
    assert sent_to(client, hook["id"]) == [
        (f"job.{state}", {"job_id": job, "state": state, **counts, "finished_at": ended[job]})
        for job, state, counts in (
            (done, "done", {"rows_done": 2, "rows_total": 2, "rejected": 1}),
            (failed, "failed", {"rows_done": 0, "rows_total": 1, "rejected": 0}),
        )
    ]


@pytest.mark.parametrize("events", [[], "decision.red", ["decision.green"], [7], None])
def test_unknown_kinds_of_messages_are_refused(client: Client, events: Any) -> None:
    answer = client.post("/v1/webhooks", json={"url": "https://office.example/hook", "events": events})
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    expected = "must be a list of one or more of decision.red, decision.yellow, job.done, job.failed, outcome.recorded, list.hit"
    assert (error["field"], error["problem"]) == ("events", expected)


@pytest.mark.parametrize(
    "address", ["http://office.example/", "https://127.0.0.1/", "https://[fd00::1]/", "nonsense", None]
)
def test_an_address_that_cannot_be_used_is_refused(client: Client, address: str | None) -> None:
    answer = client.post("/v1/webhooks", json={"url": address})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["url"]
    with client.state.store.database.read() as connection:  # type: ignore[union-attr]
        assert connection.scalar(select(func.count()).select_from(Webhook)) == 0
