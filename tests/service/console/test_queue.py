"""The queue and verdicts without a browser: who gets a shipment, and which verdict counts."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest

from service.app import create_app
from service.audit.proof import prove
from service.console.roles import Role
from service.console.texts import in_short
from service.core.settings import DAYS, Capacity
from tests.service.api_client import Client, serving
from tests.service.console.conftest import Officer, database_of, settings_of, shipments, sign_in


def fill(client: Client, count: int) -> None:
    for start in range(0, count, 500):
        part = shipments(count)[start : start + 500]
        assert client.post("/v1/score/batch", json={"shipments": part}).status_code == 200


def opened(answer_location: str) -> str:
    found = re.match(r"/shipments/([^?]+)", answer_location)
    assert found is not None, answer_location
    return found[1]


def test_a_verdict_opens_the_next_shipment_and_can_be_undone(office: Client) -> None:
    fill(office, 3)
    person = sign_in(office, "an.officer", Role.OFFICER)
    first = opened(person.post("/queue/next").headers["location"])
    recorded = person.post(f"/shipments/{first}/outcome", verdict="1", seen="")
    second = opened(recorded.headers["location"])
    assert second != first
    page = person.get(recorded.headers["location"]).text
    undo = re.search(r'action="(/outcomes/[^"]+/undo)"', page)
    assert undo is not None
    again = person.post(undo[1], held=second)
    assert opened(again.headers["location"]) == first
    waiting = office.get("/v1/queue").json()["items"]
    assert {row["decision_id"]: row["by"] for row in waiting}[first] == "An.Officer"
    assert {row["decision_id"]: row["by"] for row in waiting}[second] is None
    assert prove(database_of(office)).fault is None


def test_a_stale_page_cannot_overwrite_a_newer_verdict(office: Client) -> None:
    fill(office, 2)
    early, late = sign_in(office, "early", Role.OFFICER), sign_in(office, "late", Role.OFFICER)
    first = opened(early.post("/queue/next").headers["location"])
    assert early.post(f"/shipments/{first}/outcome", verdict="5", seen="").status_code == 303
    refused = late.post(f"/shipments/{first}/outcome", verdict="1", seen="")
    assert refused.status_code == 409
    assert "another outcome was recorded meanwhile: precursor by Early" in refused.text
    outcomes = office.get(f"/v1/decisions/{first}").json()["outcomes"]
    assert [one["content"] for one in outcomes] == ["precursor"]


def test_only_the_holder_records_and_hands_over(office: Client) -> None:
    fill(office, 1)
    holder, other = sign_in(office, "holder", Role.OFFICER), sign_in(office, "other", Role.OFFICER)
    first = opened(holder.post("/queue/next").headers["location"])
    refused = other.post(f"/shipments/{first}/outcome", verdict="1", seen="")
    assert refused.status_code == 409
    assert "Holder holds this shipment" in refused.text
    assert "Holder" in other.post("/queue/claims", chosen=first, action="claim").text
    to = re.search(r'<option value="([^"]+)">Other', holder.get(f"/shipments/{first}").text)
    assert to is not None
    assert holder.post(f"/shipments/{first}/notes", to=to[1], text="look at the lining").status_code == 303
    assert office.get("/v1/queue").json()["items"][0]["by"] == "Other"
    assert "look at the lining" in other.get(f"/shipments/{first}").text
    assert other.post(f"/shipments/{first}/outcome", verdict="1", seen="").status_code == 303


def test_a_lead_hands_over_what_an_absent_officer_holds_and_says_why(office: Client) -> None:
    fill(office, 1)
    absent, other = sign_in(office, "absent", Role.OFFICER), sign_in(office, "other", Role.OFFICER)
    lead = sign_in(office, "lead", Role.LEAD)
    first = opened(absent.post("/queue/next").headers["location"])
    refused = lead.post("/queue/claims", chosen=first, action="release").text
    assert re.search(r"Absent holds it until [^<]+\. <a href=\"/shipments/", refused)
    to = re.search(r'<option value="([^"]+)">Other', lead.get(f"/shipments/{first}").text)
    assert to is not None
    assert "why another officer" in lead.post(f"/shipments/{first}/notes", to=to[1], text="").text
    assert office.get("/v1/queue").json()["items"][0]["by"] == "Absent"
    assert other.post(f"/shipments/{first}/notes", to=to[1], text="mine").status_code == 409
    assert lead.post(f"/shipments/{first}/notes", to=to[1], text="Absent is ill").status_code == 303
    assert office.get("/v1/queue").json()["items"][0]["by"] == "Other"
    assert "You hold" in other.get("/queue").text
    assert "You hold" not in absent.get("/queue").text
    assert "Absent is ill" in other.get(f"/shipments/{first}").text


@pytest.mark.parametrize(("role", "chooses"), [(Role.VIEWER, False), (Role.OFFICER, True)])
def test_only_those_who_may_claim_choose_shipments(office: Client, role: Role, chooses: bool) -> None:
    fill(office, 1)
    page = sign_in(office, "a.person", role).get("/queue").text
    assert ('name="chosen"' in page, "Claim chosen" in page) == (chooses, chooses)


def test_the_audit_chain_says_who_opened_a_shipment(office: Client) -> None:
    fill(office, 1)
    person = sign_in(office, "an.officer", Role.VIEWER)
    decision_id = office.get("/v1/queue").json()["items"][0]["decision_id"]
    person.get(f"/shipments/{decision_id}")
    entries = office.get("/v1/audit", params={"limit": 1000}).json()["entries"]
    [entry] = [entry for entry in entries if entry["kind"] == "opened"]
    assert entry["subject"] == decision_id
    assert entry["actor"] not in (None, "local")


@pytest.mark.parametrize("count", [60, pytest.param(1_000, marks=pytest.mark.long)])
def test_two_officers_who_race_hold_no_shipment_twice_and_lose_none(
    small_store: Path, tmp_path: Path, count: int
) -> None:
    with serving(create_app(settings_of(small_store, tmp_path, max_items=10))) as client:
        fill(client, count)
        staff = [sign_in(client, login, Role.OFFICER) for login in ("first", "second")]
        taken: dict[str, list[str]] = {"first": [], "second": []}

        def take(name: str, person: Officer) -> None:
            while "/shipments/" in (location := person.post("/queue/next").headers["location"]):
                taken[name].append(opened(location))

        threads = [threading.Thread(target=take, args=pair) for pair in zip(taken, staff, strict=True)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(500)
        everything = taken["first"] + taken["second"]
        assert len(everything) == count
        assert len(set(everything)) == count
        assert all(taken.values())


@pytest.mark.parametrize(
    ("reason", "short"),
    [
        ("Rule press-to-private-person: A press is sent to a person", "A press is sent to a person"),
        ("Value is low (raises the score)", "Value is low"),
        (
            "Declared on 2026-12-07, red (decision 01a25060-b9b6-7c46-b2d2-7c5714ceacbc). Changed: value",
            "Declared on 2026-12-07, red. Changed: value",
        ),
        ("Value (raises the score) is low", "Value (raises the score) is low"),
    ],
)
def test_a_list_shows_reasons_without_ids(reason: str, short: str) -> None:
    assert in_short(reason) == short


def test_the_queue_shows_where_the_capacity_of_the_day_ends(small_store: Path, tmp_path: Path) -> None:
    capacity = Capacity(per_day=2, working_days=DAYS)
    with serving(create_app(settings_of(small_store, tmp_path, capacity=capacity))) as client:
        fill(client, 4)
        page = client.get("/queue").text
        assert [part.count("data-row aria-label") for part in page.split("capacity ends here")] == [2, 2]
        assert "capacity ends here" not in client.get("/queue?sort=newest").text
        for row in client.get("/v1/queue").json()["items"][:2]:
            found = {"content": "none", "found_at": "2026-05-05", "by": "An Officer"}
            client.post(f"/v1/decisions/{row['decision_id']}/outcome", json=found).raise_for_status()
        used = client.get("/queue").text
        assert [part.count("data-row aria-label") for part in used.split("capacity is used up")] == [0, 2]
