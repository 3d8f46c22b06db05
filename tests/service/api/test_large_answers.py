"""Reasons appear once and are limited; large answers are streamed, and batches in progress have a budget of bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.app import create_app
from service.core.errors import Unprocessable
from service.core.http.bodies import parse_list
from service.core.settings import Settings
from service.scoring import answers
from service.scoring import routes as scoring
from service.scoring.schemas import BatchScore, Score
from tests.service.api.test_score_batch import numbered, without_ids
from tests.service.api_client import Client, State, serving
from tests.service.conftest import shipment


@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_strongest_reasons_are_shown_and_one_reason_summarises_the_others(client: Client, count: int) -> None:
    path = "/v1/score?explain=all&update_history=false&reasons="
    every = client.post(f"{path}100", json=shipment()).json()["reasons"]
    answer = client.post(f"{path}{count}", json=shipment()).json()
    Score.model_validate(answer)
    weighted = [reason for reason in answer["reasons"] if reason["weight"] is not None]
    assert len(every) > 5
    assert "OTHER" not in [reason["code"] for reason in every]
    assert weighted[:-1] == every[:count]
    assert weighted[-1]["code"] == "OTHER"
    assert weighted[-1]["weight"] == pytest.approx(sum(reason["weight"] for reason in every[count:]), abs=1e-9)
    total = answer["explains"]["base_value"] + sum(reason["weight"] for reason in weighted)
    assert total == pytest.approx(answer["explains"]["raw_score"], abs=1e-9)


def test_by_default_the_reasons_left_out_are_small_and_each_appears_once(client: Client) -> None:
    answer = client.post("/v1/score?explain=all", json=shipment()).json()
    *shown, other = [reason["weight"] for reason in answer["reasons"] if reason["weight"] is not None]
    assert answer["reasons"][-1]["code"] == "OTHER"
    assert len(shown) <= 12
    assert abs(other) <= 0.1 * sum(map(abs, shown))
    assert json.dumps(answer).count(answer["reasons"][0]["text"]) == 1


@pytest.mark.parametrize("value", ["-1", "101", "x"])
def test_a_wrong_number_of_reasons_is_refused(client: Client, value: str) -> None:
    assert client.post(f"/v1/score?reasons={value}", json=shipment()).status_code == 422


def large(shipments: int, items: int) -> list[dict[str, Any]]:
    records = numbered(min(shipments, 60))
    for number, record in enumerate(records):
        goods = [{"goods_description": f"part {number} {item}", "hs_code": "848790"} for item in range(items)]
        record["items"] = goods
    return records


def test_a_streamed_answer_equals_the_answer_in_one_piece(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    body: dict[str, Any] = {"shipments": [*large(12, 7), {"shipment_id": "HB-bad"}]}
    with serving(create_app(settings)) as client:
        whole = client.post("/v1/score/batch?explain=all&actions=acas", json=body)
    monkeypatch.setattr(answers, "MOST_ROWS_AT_ONCE", 10)
    for rows in (1, 20, 84, 1000):
        monkeypatch.setattr(scoring, "_ROWS_PER_PART", rows)
        with serving(create_app(settings)) as client:
            streamed = client.post("/v1/score/batch?explain=all&actions=acas", json=body)
            assert client.state.bodies.used == 0
        assert "content-length" not in streamed.headers
        assert streamed.headers["content-type"] == "application/json"
        BatchScore.model_validate(streamed.json())
        assert without_ids(streamed.json()["results"]) == without_ids(whole.json()["results"])
        assert streamed.json()["rejected"] == whole.json()["rejected"] != []


def test_a_batch_holds_its_bytes_until_its_answer_is_sent(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MOST_ROWS_AT_ONCE", 10)
    monkeypatch.setattr(scoring, "_ROWS_PER_PART", 1)
    app = create_app(settings)
    held = []

    class Watching:
        def __init__(self, inner: ASGIApp) -> None:
            self.inner = inner

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            async def watched(message: Message) -> None:
                if message.get("more_body"):
                    held.append(State(app).bodies.used)
                await send(message)

            await self.inner(scope, receive, watched)

    app.add_middleware(Watching)
    body = json.dumps({"shipments": large(12, 7)}).encode()
    with serving(app) as client:
        kind = {"Content-Type": "application/json"}
        assert client.post("/v1/score/batch", content=body, headers=kind).status_code == 200
        assert len(held) > 5
        assert set(held) == {len(body)}
        assert client.state.bodies.used == 0


def test_batches_beyond_the_memory_for_them_are_refused_at_once(settings: Settings) -> None:
    small = Settings(models_dir=settings.models_dir, max_bodies_bytes=100_000)
    with serving(create_app(small)) as client, client.state.bodies.hold() as other:
        other.add(99_000)
        refused = client.post("/v1/score/batch", json={"shipments": numbered(12)})
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
        assert client.state.bodies.used == 99_000
        other.release()
        # A single batch may be larger than the limit for all batches.
        assert client.post("/v1/score/batch", json={"shipments": large(12, 200)}).status_code == 200
        assert client.state.bodies.used == 0


@pytest.mark.parametrize("kind", ["goods", "substances"])
def test_questions_beyond_the_memory_for_them_are_refused_and_shipments_are_not(settings: Settings, kind: str) -> None:
    small = Settings(models_dir=settings.models_dir, max_bodies_bytes=100_000)
    with serving(create_app(small)) as client, client.state.questions.hold() as other:
        other.add(99_999)
        asked = {"queries": ["citric acid"]}
        assert client.post(f"/v1/{kind}/batch", json=asked).status_code == 503
        assert client.post("/v1/score/batch", json={"shipments": numbered(12)}).status_code == 200
        other.release()
        assert client.post(f"/v1/{kind}/batch", json=asked).status_code == 200
        assert client.state.questions.used == 0


def used_while_sent(client: Client, path: str, body: Any, **headers: str) -> tuple[httpx.Response, set[int]]:
    """Return an answer, and the bytes that count while each of its messages is sent."""
    used = set()

    async def ask() -> httpx.Response:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            async def watched(message: Any) -> None:
                used.add(client.state.bodies.used + client.state.questions.used)
                await send(message)

            await client.app(scope, receive, watched)

        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=None) as sender:
            return await sender.post(path, json=body, headers=headers)

    return client.portal.call(ask), used


OPIOIDS = shipment(
    items=[{"declared_chemical": "fentanyl citrate", "goods_description": f"lot {n}"} for n in range(30)]
)
GOODS = {"queries": [f"cotton shirts for men, style {number}" for number in range(400)]}
DRAWINGS = {"queries": ["fentanyl"] * 10, "drawing": True}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/score?explain=all&reasons=100", OPIOIDS),
        ("/v1/score/batch?explain=all&reasons=100", {"shipments": large(12, 5)}),
        ("/v1/goods/batch", GOODS),
        ("/v1/substances/batch", DRAWINGS),
    ],
    ids=["shipment", "batch", "goods", "drawings"],
)
def test_a_large_answer_counts_until_it_is_sent(settings: Settings, path: str, body: Any) -> None:
    with serving(create_app(settings)) as client:
        answer, used = used_while_sent(client, path, body)
        assert answer.status_code == 200
        size = len(answer.content)
        assert int(answer.headers["content-length"]) == size > 64 * 1024
        assert min(used) >= size
        assert client.state.bodies.used == client.state.questions.used == 0
        with client.state.bodies.hold() as shipments, client.state.questions.hold() as questions:
            for hold in (shipments, questions):
                hold.add(client.state.settings.max_bodies_bytes - 64 * 1024)
            refused = client.post(path, json=body)
            assert (refused.status_code, refused.json()["type"]) == (503, "urn:tidewaiter:problem:busy")
            assert int(refused.headers["retry-after"]) >= 1
        assert client.state.bodies.used == client.state.questions.used == 0


def test_a_large_replayed_answer_counts_too(settings: Settings, tmp_path: Path) -> None:
    url = SecretStr(f"sqlite:///{tmp_path / 'answers.db'}")
    with serving(
        create_app(Settings(models_dir=settings.models_dir, keeps_decisions=True, database_url=url))
    ) as client:
        for replayed in (None, "true"):
            answer, used = used_while_sent(client, "/v1/goods/batch", GOODS, **{"Idempotency-Key": "one"})
            assert answer.status_code == 200
            # While the answer is sent, only the copy that was stored for the key counts.
            assert min(used) >= len(answer.content) > 64 * 1024
            assert client.state.bodies.used == client.state.questions.used == 0
            assert answer.headers.get("idempotent-replayed") == replayed


def test_a_small_answer_does_not_count(client: Client) -> None:
    for path, body in (("/v1/score?explain=all", shipment()), ("/v1/substances/batch", {"queries": ["citric acid"]})):
        answer, used = used_while_sent(client, path, body)
        assert (answer.status_code, used) == (200, {0})


def test_uploads_beyond_the_disk_space_for_them_are_refused_at_once(settings: Settings) -> None:
    small = Settings(models_dir=settings.models_dir, max_uploads_bytes=100_000)
    with serving(create_app(small)) as client, client.state.uploads.hold() as other:
        other.add(99_990)
        body = b"shipment_id,goods_description\nHB-1,phone case\n"
        kind = {"Content-Type": "text/csv"}
        assert client.post("/v1/score/csv", content=body, headers=kind).status_code == 503
        other.release()
        assert client.post("/v1/score/csv", content=body, headers=kind).status_code == 200
        assert client.state.uploads.used == 0


@pytest.mark.parametrize("padding", [0, 2_000_000], ids=["small", "large"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1, "shipments": [1, {"b": NaN}, "x"]}', 3),
        ('{"shipments": {}}', None),
        ("[1]", None),
        ('{"shipments": null}', None),
        ("{}", None),
    ],
)
def test_large_lists_are_parsed_like_small_ones(padding: int, text: str, expected: int | None) -> None:
    found = parse_list(text.encode() + b" " * padding, "shipments")
    assert (len(found) if isinstance(found, list) else None) == expected
    if expected:
        assert found[1]["b"] != found[1]["b"]


@pytest.mark.parametrize("padding", [0, 2_000_000], ids=["small", "large"])
def test_text_that_is_not_json_is_refused_with_its_place(padding: int) -> None:
    with pytest.raises(Unprocessable, match="line 2 column 1"):
        parse_list(b'{"shipments":\nx' + b" " * padding, "shipments")
