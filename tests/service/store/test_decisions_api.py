"""`GET /v1/decisions` and `GET /v1/decisions/{id}`."""

from __future__ import annotations

import csv
import io
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from sqlalchemy import select, update

from service.core.database.engine import Database
from service.decisions import repository
from service.decisions.routes import Decisions, StoredDecision
from service.scoring.selecting import Selection
from service.scoring.tables import Decision
from service.search.finding import Order
from tests.effort import examples
from tests.service.api_client import Client
from tests.service.conftest import shipment
from tests.service.store.decisions import new_decision


def score(client: Client, *names: str, **changes: Any) -> list[dict[str, Any]]:
    shipments = [shipment(shipment_id=name, **changes) for name in names]
    results: list[dict[str, Any]] = client.post("/v1/score/batch", json={"shipments": shipments}).json()["results"]
    return results


def listed(client: Client, **parameters: Any) -> dict[str, Any]:
    answer = client.get("/v1/decisions", params=parameters)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    Decisions.model_validate(page)
    return page


def names(page: dict[str, Any]) -> list[str]:
    return [one["shipment_id"] for one in page["decisions"]]


@pytest.mark.both_engines
def test_pages_follow_each_other_while_decisions_arrive(stored_client: Client) -> None:
    score(stored_client, "A", "B", "C")
    first = listed(stored_client, limit=2, sort="oldest")
    newest = listed(stored_client, limit=2)
    assert (names(first), names(newest), newest["total"]) == (["A", "B"], ["C", "B"], 3)
    score(stored_client, "D", "E")
    second = listed(stored_client, limit=2, sort="oldest", cursor=first["next"])
    assert (names(second), second["total"]) == (["C", "D"], 5)
    third = listed(stored_client, limit=2, sort="oldest", cursor=second["next"])
    assert (names(third), third["next"]) == (["E"], None)
    older = listed(stored_client, limit=2, cursor=newest["next"])
    assert (names(older), older["next"], older["total"]) == (["A"], None, 3)


def test_a_full_last_page_has_no_next_page(stored_client: Client) -> None:
    score(stored_client, "A", "B")
    assert listed(stored_client, limit=2)["next"] is None


@pytest.mark.both_engines
def test_decisions_are_selected_by_shipment_lane_and_time(stored_client: Client, url: str) -> None:
    score(stored_client, "A", "B", "C")
    database = Database(url)
    with database.write() as connection:
        for name, lane, at in (("A", "red", 1_000_000), ("B", "green", 2_000_000), ("C", "red", 3_000_000)):
            values = {"lane": lane, "received_at": at}
            connection.execute(update(Decision).where(Decision.shipment_id == name).values(values))
    database.close()
    assert names(listed(stored_client, shipment_id="B")) == ["B"]
    assert names(listed(stored_client, lane="red")) == ["C", "A"]
    assert names(listed(stored_client, since="1970-01-01T00:00:02Z")) == ["C", "B"]
    assert names(listed(stored_client, since="1970-01-01T00:00:02", until="1970-01-01T01:00:03+01:00")) == ["B"]
    assert names(listed(stored_client, since="1970-01-02")) == []
    page = listed(stored_client, lane="red", limit=1)
    assert names(listed(stored_client, lane="red", cursor=page["next"])) == ["A"]


def test_filters_work_together_and_the_riskiest_come_first(stored_client: Client, url: str) -> None:
    rows = {
        "A": ("red", "score", "USLAX", "express", 0.2),
        "B": ("red", "rule", "USLAX", "express", 0.9),
        "C": ("red", "rule", "USLAX", "postal", 0.4),
        "D": ("yellow", "rule", "USLAX", "express", 0.5),
        "E": ("red", "rule", "USLAX", "express", 0.9),
    }
    score(stored_client, *rows)
    database = Database(url)
    with database.write() as connection:
        for name, (lane, by, site, channel, risk) in rows.items():
            values = {"lane": lane, "selected_by": by, "site": site, "channel": channel, "risk": risk}
            connection.execute(update(Decision).where(Decision.shipment_id == name).values(values))
    database.close()
    page = listed(stored_client, sort="riskiest")
    assert (names(page), page["total"]) == (["E", "B", "D", "C", "A"], 5)
    page = listed(stored_client, lane="red", selected_by="rule", site="lax", channel="EXPRESS", limit=1)
    assert (names(page), page["total"]) == (["E"], 2)


