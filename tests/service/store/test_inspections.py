"""Outcomes, overrides, the queue and its claims, through the API on both engines."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from pydantic import SecretStr
from sqlalchemy import insert, select, update

from models.bundle import ModelStore
from service.app import create_app
from service.core.database.audit import KINDS, salted
from service.core.database.engine import Database
from service.core.database.tables import AuditEntry
from service.core.http.openapi import Scope
from service.core.settings import Settings
from service.decisions.repository import record
from service.inspections import pages
from service.inspections import queue as inspections
from service.inspections.outcomes import outcomes_of, overrides_of
from service.inspections.queue import refresh
from service.inspections.schemas import QueueAnswer
from service.inspections.tables import Outcome, QueueEntry
from service.keys import repository as keys
from service.keys.key import KeyWishes
from service.scoring.selecting import Selection
from service.scoring.tables import Decision
from tests.service.api_client import Client, serving
from tests.service.conftest import shipment
from tests.service.store.decisions import new_decision

FIND = {
    "content": "precursor",
    "found_at": "2026-05-04T15:20:00Z",
    "by": "Officer 4711",
    "quantity": 24.6,
    "unit": "KGM",
}
OTHER = {"content": "other_contraband", "kind": "weapon", "found_at": "2026-05-04", "by": "Officer 4711"}
CLEAN = {"content": "none", "found_at": "2026-05-04", "by": "Officer 4711"}


@pytest.fixture
def opened(url: str) -> Iterator[Database]:
    """The database of `stored_client`."""
    database = Database(url)
    yield database
    database.close()


def decided(client: Client, name: str, **changes: Any) -> str:
    """Score a shipment and return the id of its decision."""
    answer = client.post("/v1/score", json=shipment(shipment_id=name, **changes))
    assert answer.status_code == 200, answer.text
    decision_id: str = answer.json()["decision_id"]
    return decision_id


def in_lane(client: Client, lane: str, decision_id: str) -> None:
    answer = client.post(f"/v1/decisions/{decision_id}/override", json={"lane": lane, "reason": "a test"})
    assert answer.status_code == 201, answer.text


def queued(client: Client, query: str = "") -> list[str]:
    answer = client.get(f"/v1/queue{query}")
    assert answer.status_code == 200, answer.text
    return [item["shipment_id"] for item in answer.json()["items"]]


def outcome(client: Client, decision_id: str, **values: Any) -> httpx.Response:
    return client.post(f"/v1/decisions/{decision_id}/outcome", json=values)


@pytest.mark.both_engines
def test_an_outcome_is_stored_and_answered(stored_client: Client, opened: Database) -> None:
    decision_id = decided(stored_client, "A")
    answer = outcome(stored_client, decision_id, **FIND)
    assert answer.status_code == 201, answer.text
    stored = answer.json()
    assert {name: stored[name] for name in FIND} == FIND
    assert (stored["decision_id"], stored["corrects"], stored["corrected_by"]) == (decision_id, None, None)
    with opened.read() as connection:
        [found] = outcomes_of(connection, [decision_id])[decision_id]
    assert (found.id, found.content, found.shipment_id) == (stored["outcome_id"], "precursor", "A")


def test_other_contraband_has_a_kind_and_ends_the_wait(stored_client: Client) -> None:
    decision_id = decided(stored_client, "A")
    in_lane(stored_client, "red", decision_id)
    assert queued(stored_client) == ["A"]
    missing = outcome(stored_client, decision_id, **OTHER | {"kind": None})
    kinds = "other_drug, other_chemical, weapon, counterfeit, protected_species, excise, other"
    problem = f"is missing; other_contraband needs one of {kinds}"
    assert (missing.status_code, missing.json()["errors"]) == (422, [{"field": "kind", "problem": problem}])
    answer = outcome(stored_client, decision_id, **OTHER)
    assert (answer.status_code, answer.json()["content"], answer.json()["kind"]) == (201, "other_contraband", "weapon")
    [stored] = stored_client.get(f"/v1/decisions/{decision_id}").json()["outcomes"]
    assert (stored["content"], stored["kind"]) == ("other_contraband", "weapon")
    assert queued(stored_client) == []


def test_a_correction_is_a_new_outcome_that_points_to_the_first(stored_client: Client, opened: Database) -> None:
    decision_id = decided(stored_client, "A")
    first = outcome(stored_client, decision_id, **FIND).json()["outcome_id"]
    second = outcome(stored_client, decision_id, **CLEAN, corrects=first)
    assert second.status_code == 201
    with opened.read() as connection:
        found = outcomes_of(connection, [decision_id])[decision_id]
    assert [(one.content, one.corrects, one.corrected_by) for one in found] == [
        ("precursor", None, second.json()["outcome_id"]),
        ("none", first, None),
    ]


@pytest.mark.both_engines
def test_an_outcome_is_corrected_once(stored_client: Client) -> None:
    decision_id = decided(stored_client, "A")
    first = outcome(stored_client, decision_id, **FIND).json()["outcome_id"]
    second = outcome(stored_client, decision_id, **CLEAN, corrects=first).json()["outcome_id"]
    again = outcome(stored_client, decision_id, **FIND, corrects=first)
    assert again.status_code == 409
    assert second in again.json()["detail"]
    assert outcome(stored_client, decision_id, **FIND, corrects=second).status_code == 201


@pytest.mark.parametrize("corrects", ["unknown", "of another decision"])
def test_a_correction_names_an_outcome_of_the_same_decision(stored_client: Client, corrects: str) -> None:
    decision_id = decided(stored_client, "A")
    other = outcome(stored_client, decided(stored_client, "B"), **FIND).json()["outcome_id"]
    answer = outcome(stored_client, decision_id, **CLEAN, corrects=other if corrects != "unknown" else "nothing")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "corrects"


def test_a_wrong_field_of_an_outcome_is_named(stored_client: Client) -> None:
    cases: list[tuple[str, Any, str]] = [
        ("content", "drugs", "Input should be 'none', 'fentanyl'"),
        ("content", "", "Only a correction may withdraw an outcome"),
        ("found_at", "yesterday", "expected ISO 8601"),
        ("found_at", "2199-01-01", "lies in the future"),
        ("by", " ", "is blank"),
        ("by", "a\x00b", "control characters"),
        ("quantity", -1, "greater than or equal to 0"),
        ("colour", "red", "Extra inputs are not permitted"),
        ("kind", "weapon", "belongs to the content other_contraband only"),
    ]
    for field, value, problem in cases:
        answer = outcome(stored_client, decided(stored_client, "A"), **(FIND | {field: value}))
        assert answer.status_code == 422
        [error] = answer.json()["errors"]
        assert error["field"] == field
        assert problem in error["problem"]


@pytest.mark.parametrize(
    "path", ["decisions/none/outcome", "decisions/none/override", "queue/none/claim", "queue/none/release"]
)
def test_an_unknown_decision_is_not_found(stored_client: Client, path: str) -> None:
    bodies = {"outcome": FIND, "override": {"lane": "red", "reason": "x"}}
    answer = stored_client.post(f"/v1/{path}", json=bodies.get(path.rpartition("/")[2], {"by": "x"}))
    assert answer.status_code == 404


def test_the_audit_chain_covers_outcomes_and_overrides_without_names(stored_client: Client, opened: Database) -> None:
    decision_id = decided(stored_client, "A")
    outcome_id = outcome(stored_client, decision_id, **FIND).json()["outcome_id"]
    in_lane(stored_client, "red", decision_id)
    with opened.read() as connection:
        query = select(AuditEntry.__table__).where(AuditEntry.kind.not_in((*KINDS, "history_key")))
        entries = connection.execute(query.order_by(AuditEntry.number)).all()
        salt = connection.execute(select(Outcome.salt)).scalar_one()
        [override] = overrides_of(connection, [decision_id])[decision_id]
    assert [(entry.kind, entry.subject) for entry in entries[1:]] == [
        ("outcome", outcome_id),
        ("override", override.id),
    ]
    facts = orjson.loads(entries[1].facts)
    assert salt is not None
    assert (facts["content"], facts["by"]) == ("precursor", salted(salt, b"Officer 4711"))
    assert not any(b"Officer" in entry.facts or b"a test" in entry.facts for entry in entries)


@pytest.mark.both_engines
def test_the_queue_lists_red_before_yellow_and_the_riskiest_first(stored_client: Client, opened: Database) -> None:
    risks = {"A": 0.1, "B": 0.3, "C": 0.9, "D": 0.3}
    ids = {name: decided(stored_client, name) for name in risks}
    with opened.write() as connection:
        for name, risk in risks.items():
            connection.execute(update(Decision).where(Decision.shipment_id == name).values(risk=risk))
    for name, lane in {"A": "red", "B": "red", "C": "yellow", "D": "red"}.items():
        in_lane(stored_client, lane, ids[name])
    assert queued(stored_client) == ["B", "D", "A", "C"]
    answer = stored_client.get("/v1/queue?limit=2").json()
    assert ([item["shipment_id"] for item in answer["items"]], answer["total"]) == (["B", "D"], 4)
    following = stored_client.get("/v1/queue", params={"limit": 2, "cursor": answer["next"]}).json()
    assert ([item["shipment_id"] for item in following["items"]], following["next"]) == (["A", "C"], None)
    assert answer["items"][0]["risk"] == 0.3


@pytest.mark.both_engines
@pytest.mark.parametrize("order", ["riskiest", "newest"])
@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_pages_of_a_filtered_queue_have_each_shipment_once_in_order(
    opened: Database, order: pages.Order, limit: int
) -> None:
    chance = random.Random(limit)
    # Few values, so that many shipments are equal but for their names.
    rows = [
        new_decision(
            id=f"d{place}",
            shipment_id=f"S{chance.random()}",
            lane=chance.choice(["red", "yellow", "green"]),
            risk=chance.choice([0.25, 0.5]),
            received_at=chance.choice([1, 2]),
            site=chance.choice(["USLAX", "USJFK"]),
        )
        for place in range(40)
    ]
    with opened.write() as connection:
        record(connection, rows, 1)
    wanted = [one for one in rows if one.lane != "green" and one.site == "USLAX"]
    if order == "riskiest":
        wanted.sort(key=lambda one: (one.lane, -one.risk, one.received_at, one.shipment_id))
    else:
        wanted.sort(key=lambda one: (one.received_at, one.shipment_id), reverse=True)
    found: list[str] = []
    after = None
    while after is not None or not found:
        with opened.read() as connection:
            page = pages.waiting(
                connection, Selection(site="USLAX"), order, held=False, after=after, limit=limit, now=0
            )
        assert page.total == len(wanted)
        found += [row.decision_id for row in page.rows]
        after = page.following
    assert found == [one.id for one in wanted]


@pytest.mark.both_engines
def test_filters_of_the_queue_work_together(stored_client: Client) -> None:
    for name, lane in {"A": "red", "B": "yellow", "C": "red"}.items():
        in_lane(stored_client, lane, decided(stored_client, name, unloading_location="USLAX"))
    ids = {row["shipment_id"]: row["decision_id"] for row in stored_client.get("/v1/queue").json()["items"]}
    stored_client.post(f"/v1/queue/{ids['A']}/claim", json={"by": "desk 1"})
    assert queued(stored_client, "?held=true") == ["A"]
    assert set(queued(stored_client, "?held=false")) == {"B", "C"}
    assert queued(stored_client, "?held=false&lane=red&site=lax&since=2026-01-01") == ["C"]
    assert queued(stored_client, "?held=false&lane=red&until=2026-01-01") == []
    assert queued(stored_client, "?shipment_id=B&lane=yellow") == ["B"]
    assert queued(stored_client, "?sort=newest") == ["C", "B", "A"]
    page = stored_client.get("/v1/queue?sort=newest&limit=2").json()
    assert page["total"] == 3
    assert queued(stored_client, f"?sort=newest&limit=2&cursor={page['next']}") == ["A"]


def test_a_row_of_the_queue_can_be_read_without_its_decision(stored_client: Client) -> None:
    sent = shipment()
    decision_id = decided(stored_client, "A", items=[{"goods_description": "laboratory chemicals"}])
    in_lane(stored_client, "red", decision_id)
    page = stored_client.get("/v1/queue").json()
    QueueAnswer.model_validate(page)
    [row] = page["items"]
    assert (row["goods"], row["consignor"]) == ("laboratory chemicals", sent["consignor"]["name"])
    assert (row["consignee"], row["lane"]) == (sent["consignee"]["name"], "red")
    claimed = stored_client.post(f"/v1/queue/{decision_id}/claim", json={"by": "desk 1"}).json()
    assert claimed["goods"] == "laboratory chemicals"
    file = stored_client.get("/v1/queue?format=csv")
    assert file.headers["content-disposition"] == 'attachment; filename="queue.csv"'
    [line] = csv.DictReader(io.StringIO(file.text))
    assert (line["shipment_id"], line["goods"], line["claimed_by"]) == ("A", "laboratory chemicals", "desk 1")


def test_the_queue_can_be_filtered_by_site_and_channel(stored_client: Client) -> None:
    for name, site, channel in (("A", "USLAX", "express"), ("B", "USJFK", "express"), ("C", "USJFK", "postal")):
        in_lane(stored_client, "red", decided(stored_client, name, unloading_location=site, channel=channel))
    assert set(queued(stored_client, "?site=USJFK")) == {"B", "C"}
    assert set(queued(stored_client, "?channel=express")) == {"A", "B"}
    assert queued(stored_client, "?site=USJFK&channel=express") == ["B"]


def test_the_queue_finds_a_site_and_a_channel_in_any_declared_form(stored_client: Client) -> None:
    declared = {
        "A": ("uslax", "EXPRESS"),
        "B": (" LAX", "Express "),
        "C": ("Pier 4", "drone"),
        "D": ("USJFK", "postal"),
    }
    ids = {
        name: decided(stored_client, name, unloading_location=site, channel=channel)
        for name, (site, channel) in declared.items()
    }
    for decision_id in ids.values():
        in_lane(stored_client, "red", decision_id)
    for query in ("site=USLAX", "site=lax", "channel=express", "channel=EXPRESS", "site=usLAX&channel=Express"):
        assert set(queued(stored_client, f"?{query}")) == {"A", "B"}
    assert queued(stored_client, "?site=Pier 4&channel=drone") == ["C"]
    assert queued(stored_client, "?site=%20") == queued(stored_client, "?channel=%00") == []
    shown = stored_client.get(f"/v1/decisions/{ids['A']}").json()
    assert (shown["site"], shown["channel"], shown["manifest"]["unloading_location"]) == ("USLAX", "express", "uslax")


def test_overrides_and_outcomes_move_a_shipment_into_and_out_of_the_queue(stored_client: Client) -> None:
    decision_id = decided(stored_client, "A")
    in_lane(stored_client, "red", decision_id)
    in_lane(stored_client, "green", decision_id)
    assert queued(stored_client) == []
    in_lane(stored_client, "yellow", decision_id)
    assert queued(stored_client) == ["A"]
    found = outcome(stored_client, decision_id, **FIND).json()["outcome_id"]
    assert queued(stored_client) == []
    taken_back = outcome(stored_client, decision_id, **(CLEAN | {"content": ""}), corrects=found)
    assert taken_back.status_code == 201
    assert queued(stored_client) == ["A"]
    outcome(stored_client, decision_id, **CLEAN, corrects=taken_back.json()["outcome_id"])
    assert queued(stored_client) == []
    in_lane(stored_client, "red", decision_id)
    assert queued(stored_client) == ["A"]


def test_an_officers_lane_stays_for_later_decisions(stored_client: Client) -> None:
    first = decided(stored_client, "A")
    in_lane(stored_client, "red", first)
    second = decided(stored_client, "A", gross_mass_kg=77)
    assert queued(stored_client) == ["A"]
    in_lane(stored_client, "red", second)
    assert [item["decision_id"] for item in stored_client.get("/v1/queue").json()["items"]] == [second]
    # The latest override counts for the shipment, whichever of its decisions it names.
    in_lane(stored_client, "green", first)
    assert queued(stored_client) == []


def test_a_changed_declaration_keeps_the_place_of_the_riskier_one(stored_client: Client, opened: Database) -> None:
    decided(stored_client, "A")
    with opened.write() as connection:
        connection.execute(update(Decision).values(risk=0.9, lane="red"))
        refresh(connection, ["A"])
    second = decided(stored_client, "A", gross_mass_kg=77)
    [item] = stored_client.get("/v1/queue").json()["items"]
    assert (item["decision_id"], item["lane"], item["risk"]) == (second, "red", 0.9)
    in_lane(stored_client, "yellow", second)
    [item] = stored_client.get("/v1/queue").json()["items"]
    assert (item["lane"], item["risk"] < 0.9) == ("yellow", True)


def test_a_what_if_is_not_in_the_queue(stored_client: Client, opened: Database) -> None:
    stored_client.post("/v1/score?update_history=false", json=shipment(shipment_id="A"))
    with opened.write() as connection:
        connection.execute(update(Decision).values(lane="red"))
        decision_id = connection.execute(select(Decision.id)).scalar_one()
    in_lane(stored_client, "red", decision_id)
    assert queued(stored_client) == []


@pytest.mark.both_engines
def test_a_claim_excludes_others_until_it_ends(stored_client: Client, opened: Database) -> None:
    decision_id = decided(stored_client, "A")
    in_lane(stored_client, "red", decision_id)
    claimed = stored_client.post(f"/v1/queue/{decision_id}/claim", json={"by": "desk 1"})
    assert claimed.status_code == 200
    assert claimed.json()["claimed_by"] == "desk 1"
    other = stored_client.post(f"/v1/queue/{decision_id}/claim", json={"by": "desk 2"})
    assert other.status_code == 409
    assert (other.json()["claimed_by"], other.json()["claimed_until"]) == ("desk 1", claimed.json()["claimed_until"])
    assert stored_client.post(f"/v1/queue/{decision_id}/release", json={"by": "desk 2"}).status_code == 409
    assert stored_client.get("/v1/queue").json()["items"][0]["claimed_by"] == "desk 1"
    with opened.write() as connection:
        connection.execute(update(QueueEntry).values(claimed_until=1))
    assert stored_client.get("/v1/queue").json()["items"][0]["claimed_by"] is None
    assert stored_client.post(f"/v1/queue/{decision_id}/claim", json={"by": "desk 2"}).status_code == 200


def test_a_released_shipment_is_free(stored_client: Client) -> None:
    decision_id = decided(stored_client, "A")
    in_lane(stored_client, "red", decision_id)
    for name in ("desk 1", "desk 2"):
        assert stored_client.post(f"/v1/queue/{decision_id}/claim", json={"by": name}).status_code == 200
        assert stored_client.post(f"/v1/queue/{decision_id}/release", json={"by": name}).status_code == 204


@pytest.mark.both_engines
def test_a_claim_survives_a_new_decision_on_the_shipment(stored_client: Client) -> None:
    first = decided(stored_client, "A")
    in_lane(stored_client, "red", first)
    stored_client.post(f"/v1/queue/{first}/claim", json={"by": "desk 1"})
    in_lane(stored_client, "yellow", first)
    assert stored_client.get("/v1/queue").json()["items"][0]["claimed_by"] == "desk 1"
    assert stored_client.post(f"/v1/queue/{first}/claim", json={"by": "desk 2"}).status_code == 409


def test_a_claim_survives_a_green_lane(stored_client: Client) -> None:
    first = decided(stored_client, "A")
    in_lane(stored_client, "red", first)
    claim, release = f"/v1/queue/{first}/claim", f"/v1/queue/{first}/release"
    stored_client.post(claim, json={"by": "desk 1"})
    in_lane(stored_client, "green", first)
    assert queued(stored_client) == []
    for by in ("desk 1", "desk 2"):
        assert stored_client.post(claim, json={"by": by}).status_code == 404
    assert stored_client.post(release, json={"by": "desk 2"}).status_code == 409
    in_lane(stored_client, "red", first)
    assert stored_client.get("/v1/queue").json()["items"][0]["claimed_by"] == "desk 1"
    assert stored_client.post(claim, json={"by": "desk 2"}).status_code == 409
    # Its holder releases it while it is green.
    in_lane(stored_client, "green", first)
    assert stored_client.post(release, json={"by": "desk 1"}).status_code == 204
    in_lane(stored_client, "red", first)
    assert stored_client.post(claim, json={"by": "desk 2"}).status_code == 200
    # An outcome ends the claim, even on a green shipment.
    in_lane(stored_client, "green", first)
    outcome(stored_client, first, **CLEAN)
    in_lane(stored_client, "red", first)
    assert stored_client.get("/v1/queue").json()["items"][0]["claimed_by"] is None


def test_a_green_shipment_leaves_the_table_when_its_claim_ends(stored_client: Client, opened: Database) -> None:
    names = ("A", "B", "C")
    ids = {name: decided(stored_client, name) for name in names}
    for name in names:
        in_lane(stored_client, "red", ids[name])
    for name in ("A", "B"):
        stored_client.post(f"/v1/queue/{ids[name]}/claim", json={"by": "desk 1"})

    def rows() -> set[str]:
        with opened.read() as connection:
            return set(connection.execute(select(QueueEntry.shipment_id)).scalars())

    in_lane(stored_client, "green", ids["A"])
    assert rows() == {"A", "B", "C"}
    with opened.write() as connection:
        connection.execute(update(QueueEntry).where(QueueEntry.shipment_id == "A").values(claimed_until=1))
    in_lane(stored_client, "green", ids["B"])
    assert rows() == {"B", "C"}
    in_lane(stored_client, "green", ids["C"])
    assert rows() == {"B"}


def test_a_claim_without_a_key_needs_a_name(stored_client: Client) -> None:
    answer = stored_client.post("/v1/queue/x/claim")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "by"


@dataclass
class WithKeys:
    """Client of a service that requires keys, the ids of two keys by their texts, and one red decision."""

    client: Client
    keys: dict[str, str]
    decision_id: str

    def post(self, key: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        return self.client.post(path, json=body, headers={"Authorization": f"Bearer {key}"})

    def claim(self, key: str, by: str | None = None) -> httpx.Response:
        return self.post(key, f"/v1/queue/{self.decision_id}/claim", None if by is None else {"by": by})

    def release(self, key: str, by: str | None = None) -> httpx.Response:
        return self.post(key, f"/v1/queue/{self.decision_id}/release", None if by is None else {"by": by})


@pytest.fixture
def with_keys(tmp_path: Path, bundle: Path, url: str) -> Iterator[WithKeys]:
    models = tmp_path / "models"
    ModelStore(models).install(bundle)
    settings = Settings(models_dir=models, keeps_decisions=True, database_url=SecretStr(url), auth=True)
    database = Database(url)
    database.migrate()
    wishes = [KeyWishes(name, frozenset(Scope), None, None) for name in ("one", "two")]
    ids = {text: key.id for key, text in (keys.create(database, wish, "a test") for wish in wishes)}
    database.close()
    with serving(create_app(settings)) as client:
        service = WithKeys(client, ids, "")
        one = next(iter(ids))
        service.decision_id = service.post(one, "/v1/score", shipment(shipment_id="A")).json()["decision_id"]
        service.post(one, f"/v1/decisions/{service.decision_id}/override", {"lane": "red", "reason": "a test"})
        yield service


def test_with_api_keys_the_key_holds_the_shipment(with_keys: WithKeys) -> None:
    (one, first), (two, second) = with_keys.keys.items()
    # The key is the holder, not the name in the body, so that no key can claim for another.
    claimed = with_keys.claim(one, by=second)
    assert claimed.json()["claimed_by"] == first
    assert with_keys.claim(two, by=first).status_code == 409
    stored = with_keys.post(two, f"/v1/decisions/{with_keys.decision_id}/outcome", CLEAN).json()
    assert stored["caller"] == second


def test_officers_who_share_a_key_do_not_share_their_claims(with_keys: WithKeys) -> None:
    one, first = next(iter(with_keys.keys.items()))
    claimed = with_keys.claim(one, by="desk 1")
    assert (claimed.status_code, claimed.json()["claimed_by"], claimed.json()["by"]) == (200, first, "desk 1")
    for other in ("desk 2", None):
        refused = with_keys.claim(one, by=other)
        assert refused.status_code == 409
        assert (refused.json()["claimed_by"], refused.json()["by"]) == (first, "desk 1")
        assert with_keys.release(one, by=other).status_code == 409
    assert with_keys.claim(one, by="desk 1").status_code == 200
    listed = with_keys.client.get("/v1/queue", headers={"Authorization": f"Bearer {one}"}).json()["items"]
    assert [(item["claimed_by"], item["by"]) for item in listed] == [(first, "desk 1")]
    assert with_keys.release(one, by="desk 1").status_code == 204
    claimed = with_keys.claim(one)
    assert (claimed.status_code, claimed.json()["claimed_by"], claimed.json()["by"]) == (200, first, None)
    assert with_keys.claim(one, by="desk 1").status_code == 409


@pytest.mark.both_engines
def test_two_officers_never_hold_the_same_shipment(database: Database) -> None:
    """Twelve officers claim all shipments of the queue at the same time, each through a separate database connection."""
    names = [f"S{number}" for number in range(25)]
    with database.write() as connection:
        connection.execute(insert(Decision), [_decision(name) for name in names])
        connection.execute(insert(QueueEntry), [_entry(name) for name in names])

    def officer(number: int) -> set[str]:
        own = Database(database.engine.url.render_as_string(hide_password=False))
        try:
            claimed = set()
            for name in names[number:] + names[:number]:
                row = inspections.claim(own, name, f"officer {number}", now=100, until=200)
                assert row is not None
                if row.claimed_by == f"officer {number}":
                    claimed.add(name)
            return claimed
        finally:
            own.close()

    with ThreadPoolExecutor(12) as threads:
        holdings = list(threads.map(officer, range(12)))
    assert sum(map(len, holdings)) == len(names)
    assert set().union(*holdings) == set(names)


def _decision(name: str) -> dict[str, Any]:
    texts = ("lane", "model_version", "model_digest", "features_digest", "via")
    numbers = ("received_at", "declared_s", "duration_us")
    return {
        **dict.fromkeys(texts, "red"),
        **dict.fromkeys(numbers, 1),
        "id": name,
        "shipment_id": name,
        "content_digest": b"",
        "what_if": False,
        "risk": 0.5,
        "percentile": 0.5,
        "answer": b"{}",
    }


def _entry(name: str) -> dict[str, Any]:
    return {
        "shipment_id": name,
        "decision_id": name,
        "rank": 0,
        "lane": "red",
        "overridden": False,
        "minus_risk": -0.5,
        "percentile": 0.5,
        "received_at": 1,
    }
