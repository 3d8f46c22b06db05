"""Single shipments that lie ready at once are scored together, and nobody can tell from the answers."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from service.app import create_app
from service.scoring import scorer
from service.scoring.answers import Options, Outcome, score
from service.scoring.scorer import Answer
from service.settings import Settings
from tests.service.api_client import Client, serving
from tests.service.conftest import shipment


def at_once(client: Client, requests: Sequence[tuple[str, Any]]) -> list[httpx.Response]:
    """Answers to requests (query, record) of which all are there before the first is answered."""

    async def send() -> list[httpx.Response]:
        transport = httpx.ASGITransport(client.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://tidewaiter.example") as sender:
            sent = [sender.post(f"/v1/score{query}", json=record) for query, record in requests]
            return await asyncio.gather(*sent)

    return client.portal.call(send)


def one_by_one(settings: Settings, requests: Sequence[tuple[str, Any]]) -> list[httpx.Response]:
    with serving(create_app(settings)) as client:
        return [client.post(f"/v1/score{query}", json=record) for query, record in requests]


def plain(answer: httpx.Response) -> tuple[int, dict[str, Any]]:
    body = answer.json()
    return answer.status_code, {k: v for k, v in body.items() if k not in ("decision_id", "request_id")}


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many shipments each call of `score` was given, but for those that the service sends itself before it is ready."""
    sizes: list[int] = []

    def counted(served: Any, records: Any, *args: Any, **options: Any) -> Outcome:
        if '"warm-up-' not in json.dumps(records):
            sizes.append(len(records))
        return score(served, records, *args, **options)

    monkeypatch.setattr(scorer, "score", counted)
    return sizes


def varied(count: int) -> list[dict[str, Any]]:
    """Shipments of the same parties on one day, so that each is history to the next; no name that another program reads."""
    made = []
    for number in range(count):
        record = copy.deepcopy(shipment(shipment_id=f"S-{number}"))
        record["items"][0]["goods_description"] = ("citric acid", "phone case", "fentanyl")[number % 3]
        made.append(record)
    return made


def test_shipments_sent_at_once_are_answered_as_if_sent_one_by_one(settings: Settings, tables: list[int]) -> None:
    requests = [("?explain=all", record) for record in varied(12)]
    expected = [plain(answer) for answer in one_by_one(settings, requests)]
    assert tables == [1] * 12
    with serving(create_app(settings)) as client:
        found = [plain(answer) for answer in at_once(client, requests)]
    assert found == expected
    assert max(tables[12:]) > 1
    assert sum(tables[12:]) == 12


def turns_apart(client: Client, records: Sequence[Any], turns: int) -> list[Answer]:
    """Answers to records that come so many turns of the event loop after one another."""

    async def send() -> list[Answer]:
        sent = []
        for record in records:
            sent.append(asyncio.ensure_future(client.state.scorer.one(record, Options())))
            for _ in range(turns):
                await asyncio.sleep(0)
        return await asyncio.gather(*sent)

    return client.portal.call(send)


@pytest.mark.parametrize(("turns", "expected"), [(1, [6]), (2, [6]), (12, [1] * 6)])
def test_as_long_as_others_keep_coming_they_are_scored_together(
    settings: Settings, tables: list[int], turns: int, expected: list[int]
) -> None:
    with serving(create_app(settings)) as client:
        answers = turns_apart(client, varied(6), turns)
    assert [(answer.result or {})["shipment_id"] for answer in answers] == [f"S-{number}" for number in range(6)]
    assert tables == expected


def test_nobody_waits_for_more_than_can_be_scored_together(settings: Settings, tables: list[int]) -> None:
    with serving(create_app(settings)) as client:
        turns_apart(client, varied(70), 1)
    assert tables == [32, 32, 6]


def test_what_each_asked_for_is_kept_apart_and_the_order_kept(settings: Settings) -> None:
    queries = ("?explain=all", "", "?update_history=false", "?actions=acas", "", "?explain=none")
    requests = [(query, record) for query, record in zip(queries * 3, varied(18), strict=True)]
    expected = [plain(answer) for answer in one_by_one(settings, requests)]
    with serving(create_app(settings)) as client:
        for query in queries:
            # A query that is new takes longer to arrive.
            assert client.post(f"/v1/score{query}", json={}).status_code == 422
        assert [plain(answer) for answer in at_once(client, requests)] == expected


def test_what_cannot_be_read_is_refused_alone(settings: Settings, tables: list[int]) -> None:
    records: list[Any] = [shipment(), {}, shipment(shipment_id="other"), {"shipment_id": "x", "items": []}, 7]
    with serving(create_app(settings)) as client:
        answers = at_once(client, [("", record) for record in records])
    assert [answer.status_code for answer in answers] == [200, 422, 200, 422, 422]
    assert answers[2].json()["shipment_id"] == "other"
    assert [error["field"] for error in answers[1].json()["errors"]] == ["shipment_id", "items"]
    assert [error["field"] for error in answers[3].json()["errors"]] == ["items"]
    assert [error["field"] for error in answers[4].json()["errors"]] == ["shipment"]
    assert max(tables) > 1


def test_one_record_sent_by_many_at_once_is_one_shipment_to_each(settings: Settings) -> None:
    requests = [("?update_history=false", shipment())] * 5
    with serving(create_app(settings)) as client:
        answers = at_once(client, requests)
        assert [plain(answer) for answer in answers] == [plain(client.post("/v1/score", json=shipment()))] * 5
    assert len({answer.json()["decision_id"] for answer in answers}) == 5


def test_a_failure_is_answered_to_the_one_at_fault(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(served: Any, records: Any, *args: Any, **options: Any) -> Outcome:
        if any(record["shipment_id"] == "S-2" for record in records):
            raise RuntimeError("this one")
        return score(served, records, *args, **options)

    monkeypatch.setattr(scorer, "score", failing)
    with serving(create_app(settings)) as client:
        answers = at_once(client, [("", record) for record in varied(5)])
    assert [answer.status_code for answer in answers] == [200, 200, 500, 200, 200]
    assert [answer.json().get("shipment_id") for answer in answers] == ["S-0", "S-1", None, "S-3", "S-4"]


def test_more_than_a_loop_should_be_held_for_are_scored_in_parts(
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