def test_a_decision_in_a_list_has_goods_parties_route_and_reasons(stored_client: Client) -> None:
    items = [{"goods_description": "4-piperidone"}, {"declared_chemical": "citric acid"}]
    answer = stored_client.post("/v1/score?explain=all", json=shipment(shipment_id="A", items=items)).json()
    sent = shipment()
    [row] = listed(stored_client)["decisions"]
    assert (row["goods"], row["consignor"]) == ("4-piperidone; citric acid", sent["consignor"]["name"])
    assert row["consignee"] == sent["consignee"]["name"]
    assert row["route"] == "CN to KR to US"
    assert row["reasons"]
    assert [one["text"] for one in row["reasons"]] == [one["text"] for one in answer["reasons"]][: len(row["reasons"])]


def test_a_page_can_be_a_file_that_no_spreadsheet_evaluates(stored_client: Client) -> None:
    score(stored_client, "A", "B", consignor={"name": "=cmd()"})
    answer = stored_client.get("/v1/decisions", params={"format": "csv", "limit": 1})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="decisions.csv"'
    rows = [*csv.DictReader(io.StringIO(answer.text))]
    assert [(row["shipment_id"], row["consignor"]) for row in rows] == [("B", "'=cmd()")]
    following = stored_client.get(
        "/v1/decisions", params={"format": "csv", "limit": 1, "cursor": answer.headers["x-next-cursor"]}
    )
    assert [row["shipment_id"] for row in csv.DictReader(io.StringIO(following.text))] == ["A"]
    assert "x-next-cursor" not in following.headers


def test_a_cursor_belongs_to_its_filters_and_order(stored_client: Client) -> None:
    score(stored_client, "A", "B")
    cursor = listed(stored_client, limit=1)["next"]
    for other in ({"lane": "red"}, {"sort": "riskiest"}):
        answer = stored_client.get("/v1/decisions", params={"cursor": cursor, **other})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "cursor"


ORDERS = {
    "newest": lambda row: (-row.position,),
    "oldest": lambda row: (row.position,),
    "riskiest": lambda row: (-row.risk, -row.position),
}
_sites = count()


@examples(20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    risks=st.lists(st.sampled_from([0.0, 1e-9, 0.1, 0.3, 1 / 3, 1.0]), max_size=9),
    arriving=st.lists(st.sampled_from([0.0, 0.3, 1.0]), max_size=4),
    limit=st.integers(1, 4),
    order=st.sampled_from(sorted(ORDERS)),
)
def test_pages_together_are_the_whole_list_in_order_while_rows_arrive(
    database: Database, risks: list[float], arriving: list[float], limit: int, order: Order
) -> None:
    site = f"site {next(_sites)}"
    selection = Selection(site=site)

    def store(some: list[float]) -> None:
        with database.write() as connection:
            repository.record(connection, [new_decision(site=site, risk=risk) for risk in some], 1)

    store(risks)
    with database.read() as connection:
        whole = connection.execute(select(Decision.position, Decision.risk).where(Decision.site == site)).all()
    found: list[Any] = []
    after = None
    while True:
        with database.read() as connection:
            page = repository.page(connection, selection, order, after=after, limit=limit)
        found += page.rows
        after = page.following
        if after is None:
            break
        store(arriving[:1])
        arriving = arriving[1:]
    expected = [row.position for row in sorted(whole, key=ORDERS[order])]
    positions = [row.position for row in found]
    assert positions[: len(expected)] == expected
    assert order == "oldest" or len(positions) == len(expected) == page.total
    assert len(set(positions)) == len(positions)


