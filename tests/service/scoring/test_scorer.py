"""Single shipments that arrive together are scored as one table, and get the same answers as alone."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from service.app import create_app
from service.core.http.limits import Connections, Limits
from service.core.http.protocol import STATE
from service.core.settings import Settings
from service.scoring import scorer
from service.scoring.answers import Options, Outcome, score
from service.scoring.scorer import Answer
from tests.service.api_client import Client, serving
from tests.service.conftest import shipment


def at_once(client: Client, requests: Sequence[tuple[str, Any]]) -> list[httpx.Response]:
    """Return the responses to requests (query, record) that all arrive before the first response."""

    async def send() -> list[httpx.Response]:
        transport = httpx.ASGITransport(client.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as sender:
            sent = [sender.post(f"/v1/score{query}", json=record) for query, record in requests]
            return await asyncio.gather(*sent)

    return client.portal.call(send)


def one_by_one(settings: Settings, requests: Sequence[tuple[str, Any]]) -> list[httpx.Response]:
    with serving(create_app(settings)) as client:
        return [client.post(f"/v1/score{query}", json=record) for query, record in requests]


def plain(answer: httpx.Response) -> tuple[int, dict[str, Any]]:
    body = answer.json()
    return answer.status_code, {k: v for k, v in body.items() if k not in ("decision_id", "request_id")}


def varied(count: int) -> list[dict[str, Any]]:
    """Return shipments of the same parties on one day, without systematic names. Each is history of the next."""
    records = []
    for number in range(count):
        record = copy.deepcopy(shipment(shipment_id=f"S-{number}"))
        record["items"][0]["goods_description"] = ("citric acid", "phone case", "fentanyl")[number % 3]
        records.append(record)
    return records


def test_shipments_sent_together_get_the_answers_of_shipments_sent_one_by_one(
    settings: Settings, tables: list[int]
) -> None:
    requests = [("?explain=all", record) for record in varied(12)]
    expected = [plain(answer) for answer in one_by_one(settings, requests)]
    assert tables == [1] * 12
    with serving(create_app(settings)) as client:
        answers = [plain(answer) for answer in at_once(client, requests)]
    assert answers == expected
    assert max(tables[12:]) > 1
    assert sum(tables[12:]) == 12


def turns_apart(client: Client, records: Sequence[Any], turns: int) -> list[Answer]:
    """Return the answers to records that arrive ``turns`` turns of the event loop apart."""

    async def send() -> list[Answer]:
        sent = []
        for record in records:
            sent.append(asyncio.ensure_future(client.state.scorer.one(record, Options())))
            for _ in range(turns):
                await asyncio.sleep(0)
        return await asyncio.gather(*sent)

    return client.portal.call(send)


@pytest.mark.parametrize(("turns", "expected"), [(1, [6]), (2, [6]), (12, [1] * 6)])
def test_shipments_are_scored_together_while_more_keep_arriving(
    settings: Settings, tables: list[int], turns: int, expected: list[int]
) -> None:
    with serving(create_app(settings)) as client:
        answers = turns_apart(client, varied(6), turns)
    assert [(answer.result or {})["shipment_id"] for answer in answers] == [f"S-{number}" for number in range(6)]
    assert tables == expected


class Silent:
    """An open connection that sends nothing."""

    def give_up(self) -> None: ...

    def check(self, now: float) -> None: ...


@pytest.mark.parametrize(("others", "expected"), [(0, [1, 1]), (1, [2])])
def test_a_shipment_waits_for_others_unless_its_connection_is_the_only_one(
    settings: Settings, tables: list[int], others: int, expected: list[int]
) -> None:
    async def send(client: Client) -> None:
        connections = Connections(Limits(), lambda *_: None)
        every = [Silent() for _ in range(1 + others)]
        for connection in every:
            connections.opened(connection, asyncio.get_running_loop())

        async def app(scope: Any, receive: Any, answer: Any) -> None:
            await client.app({**scope, "state": {STATE: connections}}, receive, answer)

        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as sender:
            await asyncio.gather(*(sender.post("/v1/score", json=record) for record in varied(2)))
        for connection in every:
            connections.closed(connection)

    with serving(create_app(settings)) as client:
        # FastAPI parses a new query string, which delays the request.
        client.post("/v1/score", json=shipment())
        client.portal.call(send, client)
    assert tables[1:] == expected


def test_scoring_starts_once_the_largest_table_is_full(settings: Settings, tables: list[int]) -> None:
    with serving(create_app(settings)) as client:
        turns_apart(client, varied(70), 1)
    assert tables == [32, 32, 6]


def test_shipments_with_different_options_keep_their_options_and_their_order(settings: Settings) -> None:
    queries = ("?explain=all", "", "?update_history=false", "?actions=acas", "", "?explain=none")
    requests = [(query, record) for query, record in zip(queries * 3, varied(18), strict=True)]
    expected = [plain(answer) for answer in one_by_one(settings, requests)]
    with serving(create_app(settings)) as client:
        for query in queries:
            # FastAPI parses a new query string, which delays the request.
            assert client.post(f"/v1/score{query}", json={}).status_code == 422
        assert [plain(answer) for answer in at_once(client, requests)] == expected


def test_an_unreadable_shipment_does_not_affect_others_in_its_table(settings: Settings, tables: list[int]) -> None:
    records: list[Any] = [shipment(), {}, shipment(shipment_id="other"), {"shipment_id": "x", "items": []}, 7]
    with serving(create_app(settings)) as client:
        answers = at_once(client, [("", record) for record in records])
    assert [answer.status_code for answer in answers] == [200, 422, 200, 422, 422]
    assert answers[2].json()["shipment_id"] == "other"
    assert [error["field"] for error in answers[1].json()["errors"]] == ["shipment_id", "items"]
    assert [error["field"] for error in answers[3].json()["errors"]] == ["items"]
    assert [error["field"] for error in answers[4].json()["errors"]] == ["shipment"]
    assert max(tables) > 1


def test_equal_records_sent_together_are_separate_shipments(settings: Settings) -> None:
    requests = [("?update_history=false", shipment())] * 5
    with serving(create_app(settings)) as client:
        answers = at_once(client, requests)
        assert [plain(answer) for answer in answers] == [plain(client.post("/v1/score", json=shipment()))] * 5
    assert len({answer.json()["decision_id"] for answer in answers}) == 5


def test_only_the_faulty_shipment_of_a_table_fails(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(served: Any, records: Any, *args: Any, **options: Any) -> Outcome:
        if any(record["shipment_id"] == "S-2" for record in records):
            raise RuntimeError("this one")
        return score(served, records, *args, **options)

    monkeypatch.setattr(scorer, "score", failing)
    with serving(create_app(settings)) as client:
        answers = at_once(client, [("", record) for record in varied(5)])
    assert [answer.status_code for answer in answers] == [200, 200, 500, 200, 200]
    assert [answer.json().get("shipment_id") for answer in answers] == ["S-0", "S-1", None, "S-3", "S-4"]


def test_many_shipments_are_scored_in_several_tables(
    settings: Settings, tables: list[int], capfd: pytest.CaptureFixture[str]
) -> None:
    with serving(create_app(settings)) as client:
        answers = at_once(client, [("", record) for record in varied(80)])
        text = client.get("/metrics").text
    assert [answer.json()["shipment_id"] for answer in answers] == [f"S-{number}" for number in range(80)]
    assert max(tables) <= 32
    assert sum(tables) == 80
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if '"/v1/score"' in line]
    assert {line["decision_id"] for line in lines} == {answer.json()["decision_id"] for answer in answers}
    counted = [line for line in text.splitlines() if line.startswith("tidewaiter_shipments_scored_total")]
    assert sum(float(line.split()[-1]) for line in counted) == 80.0
