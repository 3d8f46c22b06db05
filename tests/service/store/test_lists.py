"""Watch lists, dismissals, suppressions and permits through the API, with their effect on scores, on both engines."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import SecretStr
from sqlalchemy import select

from models.bundle import ModelStore
from service.app import create_app
from service.core.database.audit import KINDS
from service.core.database.engine import Database
from service.core.database.tables import AuditEntry
from service.core.settings import Settings
from tests.service.api_client import Client, serving
from tests.service.conftest import shipment

NAME = "Lianhe Novelty Trading"


@pytest.fixture
def client(stored_client: Client) -> Client:
    return stored_client


def refresh(client: Client) -> None:
    """Read the lists now; the service does so twice a second."""
    client.state.lists.refresh()


def add(client: Client, topic: str, **members: Any) -> dict[str, Any]:
    answer = client.post(f"/v1/{topic}", json=members)
    assert answer.status_code == 201, answer.text
    refresh(client)
    entry: dict[str, Any] = answer.json()
    return entry


def watch(client: Client, **members: Any) -> dict[str, Any]:
    given = {"list": "brokers", "kind": "name", "text": NAME, "lane": "red", "reason": "Order 14"}
    return add(client, "watch-lists", **(given | members))


def scored(client: Client, **changes: Any) -> dict[str, Any]:
    answer = client.post("/v1/score?update_history=false", json=shipment(**changes))
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result


def codes(answer: dict[str, Any]) -> list[str]:
    return [reason["code"] for reason in answer["reasons"] if reason["weight"] is None]


def facts_of(url: str) -> list[Any]:
    database = Database(url)
    with database.read() as connection:
        query = select(AuditEntry.__table__).where(AuditEntry.kind.not_in((*KINDS, "history_key")))
        rows = list(connection.execute(query.order_by(AuditEntry.number)))
    database.close()
    return rows


def test_an_entry_raises_the_lane_and_gives_a_reason_with_its_similarity(client: Client) -> None:
    before = scored(client)
    entry = watch(client)
    answer = scored(client, consignor={"name": "LIANHE NOVELTIY TRADING Co., Ltd.", "country": "CN"})
    assert (answer["lane"], answer["selected_by"]) == ("red", "watch_list")
    assert answer["rule_ids"][-1] == f"watch_list:{entry['id']}"
    [reason] = [reason for reason in answer["reasons"] if reason["code"] == "WATCH_LIST"]
    assert reason["text"].startswith("Watch list brokers: consignor name agrees with an entry (similarity 97 %)")
    assert reason["fields"] == ["consignor_name"]
    assert answer["rules_digest"] != before["rules_digest"]
    assert scored(client)["risk"] == before["risk"]


def test_a_removed_entry_raises_nothing(client: Client) -> None:
    before = scored(client)
    entry = watch(client)
    assert scored(client)["selected_by"] == "watch_list"
    assert client.delete(f"/v1/watch-lists/{entry['id']}").status_code == 204
    refresh(client)
    after = scored(client)
    assert (after["lane"], after["rules_digest"]) == (before["lane"], before["rules_digest"])
    assert client.delete(f"/v1/watch-lists/{entry['id']}").status_code == 404
    assert client.get("/v1/watch-lists").json()["entries"] == []


def test_an_entry_that_has_expired_raises_nothing(client: Client) -> None:
    watch(client, expires_at="2026-01-31")
    assert codes(scored(client)) == []


def test_the_same_shipment_gets_a_new_decision_once_a_list_names_it(client: Client) -> None:
    first = client.post("/v1/score", json=shipment()).json()
    watch(client)
    second = client.post("/v1/score", json=shipment()).json()
    assert second["decision_id"] != first["decision_id"]
    assert second["selected_by"] == "watch_list"


@pytest.mark.parametrize(
    ("kind", "text", "members"),
    [
        ("address", "12 SAMPLE ST", {"place": "Los Angeles"}),
        ("address", "12 Sample Street", {"place": "90012", "country": "US"}),
        ("phone", "0086-21-5550 0100", {}),
        ("email", "SALES@lianhe.example", {}),
        ("identifier", "lk 123456785 cn", {}),
    ],
)
def test_each_kind_of_entry_is_found_in_another_spelling(
    client: Client, kind: str, text: str, members: dict[str, str]
) -> None:
    sent = {
        "house_id": "LK123456785CN",
        "consignor": {"name": "A Shop", "phone": "+86 21 5550 0100", "email": "sales@lianhe.example"},
        "consignee": {
            "name": "Dana Example", "address": "12 Sample Street", "city": "Los Angeles", "postcode": "90012", "country": "US",
        },
    }  # fmt: skip
    assert codes(scored(client, **sent)) == []
    watch(client, kind=kind, text=text, **members)
    assert codes(scored(client, **sent)) == ["WATCH_LIST"]


@pytest.mark.parametrize(
    "members",
    [
        {"country": "DE"},
        {"kind": "address", "text": "12 Sample Street", "place": "Chicago"},
        {"kind": "address", "text": "13 Sample Street"},
        {"kind": "address", "text": "12 Sample Street, Apt 4"},
    ],
)
def test_another_country_place_number_or_unit_is_another_party(client: Client, members: dict[str, str]) -> None:
    watch(client, **members)
    parties = {
        "consignor": {"name": NAME, "country": "CN"},
        "consignee": {"name": "Dana Example", "address": "12 Sample Street", "city": "Los Angeles"},
    }
    assert codes(scored(client, **parties)) == []


def test_a_dismissed_pair_raises_nothing_and_stays_visible(client: Client) -> None:
    before = scored(client)
    entry = watch(client)
    dismissal = add(client, "dismissals", entry_id=entry["id"], party=f"{NAME} Ltd", reason="Another firm")
    assert "party" not in dismissal
    answer = scored(client)
    assert (answer["lane"], answer["selected_by"]) == (before["lane"], before["selected_by"])
    assert codes(answer) == ["DISMISSED"]
    assert "Another firm" in answer["reasons"][0]["text"]
    # A spelling with another normal form is another pair.
    assert codes(scored(client, consignor={"name": "Lianhe Noveltys Trading"})) == ["WATCH_LIST"]
    client.delete(f"/v1/dismissals/{dismissal['id']}")
    refresh(client)
    assert codes(scored(client)) == ["WATCH_LIST"]


@pytest.mark.parametrize("named", ["list", "entry_id", "consignor"])
def test_a_suppression_cancels_the_effect_of_a_list_until_it_expires(client: Client, named: str) -> None:
    before = scored(client)
    entry = watch(client)
    value = {"list": "brokers", "entry_id": entry["id"], "consignor": "lianhe novelty TRADING"}[named]
    add(client, "suppressions", **{named: value}, reason="Audited", expires_at="2099-12-31")
    answer = scored(client)
    assert (answer["lane"], answer["selected_by"]) == (before["lane"], before["selected_by"])
    assert codes(answer) == ["SUPPRESSED"]
    assert "suppressed until 2100-01-01T00:00:00Z: Audited" in answer["reasons"][0]["text"]
    assert codes(scored(client, consignor={"name": "Nobody Else", "phone": "1"})) == []


def test_a_suppressed_rule_has_no_effect_but_a_controlled_substance_stays_yellow(client: Client) -> None:
    goods = [{"goods_description": "fentanyl citrate", "declared_chemical": "fentanyl"}]
    before = scored(client, items=goods)
    assert before["rule_ids"] == ["watched-without-permit", "opioid-without-permit"]
    assert (before["lane"], before["selected_by"]) == ("red", "rule")
    add(client, "suppressions", consignor=NAME, reason="Audited", expires_at="2099-12-31")
    answer = scored(client, items=goods)
    assert answer["rule_ids"] == before["rule_ids"]
    assert (answer["lane"], answer["selected_by"]) == ("yellow", "rule")
    assert codes(answer) == ["RULE", "RULE", "SUPPRESSED"]


def test_the_rule_for_controlled_substances_cannot_be_suppressed(client: Client) -> None:
    members = {"rule_id": "watched-without-permit", "reason": "Audited", "expires_at": "2099-12-31"}
    answer = client.post("/v1/suppressions", json=members)
    assert answer.status_code == 422
    assert "never green" in answer.json()["errors"][0]["problem"]


@pytest.mark.both_engines
def test_a_permit_takes_effect_without_a_restart(client: Client) -> None:
    sent: dict[str, Any] = {
        "items": [{"goods_description": "fentanyl citrate", "permit_number": "IP-2026-0042"}],
        "consignee": {"name": "Lakeside Pharma Ltd", "country": "US"},
    }
    before = scored(client, **sent)
    assert "watched-without-permit" in before["rule_ids"]
    permit = add(client, "permits", permit_number="IP-2026-0042", party_name="LAKESIDE PHARMA LTD.", party_country="US")
    with_permit = scored(client, **sent)
    assert "watched-without-permit" not in with_permit["rule_ids"]
    client.delete(f"/v1/permits/{permit['id']}")
    refresh(client)
    after = scored(client, **sent)
    assert (after["rule_ids"], after["rules_digest"]) == (before["rule_ids"], before["rules_digest"])


def test_a_permit_for_a_substance_counts_for_that_substance(client: Client) -> None:
    consignee = {"name": "Lakeside Pharma Ltd", "country": "US"}

    def of(text: str) -> dict[str, Any]:
        items = [{"goods_description": text, "permit_number": "IP-2026-0042"}]
        return scored(client, items=items, consignee=consignee)

    header = "permit_number,party_name,party_country,valid_from,valid_until"
    rows = "IP-2026-0042,Lakeside Pharma Ltd,US,,,437-38-7\nIP-1,Lakeside Pharma Ltd,US,,,lostol\n"
    answer = client.post(
        "/v1/permits/import", content=f"{header},substance\n{rows}", headers={"Content-Type": "text/csv"}
    ).json()
    problem = "'lostol' names no single known substance; expected a name or a CAS number"
    assert (answer["added"], answer["rejected"]) == (
        1, [{"line": 3, "problems": [{"field": "substance", "problem": problem}]}],
    )  # fmt: skip
    refresh(client)
    assert "watched-without-permit" not in of("fentanyl citrate")["rule_ids"]
    assert "watched-without-permit" in of("remifentanil hydrochloride")["rule_ids"]
    client.post(
        "/v1/permits/import?replace=true",
        content=f"{header}\n{rows.split(',437')[0]}\n",
        headers={"Content-Type": "text/csv"},
    )
    refresh(client)
    [entry] = client.get("/v1/permits").json()["entries"]
    assert entry["substance"] == ""
    assert "watched-without-permit" not in of("remifentanil hydrochloride")["rule_ids"]


def test_a_licensed_party_affects_an_office_rule_without_a_restart(tmp_path: Path, bundle: Path, url: str) -> None:
    rules = tmp_path / "office.toml"
    rules.write_text(
        '[[rule]]\nid = "licensed"\nwhen = {feature = "party_licensed", op = "eq", value = 1}\n'
        'effect = "at_least_yellow"\nreason = "A party is licensed"\n',
        encoding="utf-8",
    )
    ModelStore(tmp_path / "models").install(bundle)
    settings = Settings(
        models_dir=tmp_path / "models", rules=str(rules), keeps_decisions=True, database_url=SecretStr(url)
    )
    consignee = {"name": "Lakeside Pharma Ltd", "country": "US"}
    with serving(create_app(settings)) as client:
        before = scored(client, consignee=consignee)
        licence = add(client, "permits", party_name="LAKESIDE PHARMA LTD.", valid_until="2099-12-31")
        assert licence["permit_number"] == ""
        assert scored(client, consignee=consignee)["rule_ids"] == [*before["rule_ids"], "licensed"]
        opioid = [{"goods_description": "fentanyl citrate", "permit_number": "IP-2026-0042"}]
        assert "watched-without-permit" in scored(client, items=opioid, consignee=consignee)["rule_ids"]
        client.delete(f"/v1/permits/{licence['id']}")
        refresh(client)
        assert scored(client, consignee=consignee)["rule_ids"] == before["rule_ids"]


def test_a_file_is_imported_and_its_faulty_lines_are_named(client: Client) -> None:
    text = (
        "kind,text,reason,lane\nname,Ocean Star Chemicals,Order 1,red\nname,?,Order 2,red\n"
        "colour,x,Order 3,blue\nphone,+49 30 123456,Order 4,yellow\n"
    )
    answer = client.post("/v1/watch-lists/import?list=east", content=text, headers={"Content-Type": "text/csv"})
    assert answer.status_code == 200, answer.text
    result = answer.json()
    assert (result["added"], result["removed"]) == (2, 0)
    assert [(one["line"], [p["field"] for p in one["problems"]]) for one in result["rejected"]] == [
        (3, ["text"]),
        (4, ["kind", "lane"]),
    ]
    again = client.post(
        "/v1/watch-lists/import?list=east&replace=true", content=text, headers={"Content-Type": "text/csv"}
    )
    assert (again.json()["added"], again.json()["removed"]) == (2, 2)
    entries = client.get("/v1/watch-lists?list=east").json()["entries"]
    assert [(entry["text"], entry["list"]) for entry in entries] == [
        ("Ocean Star Chemicals", "east"),
        ("+49 30 123456", "east"),
    ]
    assert client.get("/v1/watch-lists?list=west").json()["entries"] == []


def test_imports_beyond_the_memory_limit_are_refused_at_once(client: Client) -> None:
    text = "kind,text,reason\nname,Ocean Star Chemicals,Order 1\n"
    most = client.state.settings.max_bodies_bytes
    with client.state.questions.hold() as other:
        other.add(most - 10)
        for topic in ("watch-lists", "dismissals", "suppressions", "permits"):
            path = f"/v1/{topic}/import?list=east"
            refused = client.post(path, content=text, headers={"Content-Type": "text/csv"})
            assert (refused.status_code, refused.json()["type"]) == (503, "urn:tidewaiter:problem:busy")
            assert int(refused.headers["retry-after"]) >= 1
        assert client.state.questions.used == most - 10
    answer = client.post("/v1/watch-lists/import?list=east", content=text, headers={"Content-Type": "text/csv"})
    assert (answer.status_code, answer.json()["added"]) == (200, 1)
    assert client.state.questions.used == 0


@pytest.mark.both_engines
def test_pages_follow_each_other(client: Client) -> None:
    rows = "".join(f"name,Example Party Number{number},Order\n" for number in range(5))
    csv = f"kind,text,reason\n{rows}"
    client.post("/v1/watch-lists/import?list=x", content=csv, headers={"Content-Type": "text/csv"})
    pages = [client.get("/v1/watch-lists?limit=2").json()]
    while pages[-1]["next"] is not None:
        pages.append(client.get(f"/v1/watch-lists?limit=2&cursor={pages[-1]['next']}").json())
    assert len(pages) == 3
    seen = [entry["text"] for page in pages for entry in page["entries"]]
    assert seen == [f"Example Party Number{number}" for number in range(5)]


def test_the_audit_chain_records_each_change_without_names(client: Client, url: str) -> None:
    entry = watch(client)
    add(client, "dismissals", entry_id=entry["id"], party=NAME, reason="Another firm")
    add(client, "suppressions", consignor=NAME, reason="Audited", expires_at="2099-12-31")
    add(client, "permits", permit_number="IP-1942", party_name=NAME, party_country="CN")
    client.delete(f"/v1/watch-lists/{entry['id']}")
    rows = facts_of(url)
    assert [row.kind for row in rows] == [
        "watch_entry_added", "dismissal_added", "suppression_added", "permit_added", "watch_entry_removed",
    ]  # fmt: skip
    assert rows[0].subject == entry["id"]
    for row in rows:
        assert b"lianhe" not in row.facts.lower()
        assert orjson.loads(row.facts)["entries"] == 1


def test_a_faulty_entry_is_refused_with_its_fields(client: Client) -> None:
    cases: list[tuple[str, dict[str, Any], list[str]]] = [
        ("watch-lists", {}, ["kind", "list", "text", "reason"]),
        ("watch-lists", {"list": "x", "kind": "name", "text": "..", "reason": "r"}, ["text"]),
        ("watch-lists", {"list": "x", "kind": "name", "text": "Abcdef", "reason": "r", "threshold": 20}, ["threshold"]),
        (
            "watch-lists",
            {"list": "x", "kind": "phone", "text": "000000", "reason": "r", "colour": "b"},
            ["colour", "text"],
        ),
        ("dismissals", {"entry_id": "none", "party": "x", "reason": "r"}, ["entry_id"]),
        ("suppressions", {"reason": "r", "expires_at": "2099-12-31"}, ["rule_id"]),
        ("suppressions", {"rule_id": "x", "reason": "r"}, ["expires_at"]),
        ("permits", {"permit_number": "N/A", "party_name": "x"}, ["permit_number"]),
        ("permits", {"permit_number": "A-77", "party_name": "x", "substance": "fentnyl"}, ["substance"]),
    ]
    for topic, members, fields in cases:
        answer = client.post(f"/v1/{topic}", json=members)
        assert answer.status_code == 422
        assert sorted(error["field"] for error in answer.json()["errors"]) == sorted(fields)


@pytest.mark.both_engines
def test_other_workers_see_a_change_within_a_second(client: Client) -> None:
    client.post(
        "/v1/watch-lists", json={"list": "x", "kind": "name", "text": NAME, "reason": "r", "lane": "red"}
    ).raise_for_status()
    started = time.monotonic()
    while scored(client)["selected_by"] != "watch_list":
        assert time.monotonic() - started < 60.0