def test_a_decision_has_its_manifest_answer_and_versions(stored_client: Client) -> None:
    sent = shipment(shipment_id="A", unknown_field="kept")
    answer = stored_client.post("/v1/score", json=sent).json()
    stored = stored_client.get(f"/v1/decisions/{answer['decision_id']}").json()
    StoredDecision.model_validate(stored)
    assert stored["answer"] == answer
    assert stored["manifest"] == sent
    assert stored["versions"]["model_digest"] == answer["model"]["digest"]
    assert stored["versions"]["rules_digest"] == answer["rules_digest"]
    assert (stored["via"], stored["lane"], stored["caller"]) == ("score", answer["lane"], None)
    assert (stored["outcomes"], stored["overrides"]) == ([], [])
    assert stored["received_at"].endswith("Z")


def test_a_decision_names_earlier_and_later_ones_on_its_shipment(stored_client: Client) -> None:
    ids = [score(stored_client, "A", gross_mass_kg=mass)[0]["decision_id"] for mass in (1, 2, 3)]
    found = [stored_client.get(f"/v1/decisions/{one}").json() for one in ids]
    assert [one["earlier_id"] for one in found] == [None, ids[0], ids[1]]
    assert [one["later"] for one in found] == [ids[1:], ids[2:], []]


def test_an_erased_manifest_is_null(stored_client: Client, url: str) -> None:
    [answer] = score(stored_client, "A")
    database = Database(url)
    with database.write() as connection:
        connection.execute(update(Decision).values(manifest=None, salt=None))
    database.close()
    stored = stored_client.get(f"/v1/decisions/{answer['decision_id']}").json()
    assert stored["manifest"] is None
    assert stored["answer"] == answer


def test_an_unknown_decision_is_not_found(stored_client: Client) -> None:
    answer = stored_client.get("/v1/decisions/unknown")
    assert (answer.status_code, answer.json()["detail"]) == (404, "There is no decision 'unknown'.")


def test_a_wrong_parameter_is_named(stored_client: Client) -> None:
    cases: list[tuple[str, str, str]] = [
        ("lane", "blue", "'red', 'yellow' or 'green'"),
        ("since", "yesterday", "is not a time in ISO 8601"),
        ("until", "2026-13-01", "is not a time in ISO 8601"),
        ("cursor", "-1", "is not a cursor"),
        ("cursor", "9" * 30, "is not a cursor"),
        ("cursor", "!", "should match pattern"),
        ("sort", "alphabetical", "'newest', 'oldest' or 'riskiest'"),
        ("limit", "0", "greater than or equal to 1"),
        ("limit", "1001", "less than or equal to 1000"),
        ("shipment_id", "A\0", "should match pattern"),
    ]
    for parameter, value, problem in cases:
        answer = stored_client.get("/v1/decisions", params={parameter: value})
        assert answer.status_code == 422
        [error] = answer.json()["errors"]
        assert error["field"] == parameter
        assert problem in error["problem"]


def test_a_shipment_id_with_a_character_that_postgresql_refuses_is_stored(stored_client: Client) -> None:
    [answer] = score(stored_client, "A\0B")
    stored = stored_client.get(f"/v1/decisions/{answer['decision_id']}").json()
    assert stored["shipment_id"] == "A\N{REPLACEMENT CHARACTER}B"
    assert stored["manifest"]["shipment_id"] == "A\0B"


@pytest.mark.parametrize("path", ["/v1/decisions", "/v1/decisions/x"])
def test_without_a_store_the_answer_names_its_setting(shared_client: Client, path: str) -> None:
    answer = shared_client.get(path)
    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:tidewaiter:problem:store-off"
    assert "TIDEWAITER_STORE is off" in answer.json()["detail"]
