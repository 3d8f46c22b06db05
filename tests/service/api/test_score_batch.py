"""``POST /v1/score/batch`` scores shipments as if they had been sent one after the other."""

from __future__ import annotations

from typing import Any

import pytest

from service.app import create_app
from service.core.http.schemas import BatchScore
from service.core.settings import Settings
from tests.service.api_client import Client, serving
from tests.service.conftest import shipment


def numbered(count: int) -> list[dict[str, Any]]:
    """Return shipments of two consignors, minutes apart."""
    return [
        shipment(
            shipment_id=f"HB-{number}",
            declared_at=f"2026-10-01T10:{number:02d}:00Z",
            consignor={"name": f"Example Trading {number % 2}", "country": "CN"},
        )
        for number in range(count)
    ]


def test_shipments_dated_far_from_their_receipt_do_not_change_the_risk_of_others(client: Client) -> None:
    wrong = ["9999-12-31", "1981-01-01", "1981-01-01"]
    records = numbered(3)
    mixed = [shipment(**{**records[0], "shipment_id": f"W-{k}", "declared_at": time}) for k, time in enumerate(wrong)]
    mixed += records

    def risks(some: list[dict[str, Any]], query: str) -> list[float]:
        answers = client.post(f"/v1/score/batch?explain=none{query}", json={"shipments": some}).json()["results"]
        return [answer["risk"] for answer in answers if not answer["shipment_id"].startswith("W")]

    alone = risks(records, "&update_history=false")
    assert risks(mixed, "&update_history=false") == alone
    before = client.state.host.served.history.copy()
    risks(mixed[:3], "")
    after = client.state.host.served.history.copy()
    assert (after.sequence, after.watermark) == (before.sequence, before.watermark)
    assert risks(mixed, "") == alone


def test_an_old_file_is_no_error(client: Client) -> None:
    body = "shipment_id,declared_at,goods_description\nA-1,1991-01-01,phone case\nA-2,1992-01-01,phone case\n"
    before = client.state.host.served.history.copy().sequence
    answer = client.post("/v1/score/csv", content=body.encode(), headers={"Content-Type": "text/csv"})
    assert answer.status_code == 200
    assert "declared_at: lies" not in answer.text
    assert client.state.host.served.history.copy().sequence == before + 2


def without_ids(answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in answer.items() if key != "decision_id"} for answer in answers]


def test_a_batch_gets_the_scores_of_the_same_shipments_sent_one_by_one(settings: Settings) -> None:
    records = numbered(12)
    with serving(create_app(settings)) as client:
        one_by_one = [client.post("/v1/score?explain=all", json=record).json() for record in records]
    with serving(create_app(settings)) as client:
        batch = client.post("/v1/score/batch?explain=all", json={"shipments": records})
    assert batch.status_code == 200
    BatchScore.model_validate(batch.json())
    assert without_ids(batch.json()["results"]) == without_ids(one_by_one)
    assert len({answer["decision_id"] for answer in batch.json()["results"]}) == 12


def test_unreadable_shipments_do_not_affect_the_others(shared_client: Client) -> None:
    records: list[Any] = numbered(5)
    records[1] = {"shipment_id": "HB-bad", "items": [{"goods_description": "x", "quantity": "inf"}]}
    records[3] = "no shipment"
    answer = shared_client.post("/v1/score/batch", json={"shipments": records})
    assert answer.status_code == 200
    assert [one["shipment_id"] for one in answer.json()["results"]] == ["HB-0", "HB-2", "HB-4"]
    rejected = answer.json()["rejected"]
    assert [(one["index"], one["shipment_id"]) for one in rejected] == [(1, "HB-bad"), (3, None)]
    assert rejected[0]["problems"][0]["field"] == "items[0].quantity"
    assert rejected[1]["problems"][0]["field"] == "shipment"


def test_a_batch_without_a_readable_shipment_is_an_error_that_names_each(shared_client: Client) -> None:
    answer = shared_client.post("/v1/score/batch", json={"shipments": [{}, {"shipment_id": "HB-1"}]})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [one["index"] for one in answer.json()["rejected"]] == [0, 1]
    assert "shipments[1].items" in [error["field"] for error in answer.json()["errors"]]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"shipments": []}, 422, "at least one"),
        ({"shipments": {}}, 422, "shipments"),
        ({}, 422, "shipments"),
        ([shipment()], 422, "shipments"),
        ({"shipments": [{}] * 1001}, 413, "1,000"),
    ],
    ids=["empty", "an object", "nothing", "a bare list", "one too many"],
)
def test_a_batch_of_the_wrong_form_or_size_is_refused(
    shared_client: Client, body: object, status: int, words: str
) -> None:
    answer = shared_client.post("/v1/score/batch", json=body)
    assert answer.status_code == status
    assert words in answer.json()["detail"]
    assert answer.json()["errors"][0]["field"] == "shipments"


def test_only_the_shipment_with_too_many_items_is_refused(shared_client: Client) -> None:
    huge = shipment(shipment_id="HB-huge", items=[{"goods_description": "phone case"}] * 1000)
    answer = shared_client.post("/v1/score/batch", json={"shipments": [shipment(), huge]})
    assert answer.status_code == 200
    assert answer.json()["rejected"][0]["problems"] == [
        {"field": "items", "problem": "got 1,000 goods items; at most 999 are accepted"}
    ]


@pytest.mark.parametrize("update", ["true", "false"])
def test_a_record_sent_twice_in_a_batch_gets_two_equal_scores(settings: Settings, update: str) -> None:
    record = shipment(shipment_id="HB-twice")
    with serving(create_app(settings)) as client:
        once = client.post("/v1/score?update_history=false", json=record).json()
        path = f"/v1/score/batch?update_history={update}"
        twice = client.post(path, json={"shipments": [record, record]}).json()["results"]
    assert [len(answer["items"]) for answer in twice] == [1, 1]
    assert [answer["risk"] for answer in twice] == [once["risk"]] * 2


def test_a_what_if_batch_does_not_change_the_history(client: Client) -> None:
    path = "/v1/score/batch?update_history=false&explain=all"
    first = client.post(path, json={"shipments": numbered(6)}).json()["results"]
    assert without_ids(client.post(path, json={"shipments": numbered(6)}).json()["results"]) == without_ids(first)
    served = client.state.host.served
    assert served.history.copy().sequence == served.model.history.sequence
