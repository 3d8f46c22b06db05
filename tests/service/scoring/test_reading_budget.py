"""Expensive requests are read within a budget, outside the event loop. Unread texts are reported; their lane is at least yellow."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from typing import Any

import httpx
import pytest

from features.substances import Substances
from features.substances.read.opsin import Opsin
from features.table.reading import LONGEST_DESCRIPTION, LONGEST_TEXT
from features.texts.reading import ReadingBudget, current_budget, reading_within
from service.app import create_app
from service.core.http.schemas import UnreadableQuery
from service.core.settings import Settings
from service.substances.schemas import SubstanceAnswer, SubstanceAnswers
from tests.service.api_client import Client, serving
from tests.service.conftest import shipment


def structures(count: int, first: int = 0) -> list[str]:
    """Return distinct SMILES of harmless molecules."""
    return [
        f"O=C(OC)c1ccc({'C' * (number % 40 + 1)}O{'C' * (number // 40 + 1)})cc1"
        for number in range(first, first + count)
    ]


def of_items(texts: list[str], field: str = "declared_chemical") -> dict[str, Any]:
    return shipment(items=[{field: text, "goods_description": f"sample {n}"} for n, text in enumerate(texts)])


@pytest.fixture
def impatient(settings: Settings) -> Settings:
    return Settings(models_dir=settings.models_dir, reading_seconds=1e-9)


def test_health_is_answered_while_a_thousand_structures_are_read(settings: Settings) -> None:
    """Most structures remain unread, because the budget is a fraction of the time that they need."""
    bounded = Settings(models_dir=settings.models_dir, reading_seconds=1.0)
    record = of_items(structures(999))

    async def send(client: Client) -> tuple[httpx.Response, int]:
        transport = httpx.ASGITransport(client.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=None) as sender:
            scoring = asyncio.create_task(sender.post("/v1/score", json=record))
            answered = 0
            while not scoring.done():
                answered += (await sender.get("/healthz")).status_code == 200
                # Requests in this process never wait, so let the other request run.
                await asyncio.sleep(0)
            return await scoring, answered

    with serving(create_app(bounded)) as client:
        answer, answered = client.portal.call(send, client)
    assert answer.status_code == 200
    assert answered > 10
    unread = answer.json()["unread"]
    assert 0 < len(unread) < 999
    assert answer.json()["lane"] in ("yellow", "red")


def test_texts_beyond_the_budget_are_unread_and_read_by_a_later_request(
    settings: Settings, impatient: Settings
) -> None:
    record = of_items(structures(20, first=2_000))
    with serving(create_app(impatient)) as client:
        for path, body in (("/v1/score", record), ("/v1/score/batch", {"shipments": [record] * 2})):
            answer = client.post(path, json=body).json()
            for one in answer.get("results", [answer]):
                assert one["lane"] in ("yellow", "red")
                assert one["unread"] == [
                    {"item_number": str(number + 1), "field": "declared_chemical"} for number in range(20)
                ]
                assert any("time allows" in reason["text"] for reason in one["reasons"])
    with serving(create_app(settings)) as client:
        assert client.post("/v1/score", json=record).json()["unread"] == []


def test_an_unread_description_is_read_by_a_later_request_of_the_same_service(impatient: Settings) -> None:
    text = "CCC(=O)N(c1ccccc1)C1CCN(CCc2ccccc2)CC1 reagent, lot 77, sealed"
    with serving(create_app(impatient)) as client:
        record = shipment(items=[{"goods_description": text}] + [{"goods_description": "toy"}] * 20)
        first = client.post("/v1/score", json=record).json()
        assert {"item_number": "1", "field": "goods_description"} in first["unread"]
        client.state.scorer._reading_seconds = 60.0
        second = client.post("/v1/score", json=record).json()
    assert second["unread"] == []
    assert second["items"][0]["substance"] is not None


def test_a_consignor_that_was_not_read_is_unread_once_in_its_shipment(settings: Settings, impatient: Settings) -> None:
    toys = [{"goods_description": "plastic toys"}] * 3
    named = shipment(shipment_id="named", consignor={"name": "Remifentanil Export Unread Ltd"}, items=toys)
    records = [of_items(structures(5, first=4_000)), named, shipment(shipment_id="other", items=toys)]
    with serving(create_app(impatient)) as client:
        [_, spent, other] = client.post("/v1/score/batch", json={"shipments": records}).json()["results"]
    assert spent["unread"] == [{"item_number": "1", "field": "consignor_name"}]
    assert spent["lane"] in ("yellow", "red")
    assert other["unread"] == []
    with serving(create_app(settings)) as client:
        read = client.post("/v1/score", json=named).json()
    assert read["unread"] == []
    assert read["items"][0]["substance"]["name"] == "Remifentanil"


def test_plain_goods_are_read_without_a_budget_while_opsin_does_not_read_every_name(
    impatient: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Opsin, "reads_all", False)
    named = {"goods_description": "2-(4-ethoxybenzyl)-5-nitro-1-(2-pyrrolidin-1-ylethyl)-1H-benzimidazole lot 43"}
    with serving(create_app(impatient)) as client:
        record = shipment(items=[*[{"goods_description": text} for text in ("plastic toys", "sample 43")], named])
        answer = client.post("/v1/score", json=record).json()
    assert answer["unread"] == [{"item_number": "3", "field": "goods_description"}]


def test_halves_of_a_name_that_were_only_read_separately_are_unread(client: Client) -> None:
    halves = [{"goods_description": "sample bag 41 of carfen"}, {"goods_description": "tanil powder 41 kg"}]
    fields = [{"declared_chemical": "carfen", "goods_description": "tanil powder 42 kg"}]
    apart = [*halves, {"goods_description": fields[0]["goods_description"]}, {"declared_chemical": "carfen"}]
    for item in apart:
        client.post("/v1/score?update_history=false", json=shipment(items=[item]))

    def ask(items: list[dict[str, str]]) -> dict[str, Any]:
        return dict(client.post("/v1/score?update_history=false", json=shipment(items=items)).json())

    client.state.scorer._reading_seconds = 1e-9
    below, beside = ask(halves), ask(fields)
    assert below["unread"] == [{"item_number": str(number), "field": "goods_description"} for number in (1, 2)]
    assert {one["field"] for one in beside["unread"]} == {"declared_chemical", "goods_description"}
    assert {below["lane"], beside["lane"]} <= {"yellow", "red"}
    client.state.scorer._reading_seconds = 60.0
    assert ask(halves)["unread"] == []
    assert ask(halves)["items"][0]["substance"]["name"] == "Carfentanil"


def test_a_file_reports_unread_texts(impatient: Settings) -> None:
    rows = "".join(f"HB-{n},sample,{text}\n" for n, text in enumerate(structures(5, first=3_000)))
    body = f"shipment_id,goods_description,declared_chemical\n{rows}"
    with serving(create_app(impatient)) as client:
        answer = client.post("/v1/score/csv", content=body.encode(), headers={"Content-Type": "text/csv"})
    assert answer.text.count("declared_chemical") == 6
    assert answer.text.count("yellow") + answer.text.count("red,") >= 5


def test_a_batch_of_lookups_reports_the_texts_that_it_had_no_time_to_read(settings: Settings) -> None:
    texts = [*structures(150, first=5_000), "437-38-7", "fentanyl"]
    with serving(create_app(Settings(models_dir=settings.models_dir, reading_seconds=0.2))) as client:
        answer = client.post("/v1/substances/batch", json={"queries": texts})
        assert answer.status_code == 200
        results = SubstanceAnswers.model_validate(answer.json()).results
        assert [one.query for one in results] == texts
        unread = [one.query for one in results if isinstance(one, UnreadableQuery)]
        assert 0 < len(unread) < 150
        assert all("was not read" in one.problem for one in results if isinstance(one, UnreadableQuery))
        # Short texts are read first.
        assert all(isinstance(one, SubstanceAnswer) and one.hit for one in results[-2:])
        again = client.post("/v1/substances/batch", json={"queries": unread[:1]}).json()["results"]
        assert "problem" not in again[0]


def test_an_unread_text_is_not_reported_as_naming_no_substance(client: Client) -> None:
    """The budget may run out between its check and the reading of the text."""

    class Late(ReadingBudget):
        looks = 0

        @property
        def spent(self) -> bool:
            self.looks += 1
            return self.looks > 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("service.substances.routes.ReadingBudget", Late)
        [result] = client.post("/v1/substances/batch", json={"queries": structures(1, first=6_000)}).json()["results"]
    assert "was not read" in result["problem"]


def test_batches_of_lookups_beyond_those_that_may_wait_are_refused_and_single_ones_are_not(client: Client) -> None:
    limiter = client.state.lookups.batches

    async def ask() -> tuple[list[httpx.Response], httpx.Response]:
        transport = httpx.ASGITransport(client.app)
        limiter.acquire_on_behalf_of_nowait(limiter)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=None) as sender:
            batch = {"queries": ["fentanyl"]}
            tasks = [asyncio.create_task(sender.post("/v1/substances/batch", json=batch)) for _ in range(12)]
            for _ in range(1000):
                # Requests in this process never wait, so let the others run.
                await asyncio.sleep(0)
            single = await sender.get("/v1/substances", params={"q": "fentanyl"})
            limiter.release_on_behalf_of(limiter)
            return await asyncio.gather(*tasks), single

    answers, single = client.portal.call(ask)
    assert single.status_code == 200
    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [503] * 3
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert refused.json()["type"] == "urn:tidewaiter:problem:busy"
    assert int(refused.headers["retry-after"]) >= 1


def test_short_texts_and_numbers_are_read_first(monkeypatch: pytest.MonkeyPatch) -> None:
    class Three(ReadingBudget):
        """A budget for three texts."""

        left = 3

        @property
        def spent(self) -> bool:
            self.left -= 1
            return self.left < 0

    texts = ["a long text that names nothing", "437-38-7", "words", "fentanyl", "21409-26-7"]
    budget = Three(60.0)
    # Forget earlier texts, because reading them again does not use the budget.
    monkeypatch.setattr(Substances.load(), "_known", {})
    with reading_within(budget):
        found = Substances.load().match_all(texts, chemical=True)
    assert current_budget() is None
    assert budget.unread == {texts[0], "fentanyl"}
    assert [match is not None for match in found] == [False, True, False, False, True]


def test_overlong_texts_are_cut_with_a_warning_and_not_kept_in_memory(client: Client) -> None:
    def ask(number: int) -> dict[str, Any]:
        code = f"{number:06}" + "1" * 600_000
        answer = client.post("/v1/score", json=shipment(shipment_id=f"HB-{number}", items=[{"hs_code": code}]))
        return dict(answer.json())

    first = ask(0)
    [warning] = [one for one in first["warnings"] if "characters" in one["problem"]]
    assert warning["field"] == "hs_code"
    assert f"first {LONGEST_TEXT:,}" in warning["problem"]
    assert first["unread"] == []
    tracemalloc.start()
    ask(1)
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(2, 12):
        ask(number)
    # Requests of the client form reference cycles.
    gc.collect()
    kept = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert kept < 1_000_000


def test_a_description_that_is_too_long_is_unread(client: Client) -> None:
    words = "phone case " * (LONGEST_DESCRIPTION // 11 + 1)
    answer = client.post("/v1/score", json=shipment(items=[{"goods_description": words}])).json()
    assert answer["unread"] == [{"item_number": "1", "field": "goods_description"}]
    assert answer["lane"] in ("yellow", "red")


def test_a_consignor_whose_name_is_too_long_is_unread(client: Client) -> None:
    name = "Trading House " * (LONGEST_TEXT // 14 + 1)
    answer = client.post("/v1/score", json=shipment(consignor={"name": name})).json()
    assert answer["unread"] == [{"item_number": "1", "field": "consignor_name"}]


def test_two_references_that_differ_at_their_end_stay_two_shipments(client: Client) -> None:
    records = [shipment(shipment_id="x" * 2_000 + end) for end in "ab"]
    answer = client.post("/v1/score/batch", json={"shipments": records}).json()
    assert [one["shipment_id"] for one in answer["results"]] == [record["shipment_id"] for record in records]
