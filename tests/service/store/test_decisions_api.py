"""`GET /v1/decisions` and `GET /v1/decisions/{id}`."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from service.core.database.engine import Database
from service.decisions.schemas import Decisions, StoredDecision
from service.scoring.tables import Decision
from tests.service.api_client import Client
from tests.service.conftest import shipment


def score(client: Client, *names: str, **changes: Any) -> list[dict[str, Any]]:
    shipments = [shipment(shipment_id=name, **changes) for name in names]
    results: list[dict[str, Any]] = client.post("/v1/score/batch", json={"shipments": shipments}).json()["results"]
    return results


def listed(client: Client, **parameters: Any) -> dict[str, Any]:
    answer = client.get("/v1/decisions", params=parameters)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    Decisions.model_validate(page)
    return page


def names(page: dict[str, Any]) -> list[str]:
    return [one["shipment_id"] for one in page["decisions"]]


def test_pages_follow_each_other_while_decisions_arrive(stored_client: Client) -> None:
    score(stored_client, "A", "B", "C")
    first = listed(stored_client, limit=2)
    assert names(first) == ["A", "B"]
    score(stored_client, "D", "E")
    second = listed(stored_client, limit=2, cursor=first["next"])
    assert names(second) == ["C", "D"]
    third = listed(stored_client, limit=2, cursor=second["next"])
    assert (names(third), third["next"]) == (["E"], None)


def test_a_full_last_page_has_no_next_page(stored_client: Client) -> None:
    score(stored_client, "A", "B")
    assert listed(stored_client, limit=2)["next"] is None


def test_decisions_are_selected_by_shipment_lane_and_time(stored_client: Client, url: str) -> None:
    score(stored_client, "A", "B", "C")
    database = Database(url)
    with database.write() as connection:
        for name, lane, at in (("A", "red", 1_000_000), ("B", "green", 2_000_000), ("C", "red", 3_000_000)):
            values = {"lane": lane, "received_at": at}
            connection.execute(update(Decision).where(Decision.shipment_id == name).values(values))
    database.close()
    assert names(listed(stored_client, shipment_id="B")) == ["B"]
    assert names(listed(stored_client, lane="red")) == ["A", "C"]
    assert names(listed(stored_client, since="1970-01-01T00:00:02Z")) == ["B", "C"]
    assert names(listed(stored_client, since="1970-01-01T00:00:02", until="1970-01-01T01:00:03+01:00")) == ["B"]
    assert names(listed(stored_client, since="1970-01-02")) == []
    page = listed(stored_client, lane="red", limit=1)
    assert names(listed(stored_client, lane="red", cursor=page["next"])) == ["C"]


def test_a_decision_has_its_manifest_answer_and_versions(stored_client: Client) -> None:
    sent = shipment(shipment_id="A", unknown_field="kept")
    answer = stored_client.post("/v1/score", json=sent).json()
    stored = stored_client.get(f"/v1/decisions/{answer['decision_id']}").json()
    StoredDecision.model_validate(stored)
    assert stored["answer"] == answer
    assert stored["manifest"] == sent
    assert stored["versions"]["model_digest"] == answer["model"]["digest"]
    assert stored["versions"]["rules_digest"] == answer["rules_digest"]
    assert (stored["via"], stored["lane"], stored["caller"]) == ("score", answer["lane"], None)
    assert (stored["outcomes"], stored["overrides"]) == ([], [])
    assert stored["received_at"].endswith("Z")


def test_a_decision_names_earlier_and_later_ones_on_its_shipment(stored_client: Client) -> None:
    ids = [score(stored_client, "A", gross_mass_kg=mass)[0]["decision_id"] for mass in (1, 2, 3)]
    found = [stored_client.get(f"/v1/decisions/{one}").json() for one in ids]
    assert [one["earlier_id"] for one in found] == [None, ids[0], ids[1]]
    assert [one["later"] for one in found] == [ids[1:], ids[2:], []]


def test_an_erased_manifest_is_null(stored_client: Client, url: str) -> None:
    [answer] = score(stored_client, "A")
    database = Database(url)
    with database.write() as connection:
        connection.execute(update(Decision).values(manifest=None, salt=None))
    database.close()
    stored = stored_client.get(f"/v1/decisions/{answer['decision_id']}").json()
    assert stored["manifest"] is None
    assert stored["answer"] == answer


def test_an_unknown_decision_is_not_found(stored_client: Client) -> None:
    answer = stored_client.get("/v1/decisions/unknown")
    assert (answer.status_code, answer.json()["detail"]) == (404, "There is no decision 'unknown'.")


@pytest.mark.parametrize(
    ("parameter", "value", "problem"),
    [
        ("lane", "blue", "'red', 'yellow' or 'green'"),
        ("since", "yesterday", "is not a time in ISO 8601"),
        ("until", "2026-13-01", "is not a time in ISO 8601"),
        ("cursor", "-1", "is not a cursor"),
        ("cursor", "9" * 30, "is not a cursor"),
        ("limit", "0", "greater than or equal to 1"),
        ("limit", "1001", "less than or equal to 1000"),
        ("shipment_id", "A\0", "should match pattern"),
    ],
)
def test_a_wrong_parameter_is_named(stored_client: Client, parameter: str, value: str, problem: str) -> None:
    answer = stored_client.get("/v1/decisions", params={parameter: value})
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["field"] == parameter
    assert problem in error["problem"]


def test_a_shipment_id_with_a_character_that_postgresql_refuses_is_stored(stored_client: Client) -> None:
    [answer] = score(stored_client, "A\0B")
    stored = stored_client.get(f"/v1/decisions/{answer['decision_id']}").json()
    assert stored["shipment_id"] == "A\N{REPLACEMENT CHARACTER}B"
    assert stored["manifest"]["shipment_id"] == "A\0B"


@pytest.mark.parametrize("path", ["/v1/decisions", "/v1/decisions/x"])
def test_without_a_store_the_answer_names_its_setting(shared_client: Client, path: str) -> None:
    answer = shared_client.get(path)
    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:tidewaiter:problem:store-off"
    assert "TIDEWAITER_STORE is off" in answer.json()["detail"]
