"""Proposals: drafted from finds, tried on the past, accepted by a person, in force at once, and retired by themselves."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from models.rules.rulebook import PLACE_FEATURES, PLACE_FIELDS
from service.app import create_app
from service.audit.proof import prove
from service.core.database.engine import Database
from service.core.database.times import now_us
from service.core.settings import Settings
from service.proposals import repository
from service.proposals.literals import is_place
from tests.service.api_client import Client, serving
from tests.service.conftest import shipment

GOODS = ("silicone phone case", "cotton t-shirt with print", "ceramic mug", "parts", "wooden toy", "garden hose")


def ordinary(number: int) -> dict[str, Any]:
    """Return a shipment of other traffic."""
    item = {"goods_description": GOODS[number % len(GOODS)], "hs_code": "392690", "net_mass_kg": 1 + number % 7}
    return shipment(shipment_id=f"O{number}", items=[item | {"customs_value": 20 + number % 50}])


def of_the_scheme(number: int) -> dict[str, Any]:
    """Return a shipment of the planted scheme: another party each time, the same way of declaring."""
    item = {"goods_description": f"sealing flanges type {number}", "hs_code": "730791", "net_mass_kg": 4.0}
    parties: dict[str, Any] = {
        "consignor": {"name": f"Kestrel Flanges {number} Ltd", "country": "CN", "city": "Ningbo"},
        "consignee": {"name": f"Person {number}", "country": "US", "city": "Springfield"},
    }
    return shipment(shipment_id=f"F{number}", items=[item | {"customs_value": 90}], **parties)


@pytest.fixture
def office(models: Path, url: str) -> Settings:
    return Settings(models_dir=models, keeps_decisions=True, database_url=SecretStr(url))


def scored(client: Client, *shipments: dict[str, Any]) -> list[dict[str, Any]]:
    answer = client.post("/v1/score/batch", json={"shipments": list(shipments)})
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def found(client: Client, decision_id: str, content: str = "precursor") -> str:
    outcome = {"content": content, "found_at": "2026-05-04", "by": "Officer 4711"}
    answer = client.post(f"/v1/decisions/{decision_id}/outcome", json=outcome)
    assert answer.status_code == 201, answer.text
    outcome_id: str = answer.json()["outcome_id"]
    return outcome_id


def proposed(client: Client, *outcome_ids: str) -> list[dict[str, Any]]:
    answer = client.post("/v1/proposals", json={"outcome_ids": list(outcome_ids)})
    assert answer.status_code == 201, answer.text
    proposals: list[dict[str, Any]] = answer.json()["proposals"]
    return proposals


def test_from_a_find_to_a_rule_in_force_and_to_its_end(office: Settings, url: str) -> None:
    with serving(create_app(office)) as client:
        scored(client, *(ordinary(number) for number in range(300)))
        finds = scored(client, of_the_scheme(1), of_the_scheme(2))
        assert {one["lane"] for one in finds} != {"red"}
        outcomes = [found(client, one["decision_id"]) for one in finds]
        drafts = proposed(client, *outcomes)
        assert drafts
        assert proposed(client, *outcomes) == drafts
        best = drafts[0]
        assert len(best["conditions"]) <= 3
        assert best["state"] == "drafted"
        assert best["backtest"]["opened"] == best["backtest"]["drafted_from"] == 2
        assert best["backtest"]["inspected"] == best["backtest"]["finds"] == 0
        assert best["backtest"]["already_red"] == 0.0
        # A draft changes nothing.
        assert scored(client, of_the_scheme(3))[0]["lane"] != "red"

        accepted = client.post(f"/v1/proposals/{best['id']}/accept", json={"reason": "Agreed with the laboratory"})
        assert accepted.status_code == 200, accepted.text
        [later] = scored(client, of_the_scheme(4))
        assert (later["lane"], later["selected_by"]) == ("red", "rule")
        assert best["rule_id"] in later["rule_ids"]
        assert scored(client, ordinary(1_000))[0]["selected_by"] != "rule"

        again = client.post(f"/v1/proposals/{best['id']}/accept", json={"reason": "Once more"})
        assert again.json()["reason"] == "Agreed with the laboratory"
        ended = client.post(f"/v1/proposals/{best['id']}/decline", json={"reason": "The scheme has ended"})
        assert ended.json()["state"] == "declined"
        assert scored(client, of_the_scheme(5))[0]["selected_by"] != "rule"
        late = client.post(f"/v1/proposals/{best['id']}/accept", json={"reason": "Once more"})
        assert late.status_code == 409
    database = Database(url)
    assert prove(database).fault is None
    database.close()


def test_another_worker_takes_an_accepted_proposal_over_without_a_restart(office: Settings, url: str) -> None:
    with serving(create_app(office)) as client:
        scored(client, *(ordinary(number) for number in range(120)))
        [find] = scored(client, of_the_scheme(1))
        [best, *_] = proposed(client, found(client, find["decision_id"]))
        database = Database(url)
        repository.decide(database, best["id"], "accepted", "by another process", caller=None, now=now_us())
        database.close()
        until = time.monotonic() + 20
        while scored(client, of_the_scheme(round(time.monotonic() * 1000)))[0]["selected_by"] != "rule":
            assert time.monotonic() < until


def test_a_proposal_ends_by_itself_or_when_it_finds_too_little(office: Settings, url: str) -> None:
    database = Database(url)
    with serving(create_app(office)) as client:
        scored(client, *(ordinary(number) for number in range(120)))
        [find] = scored(client, of_the_scheme(1))
        outcome = found(client, find["decision_id"])
        first = proposed(client, outcome)[0]
        client.post(f"/v1/proposals/{first['id']}/accept", json={"reason": "A test"})
        assert repository.retire(database, now_us() + 91 * 86_400 * 1_000_000) == [first["id"]]
        best = proposed(client, outcome)[0]
        assert best["id"] != first["id"]
        client.post(f"/v1/proposals/{best['id']}/accept", json={"reason": "A test"})
        assert repository.retire(database, now_us()) == []
        opened = scored(client, *(of_the_scheme(number) for number in range(100, 300)))
        assert {one["selected_by"] for one in opened} == {"rule"}
        for one in opened:
            found(client, one["decision_id"], "none")
        assert repository.retire(database, now_us()) == [best["id"]]
        [known] = [one for one in client.get("/v1/proposals").json()["proposals"] if one["id"] == best["id"]]
        assert known["state"] == "retired"
        assert known["reason"] == "0 finds in 200 inspections: below 1.0%"
    database.close()


def test_no_proposal_rests_on_places_or_names_a_party(office: Settings) -> None:
    """Finds that share nothing but their parties and places."""
    with serving(create_app(office)) as client:
        scored(client, *(ordinary(number) for number in range(120)))
        same: dict[str, Any] = {
            "consignor": {
                "name": "Zephyr Orchid Trading",
                "country": "VN",
                "city": "Haiphong",
                "email": "a@zephyr.example",
            },
            "consignee": {"name": "Ottilie Quarrington", "country": "US", "city": "Duluth", "postcode": "55802"},
            "routing_countries": ["SG"],
            "export_country": "VN",
            "carrier_id": "ZQ",
            "marketplace": "Orchidmart",
        }
        goods = [
            "Vietnamese ceramic mug for Ottilie",
            "wooden toy from Haiphong, Zephyr",
            "cotton t-shirt Orchidmart Duluth",
        ]
        finds = scored(
            client,
            *(
                shipment(
                    shipment_id=f"P{k}",
                    items=[{"goods_description": text, "hs_code": "392690", "net_mass_kg": 3}],
                    **same,
                )
                for k, text in enumerate(goods)
            ),
        )
        drafts = proposed(client, *(found(client, one["decision_id"]) for one in finds))
    words = ("zephyr", "orchid", "ottilie", "quarrington", "haiphong", "vietnam", "duluth", "55802", "singapore")
    for draft in drafts:
        said = f"{draft['text']} {draft['conditions']}".casefold()
        assert not [word for word in words if word in said]
        for leaf in draft["conditions"]:
            assert leaf.get("field") not in PLACE_FIELDS
            assert leaf.get("feature") not in PLACE_FEATURES
            assert leaf.get("field", "") not in ("consignor_name", "consignee_name", "carrier_id", "marketplace")


@pytest.mark.parametrize("word", ["Chinese", "Mexico", "mexican", "Shanghai", "german", "Rotterdam", "Vietnamese"])
def test_words_of_places_and_nationalities_are_known(word: str) -> None:
    assert is_place(word)


@pytest.mark.parametrize("word", ["flanges", "powder", "ceramic", "resin", "capsule"])
def test_words_of_goods_are_no_places(word: str) -> None:
    assert not is_place(word)


def test_a_clean_or_unknown_outcome_is_refused(office: Settings) -> None:
    with serving(create_app(office)) as client:
        [clean] = scored(client, of_the_scheme(1))
        outcome = found(client, clean["decision_id"], "none")
        for one, problem in ((outcome, "is no find"), ("nothing", "there is no outcome nothing")):
            answer = client.post("/v1/proposals", json={"outcome_ids": [one]})
            assert answer.status_code == 422
            assert problem in answer.json()["errors"][0]["problem"]
        assert client.post("/v1/proposals/none/accept", json={"reason": "A test"}).status_code == 404
