"""Earlier finds that `GET /v1/decisions/{id}` names: when, what, in which decision."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from service.core.database.engine import Database
from service.decisions import repository
from service.decisions.finds import EarlierFind, finds_before
from service.erasure.everywhere import erase_from_database
from service.history.learning import DAY
from service.inspections.outcomes import Finding, add_outcome
from service.scoring.decision import ToErase
from service.search import finding
from service.search.building import IndexBuilder
from tests.service.store.decisions import new_decision

#: Start of a UTC day.
TODAY = 20_000 * DAY
SENT: dict[str, Any] = {
    "consignor": {"name": "Qinghe Fine Chemical", "country": "CN", "phone": "+86 574 5555 0187"},
    "consignee": {"name": "Meridian Imports", "country": "MX", "city": "Puebla", "address": "Calle Cinco 5"},
    "items": [{"goods_description": "plastic samples"}],
}
NOTHING_SHARED: dict[str, Any] = {"consignor": {"name": "A"}, "consignee": {"name": "B"}, "items": SENT["items"]}


def changed(party: str, **fields: Any) -> dict[str, Any]:
    """Return `NOTHING_SHARED`, except one party of `SENT` with changed fields."""
    return copy.deepcopy(NOTHING_SHARED | {party: SENT[party] | fields})


def decided(database: Database, name: str, manifest: dict[str, Any], at: int, *codes: str, **changes: Any) -> str:
    reasons = [{"code": code} for code in codes]
    new = new_decision(
        shipment_id=name,
        manifest=json.dumps({"shipment_id": name, **manifest}).encode(),
        answer=json.dumps({"reasons": reasons, "rule_ids": []}).encode(),
        received_at=at,
        **changes,
    )
    with database.write() as connection:
        repository.record(connection, [new], at)
    return new.id


def inspected(database: Database, decision_id: str, content: str, found_at: int, **more: Any) -> str:
    with database.write() as connection:
        database.lock_audit(connection)
        found = Finding(content, found_at, "Officer 4711", **more)
        return add_outcome(connection, decision_id, found, caller=None, at=found_at)[0].id


def found(database: Database, name: str, manifest: dict[str, Any] | None = None, at: int = TODAY - DAY) -> str:
    """Store a decision and a find."""
    decision_id = decided(database, name, manifest or SENT, at - 5)
    inspected(database, decision_id, "fentanyl", at, substance="carfentanil")
    return decision_id


def shown(database: Database, *codes: str) -> list[EarlierFind] | None:
    decision_id = decided(database, "now", SENT, TODAY, *(codes or ("EARLIER_FINDS",)))
    with database.read() as connection:
        row = repository.one(connection, decision_id)
        assert row is not None
        return finds_before(connection, row)


@pytest.mark.parametrize("is_indexed", [False, True])
def test_the_latest_finds_are_named_with_time_content_and_decision(database: Database, is_indexed: bool) -> None:
    ids = {day: found(database, f"before {day}", at=TODAY - day * DAY) for day in (3, 1, 7, 2, 5, 4)}
    if is_indexed:
        IndexBuilder(database).advance()
    finds = shown(database)
    assert finds is not None
    assert [one.decision_id for one in finds] == [ids[day] for day in (1, 2, 3, 4, 5)]
    assert finds[0] == EarlierFind(
        ids[1],
        "before 1",
        "fentanyl",
        "carfentanil",
        TODAY - DAY,
        ["consignor", "consignee", "address", "consignor_phone"],
    )


@pytest.mark.parametrize(
    ("manifest", "shared"),
    [
        (changed("consignor", name="QINGHE FINE CHEMICAL", phone=None), ["consignor"]),
        (changed("consignor", name="Another Name", phone="0086-574-55550187"), ["consignor_phone"]),
        (changed("consignee", address="Avenida Ocho 8"), ["consignee"]),
        (changed("consignee", name="Another Name", address="calle cinco, 5"), ["address"]),
    ],
)
def test_a_find_says_what_is_the_same(database: Database, manifest: dict[str, Any], shared: list[str]) -> None:
    found(database, "A", manifest)
    assert [one.shared for one in shown(database, "LINKED_FINDS") or []] == [shared]


@pytest.mark.parametrize(
    "manifest",
    [
        NOTHING_SHARED,
        changed("consignee", city="Tijuana"),
        changed("consignor", country="HK", phone=None),
        SENT | {"consignor": SENT["consignee"], "consignee": SENT["consignor"]},
    ],
)
def test_a_party_of_another_place_or_role_is_another_party(database: Database, manifest: dict[str, Any]) -> None:
    found(database, "A", manifest)
    assert shown(database) == []


def test_only_finds_that_the_history_counted_are_named(database: Database) -> None:
    found(database, "today", at=TODAY + 1)
    what_if = decided(database, "what-if", SENT, 1, what_if=True, history_order=None)
    inspected(database, what_if, "precursor", TODAY - DAY)
    for content, kind in (("none", None), ("other_contraband", "weapon")):
        inspected(database, decided(database, content, SENT, 1), content, TODAY - DAY, kind=kind)
    decision_id = decided(database, "corrected", SENT, 1)
    first = inspected(database, decision_id, "precursor", TODAY - 2 * DAY)
    inspected(database, decision_id, "none", TODAY - DAY, corrects=first)
    assert shown(database) == []


def test_a_shipment_is_named_once_with_its_latest_find(database: Database) -> None:
    inspected(database, found(database, "A", at=TODAY - 3 * DAY), "precursor", TODAY - 2 * DAY)
    assert [(one.shipment_id, one.content) for one in shown(database) or []] == [("A", "precursor")]


def test_an_erased_shipment_is_not_named(database: Database) -> None:
    found(database, "A")
    erase_from_database(database, ToErase(shipment_id="A"), None)
    assert shown(database) == []


def test_finds_are_read_only_for_reasons_that_count_them(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    found(database, "A")
    monkeypatch.setattr(finding, "_MOST_MANIFESTS", 0)
    assert shown(database, "VALUE_DENSITY", "TRADE_LANE_FINDS") == []
    # The index lacks decisions, so what it would find is unknown.
    assert shown(database) is None
