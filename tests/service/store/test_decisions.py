"""Decisions: stored values, repeated requests, and links to earlier decisions."""

from __future__ import annotations

import hashlib

import orjson
from sqlalchemy import select

from service.core.database.engine import Database
from service.core.database.tables import AuditEntry
from tests.service.api_client import Client
from tests.service.conftest import shipment
from tests.service.store.conftest import rows_of


def test_a_scored_shipment_is_stored_with_its_manifest_and_answer(stored_client: Client, url: str) -> None:
    sent = shipment(shipment_id="A", unknown_field="kept")
    answer = stored_client.post("/v1/score", json=sent)
    assert answer.status_code == 200
    (row,) = rows_of(url)
    assert row.id == answer.json()["decision_id"]
    assert row.answer == answer.content
    assert orjson.loads(row.manifest) == sent
    assert (row.shipment_id, row.lane, row.risk) == ("A", answer.json()["lane"], answer.json()["risk"])
    assert row.via == "score"
    assert row.history_order > 0
    assert row.earlier_id is None


def test_a_repeated_shipment_gets_the_first_decision(stored_client: Client, url: str) -> None:
    first = stored_client.post("/v1/score", json=shipment(shipment_id="A"))
    again = stored_client.post("/v1/score", json=dict(reversed(shipment(shipment_id="A").items())))
    assert again.content == first.content
    assert len(rows_of(url)) == 1


def test_a_repeated_shipment_gets_its_first_answer_with_any_options(stored_client: Client, url: str) -> None:
    first = stored_client.post("/v1/score?explain=none", json=shipment(shipment_id="A"))
    assert first.json()["reasons"] == []
    again = stored_client.post("/v1/score?explain=all&actions=acas&reasons=1", json=shipment(shipment_id="A"))
    assert again.content == first.content
    batch = stored_client.post("/v1/score/batch?explain=all", json={"shipments": [shipment(shipment_id="A")]})
    assert batch.json()["results"] == [first.json()]
    # A what-if gives the reasons and does not change the decision.
    explained = stored_client.post("/v1/score?explain=all&update_history=false", json=shipment(shipment_id="A")).json()
    assert explained["reasons"]
    assert [row.answer for row in rows_of(url) if not row.what_if] == [first.content]


def test_other_content_is_a_new_decision_that_links_to_the_first(stored_client: Client, url: str) -> None:
    first = stored_client.post("/v1/score", json=shipment(shipment_id="A")).json()
    second = stored_client.post("/v1/score", json=shipment(shipment_id="A", gross_mass_kg=77)).json()
    assert second["decision_id"] != first["decision_id"]
    assert [row.earlier_id for row in rows_of(url)] == [None, first["decision_id"]]


def test_a_batch_stores_its_scored_shipments_in_order(stored_client: Client, url: str) -> None:
    records = [
        shipment(shipment_id="A"),
        {"shipment_id": "refused"},
        shipment(shipment_id="B"),
        shipment(shipment_id="A"),
    ]
    answer = stored_client.post("/v1/score/batch", json={"shipments": records}).json()
    assert [result["shipment_id"] for result in answer["results"]] == ["A", "B", "A"]
    assert answer["results"][2] == answer["results"][0]
    assert [one["index"] for one in answer["rejected"]] == [1]
    assert [(row.shipment_id, row.via) for row in rows_of(url)] == [("A", "batch"), ("B", "batch")]


def test_a_what_if_is_stored_each_time_and_links_to_nothing(stored_client: Client, url: str) -> None:
    for _ in range(2):
        stored_client.post("/v1/score?update_history=false", json=shipment(shipment_id="A"))
    stored_client.post("/v1/score", json=shipment(shipment_id="A"))
    rows = rows_of(url)
    assert [row.what_if for row in rows] == [True, True, False]
    assert [row.history_order is None for row in rows] == [True, True, False]
    assert rows[2].earlier_id is None


def test_the_audit_chain_covers_manifest_and_answer(stored_client: Client, url: str) -> None:
    for name in ("A", "B"):
        stored_client.post("/v1/score", json=shipment(shipment_id=name))
    database = Database(url)
    with database.read() as connection:
        entries = list(connection.execute(select(AuditEntry.__table__).order_by(AuditEntry.number)))
    database.close()
    rows = rows_of(url)
    assert [entry.number for entry in entries] == list(range(1, len(entries) + 1))
    assert [entry.previous for entry in entries] == [bytes(32), *(entry.digest for entry in entries[:-1])]
    # The entry before them is from the start of the service.
    assert [entry.kind for entry in entries[-3:]] == ["rules", "decision", "decision"]
    for entry, row in zip(entries[-2:], rows, strict=True):
        facts = orjson.loads(entry.facts)
        assert facts["manifest"] == hashlib.sha256(row.salt + row.manifest).hexdigest()
        assert facts["answer"] == hashlib.sha256(row.salt + row.answer).hexdigest()
        assert b"example" not in entry.facts
