"""Requests with an `Idempotency-Key`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select, update

from service.core.database import idempotency
from service.core.database.engine import Database
from service.core.database.idempotency import IN_WORK, KEPT, InWork, Replay, Request
from service.core.database.tables import IdempotentRequest
from service.keys.tables import ApiKey
from service.scoring.tables import Decision
from service.webhooks.tables import Webhook
from tests.service.api_client import Client
from tests.service.conftest import shipment

REPLAYED = "Idempotent-Replayed"


def post(client: Client, key: str, body: Any, path: str = "/v1/score", **options: Any) -> Any:
    return client.post(path, json=body, headers={"Idempotency-Key": key}, **options)


def count(client: Client, table: Any) -> int:
    assert client.state.store is not None
    with client.state.store.database.read() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


@pytest.mark.both_engines
def test_the_first_answer_is_sent_again_even_for_a_what_if(stored_client: Client) -> None:
    first, again = (post(stored_client, "k", shipment(), params={"update_history": "false"}) for _ in range(2))
    assert first.status_code == again.status_code == 200
    assert REPLAYED not in first.headers
    assert again.headers[REPLAYED] == "true"
    assert again.content == first.content
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert count(stored_client, Decision) == 1


def test_a_batch_and_a_refusal_are_sent_again(stored_client: Client) -> None:
    batch = {"shipments": [shipment(shipment_id="A"), shipment(shipment_id="B")]}
    first, again = (post(stored_client, "b", batch, "/v1/score/batch") for _ in range(2))
    assert (again.content, again.headers[REPLAYED]) == (first.content, "true")
    refused, refused_again = (post(stored_client, "r", {"shipment_id": "A"}) for _ in range(2))
    assert (refused.status_code, refused_again.status_code) == (422, 422)
    assert (refused_again.content, refused_again.headers[REPLAYED]) == (refused.content, "true")


@pytest.mark.parametrize(
    ("path", "parameters", "body"),
    [
        ("/v1/score", {}, shipment(gross_mass_kg=77)),
        ("/v1/score", {"explain": "all"}, shipment()),
        ("/v1/score/batch", {}, shipment()),
    ],
)
def test_a_key_of_another_request_is_refused(
    stored_client: Client, path: str, parameters: dict[str, str], body: Any
) -> None:
    post(stored_client, "k", shipment())
    answer = post(stored_client, "k", body, path, params=parameters)
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:tidewaiter:problem:idempotency-key-reused"


@pytest.mark.parametrize("key", ["", "two words", "x" * 256])
def test_a_key_of_a_wrong_form_is_refused(stored_client: Client, key: str) -> None:
    answer = post(stored_client, key, shipment())
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"


def test_a_second_request_waits_for_the_first(stored_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    began, go_on = threading.Event(), threading.Event()
    finish = idempotency.finish

    def slow(*arguments: Any) -> None:
        began.set()
        go_on.wait(30)
        finish(*arguments)

    monkeypatch.setattr("service.core.database.idempotency.finish", slow)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(post, stored_client, "k", shipment())
        assert began.wait(30)
        second = threads.submit(post, stored_client, "k", shipment())
        go_on.set()
        assert second.result().content == first.result().content
        assert second.result().headers[REPLAYED] == "true"


@pytest.mark.both_engines
def test_a_request_that_another_process_works_on_gets_409(stored_client: Client) -> None:
    post(stored_client, "k", shipment())
    assert stored_client.state.store is not None
    database = stored_client.state.store.database
    with database.write() as connection:
        connection.execute(update(IdempotentRequest).values(status=None, body=None))
    answer = post(stored_client, "k", shipment())
    assert (answer.status_code, answer.headers["Retry-After"]) == (409, "1")
    assert count(stored_client, Decision) == 1


def test_a_failed_request_may_be_sent_again(stored_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(stored_client.state.scorer, "_score", lambda *_: 1 / 0)
        assert post(stored_client, "k", shipment()).status_code == 500
    assert count(stored_client, IdempotentRequest) == 0
    answer = post(stored_client, "k", shipment())
    assert answer.status_code == 200
    assert REPLAYED not in answer.headers


def test_requests_without_a_key_leave_no_row(stored_client: Client) -> None:
    stored_client.post("/v1/score", json=shipment())
    assert count(stored_client, IdempotentRequest) == 0


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("/v1/score/csv", {"content": b"shipment_id,goods_description\nA,phone case\n"}, "POST /v1/jobs takes a file"),
        ("/v1/keys", {"json": {"name": "Gateway", "scopes": ["score"]}}, "the answer has a secret"),
        ("/v1/webhooks", {"json": {"url": "https://example.com/red"}}, "the answer has a secret"),
    ],
)
def test_requests_that_cannot_have_a_key_are_refused_and_change_nothing(
    stored_client: Client, path: str, body: dict[str, Any], reason: str
) -> None:
    headers = {"Idempotency-Key": "k"} | ({"Content-Type": "text/csv"} if "content" in body else {})
    answer = stored_client.post(path, headers=headers, **body)
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:tidewaiter:problem:idempotency-key-unsupported"
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"
    assert reason in answer.json()["detail"]
    for table in (IdempotentRequest, Decision, ApiKey, Webhook):
        assert count(stored_client, table) == 0
    del headers["Idempotency-Key"]
    assert stored_client.post(path, headers=headers, **body).status_code in (200, 201)


def test_every_other_request_that_writes_may_have_a_key(stored_client: Client) -> None:
    webhook = stored_client.post("/v1/webhooks", json={"url": "https://example.com/red"}).json()["id"]
    for method, path, body, status in (
        ("POST", f"/v1/webhooks/{webhook}/enable", None, 204),
        ("DELETE", f"/v1/webhooks/{webhook}", None, 204),
        ("POST", "/v1/goods/batch", {"queries": [{"q": "ceramic mug"}]}, 200),
        ("POST", "/v1/substances/batch", {"queries": [{"q": "fentanyl"}]}, 200),
    ):
        first, again = (
            stored_client.request(method, path, json=body, headers={"Idempotency-Key": path}) for _ in range(2)
        )
        assert (first.status_code, again.content, again.headers.get(REPLAYED)) == (status, first.content, "true"), path
    headers = operations_with_the_header(stored_client)
    assert {("post", "/v1/jobs"), ("delete", "/v1/keys/{key_id}"), ("post", "/v1/goods/batch")} <= headers
    assert headers.isdisjoint({("post", "/v1/score/csv"), ("post", "/v1/keys"), ("post", "/v1/webhooks")})


def operations_with_the_header(client: Client) -> set[tuple[str, str]]:
    """Return method and path of the documented operations that have the header."""
    return {
        (method, path)
        for path, operations in client.get("/openapi.json").json()["paths"].items()
        for method, operation in operations.items()
        if any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", ()))
    }


ANSWER = Replay(200, "application/json", b"{}")


@pytest.fixture
def begin(database: Database) -> Callable[..., Replay | None]:
    def begin(caller: str = "", now: int = 0) -> Replay | None:
        with database.write() as connection:
            return idempotency.begin(connection, Request(caller, "k", b"d"), now)

    return begin


@pytest.mark.both_engines
def test_keys_belong_to_their_caller(database: Database, begin: Callable[..., Replay | None]) -> None:
    begin("one")
    with database.write() as connection:
        idempotency.finish(connection, Request("one", "k", b"d"), ANSWER)
    assert begin("other") is None
    assert begin("one") == ANSWER


@pytest.mark.both_engines
def test_answers_are_deleted_after_24_hours(database: Database, begin: Callable[..., Replay | None]) -> None:
    begin("one")
    begin("two")
    for caller in ("one", "two"):
        with database.write() as connection:
            idempotency.finish(connection, Request(caller, "k", b"d"), ANSWER)
    assert begin("one", KEPT) == ANSWER
    assert begin("one", KEPT + 1) is None
    with database.read() as connection:
        assert connection.execute(select(IdempotentRequest.caller)).scalars().all() == ["one"]


@pytest.mark.both_engines
def test_a_request_whose_process_ended_is_carried_out_again(begin: Callable[..., Replay | None]) -> None:
    begin()
    with pytest.raises(InWork):
        begin(now=IN_WORK - 1)
    assert begin(now=IN_WORK) is None
    with pytest.raises(InWork):
        begin(now=IN_WORK + 1)


@pytest.mark.both_engines
def test_of_processes_that_begin_together_one_carries_the_request_out(
    url: str, database: Database, begin: Callable[..., Replay | None]
) -> None:
    now = time.time_ns() // 1000

    def claimed(_: int) -> bool:
        try:
            return begin(now=now) is None
        except InWork:
            return False

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(claimed, range(4))) == 1
