"""The page of a shipment: evidence beside the fields it comes from, the law, the parties, and what officers record on the page."""

from __future__ import annotations

import re
from typing import Any

from service.console.roles import Role
from service.console.screens.evidence import changes_between, reasons_of
from service.console.screens.manifest import parts_of, record_in
from service.console.screens.parties import network
from service.core.examples import EXAMPLE_PRECURSOR, EXAMPLE_SHIPMENT
from service.search.building import IndexBuilder
from tests.service.api_client import Client
from tests.service.console.conftest import Officer, database_of, sign_in

PART = {"hx-request": "true"}


def score(client: Client, **changes: Any) -> str:
    """Score the example precursor with other fields, and return its decision."""
    answer = client.post("/v1/score", json=EXAMPLE_PRECURSOR | changes)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["decision_id"])


def part(person: Officer, path: str, **fields: Any) -> Any:
    """Send a form as htmx does."""
    return person._request("POST", path, data=fields | {"token": person.token}, headers=PART)


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def answer_with(*reasons: dict[str, Any], items: int = 1, riskiest: str = "1") -> dict[str, Any]:
    return {
        "reasons": [{"text": "t", "source": "", "code": "X", "weight": None, "fields": []} | one for one in reasons],
        "explains": {"base_value": -10.0, "raw_score": -6.0, "head": "precursor", "item_number": riskiest},
        "warnings": [{"field": "consignee_city", "problem": "is odd"}],
        "items": [{"item_number": str(n + 1), "risk": 0.1, "substance": None} for n in range(items)],
    }


def test_a_weight_is_evidence_of_its_item_alone_and_a_rule_of_all() -> None:
    manifest = {
        "shipment_id": "S",
        "currency": "USD",
        "consignee": {"city": "Leeds", "country": "gb"},
        "items": [{"goods_description": "salt", "net_mass_kg": 2, "customs_value": 5}, {"goods_description": "pepper"}],
    }
    rule, weight = (
        {"fields": ["goods_description"]},
        {"fields": ["goods_description", "hs_code", "consignee_country"], "weight": 4.0},
    )
    _shipment, consignee, first, second = parts_of(
        record_in(manifest), answer_with(rule, weight, items=2, riskiest="2")
    )
    assert {one["label"]: one["text"] for one in first["fields"]} == {
        "Goods": "salt",
        "Net mass": "2 kg",
        "Value": "5 USD",
    }
    assert [one["numbers"] for one in first["fields"]] == [[1], [], []]
    assert [one["numbers"] for one in second["fields"]] == [[1, 2]]
    assert [(one["label"], one["numbers"]) for one in second["absent"]] == [("HS code", [2])]
    assert first["absent"] == []
    assert {one["label"]: (one["text"], one["numbers"], one["problems"]) for one in consignee["fields"]} == {
        "City": ("Leeds", [], ["is odd"]),
        "Country": ("United Kingdom (gb)", [2], []),
    }


def test_bars_run_from_the_base_value_to_the_score() -> None:
    found = reasons_of(answer_with({}, {"weight": 6.0}, {"weight": -2.0}))
    assert [(one["rule"] is not None, one["x"], one["width"]) for one in found["rows"]] == [
        (True, None, None),
        (False, 0.0, 100.0),
        (False, 66.67, 33.33),
    ]
    assert found["zero"] == 0.0


def test_changes_have_the_names_that_officers_use() -> None:
    before = {"consignee": {"name": "A"}, "items": [{"hs_code": "1"}]}
    after = {"consignee": {"name": "B"}, "items": [{"hs_code": "2"}]}
    assert [(one["field"], one["old"], one["new"]) for one in changes_between(before, after)] == [
        ("Consignee, Name", "A", "B"),
        ("Goods item 1, HS code", "1", "2"),
    ]


def test_a_network_has_at_most_60_nodes_and_the_finds_first() -> None:
    row: dict[str, Any] = {"lane": "green", "goods": None, "received_at": "2026-05-04T10:00:00Z"}
    rows = [row | {"shipment_id": f"S{n}", "decision_id": f"D{n}"} for n in range(50)]
    links = [{"name": "L", "country": None, "by": ("address", "phone", "email")[n % 3]} for n in range(20)]
    own = [[one | {"shipment_id": one["shipment_id"] + role} for one in rows[9:]] + rows[:9] for role in ("a", "b")]
    find = {"decision_id": "D44", "shipment_id": "S44a", "content": "precursor"}
    parties = {
        role: {"names": [role], "shipments": some, "finds": [find], "links": links}
        for role, some in zip(("consignor", "consignee"), own, strict=True)
    }
    drawn = network(parties, "HERE")
    assert 50 < len(drawn["nodes"]) <= 60
    assert drawn == network(parties, "HERE")
    kinds = [node["kind"] for node in drawn["nodes"]]
    assert (kinds.count("here"), kinds.count("party"), kinds.count("shared")) == (1, 2, 6)
    assert [node["text"] for node in drawn["nodes"] if node["x"] == 500] == ["HERE", "S0", "S1", "S2", "S3", "S4"]
    assert next(node["text"] for node in drawn["nodes"] if node["kind"] == "green") == "S44a"
    assert all(0 < node["y"] < drawn["height"] for node in drawn["nodes"])
    places = [(node["x"], node["y"]) for node in drawn["nodes"]]
    assert len(set(places)) == len(places)


def test_the_page_shows_reasons_with_their_fields_and_what_is_not_recorded(office: Client) -> None:
    item = EXAMPLE_PRECURSOR["items"][0] | {"goods_description": "1-boc-4-piperidone", "cas_number": "79099-07-3"}
    decision_id = score(office, shipment_id="ONE", items=[item])
    person = sign_in(office, "a.viewer", Role.VIEWER)
    page = person.get(f"/shipments/{decision_id}").text
    fields = set(" ".join(re.findall(r'<div data-fields="([^"]+)"', page)).split())
    reasons = re.findall(r'data-reason data-fields="([^"]+)"', page)
    assert reasons
    assert all(set(tokens.split()) & fields for tokens in reasons)
    words = text_of(page)
    assert "Mexico (MX)" in words
    assert "Mexico : not recorded for this substance and day. Unknown is not unlisted." in words
    assert 'id="verdict"' not in page
    assert 'id="trail"' not in page
    lead = sign_in(office, "a.lead", Role.LEAD)
    trail = lead.get(f"/shipments/{decision_id}").text.partition('id="trail"')[2]
    assert "page opened" in trail
    assert "A.Viewer" in trail
    drawing = re.search(r'src="(/substances/drawing[^"]+)"', page)
    assert drawing is not None
    assert "<svg" in person.get(drawing[1].replace("&amp;", "&")).text


def test_the_parties_are_drawn_and_in_a_table(office: Client) -> None:
    decisions = [score(office, shipment_id=f"N{number}") for number in range(3)]
    IndexBuilder(database_of(office)).advance()
    page = sign_in(office, "a.viewer", Role.VIEWER).get(f"/shipments/{decisions[0]}/neighbours").text
    network_of_both, _, table = page.partition("<table")
    assert network_of_both.count('class="dot party"') == 3  # both, and the sign that explains them
    for number, decision_id in enumerate(decisions):
        assert f'href="/shipments/{decision_id}"' in network_of_both
        assert f">N{number}</a>" in table


def test_a_change_on_the_page_answers_the_page_again(office: Client) -> None:
    decision_id = score(office, shipment_id="ONE")
    person = sign_in(office, "an.officer", Role.OFFICER)
    claimed = part(person, f"/shipments/{decision_id}/claim", action="claim")
    assert "You hold this shipment." in claimed.text
    assert claimed.text.lstrip().startswith('<div id="shipment">')
    lane = part(person, f"/shipments/{decision_id}/override", lane="yellow", reason="two\nlines")
    assert "An.Officer chose yellow: two lines" in text_of(lane.text)
    assert '<option value="yellow">' not in lane.text  # the lane in force is no choice
    assert "An.Officer chose yellow: two lines" in text_of(person.get("/queue").text)
    assert part(person, f"/shipments/{decision_id}/notes", text="a note").status_code == 200
    recorded = part(person, f"/shipments/{decision_id}/outcome", verdict="5", seen="", stay="1", quantity="2.5")
    assert "An.Officer recorded precursor" in text_of(recorded.text)
    seen = re.search(r'name="seen" value="([^"]+)"', recorded.text)
    assert seen is not None
    assert "A verdict now corrects" in recorded.text
    part(person, f"/shipments/{decision_id}/outcome", verdict="1", seen=seen[1], stay="1")
    outcomes = office.get(f"/v1/decisions/{decision_id}").json()["outcomes"]
    assert [(one["content"], one["corrects"]) for one in outcomes] == [("precursor", None), ("none", seen[1])]
    again = re.search(r'action="(/outcomes/[^"]+/undo)"', person.get(f"/shipments/{decision_id}").text)
    assert again is not None
    assert person.post(again[1]).status_code == 303
    assert office.get("/v1/queue").json()["items"][0]["by"] == "An.Officer"


def test_who_was_faster_is_shown_with_the_page_as_it_is_now(office: Client) -> None:
    decision_id = score(office, shipment_id="ONE")
    early, late = sign_in(office, "early", Role.OFFICER), sign_in(office, "late", Role.OFFICER)
    part(early, f"/shipments/{decision_id}/claim", action="claim")
    refused = part(late, f"/shipments/{decision_id}/claim", action="claim")
    assert refused.status_code == 409
    assert "Early holds this shipment until" in text_of(refused.text)
    part(early, f"/shipments/{decision_id}/outcome", verdict="5", seen="", stay="1")
    refused = part(late, f"/shipments/{decision_id}/outcome", verdict="1", seen="")
    assert refused.status_code == 409
    assert "precursor by Early" in refused.text
    latest = office.get(f"/v1/decisions/{decision_id}").json()["outcomes"][-1]["outcome_id"]
    assert f'name="seen" value="{latest}"' in refused.text
    wrong = part(late, f"/shipments/{decision_id}/outcome", verdict="1", seen=latest, quantity="much")
    assert wrong.status_code == 422
    assert wrong.headers["hx-retarget"] == "#messages"


def test_the_last_verdict_of_a_view_stays_on_its_page(office: Client) -> None:
    decision_id = score(office, shipment_id="ONE")
    person = sign_in(office, "an.officer", Role.OFFICER)
    answer = person.post(f"/shipments/{decision_id}/outcome", verdict="1", seen="")
    assert answer.headers["location"].startswith(f"/shipments/{decision_id}?done=")
    assert "Nothing else waits in this view." in person.get(answer.headers["location"]).text


def test_a_verdict_on_a_green_shipment_can_be_withdrawn(office: Client) -> None:
    decision_id = office.post("/v1/score", json=EXAMPLE_SHIPMENT).json()["decision_id"]
    person = sign_in(office, "an.officer", Role.OFFICER)
    assert "It does not wait for an inspection." in person.get(f"/shipments/{decision_id}").text
    part(person, f"/shipments/{decision_id}/outcome", verdict="1", seen="", stay="1")
    [recorded] = office.get(f"/v1/decisions/{decision_id}").json()["outcomes"]
    assert person.post(f"/outcomes/{recorded['outcome_id']}/undo").status_code == 303
    assert office.get(f"/v1/decisions/{decision_id}").json()["outcomes"][-1]["content"] == ""


def test_declarations_say_what_changed(office: Client) -> None:
    first = score(office, shipment_id="ONE")
    item = EXAMPLE_PRECURSOR["items"][0] | {"goods_description": "craft supplies"}
    second = score(office, shipment_id="ONE", items=[item])
    person = sign_in(office, "a.viewer", Role.VIEWER)
    page = person.get(f"/shipments/{second}").text
    assert "The declaration has changed since the one before" in page
    assert "<ins>craft supplies</ins>" in page
    assert f"/shipments/{first}" in page
    assert "There is a later declaration" in person.get(f"/shipments/{first}").text


def test_an_erased_shipment_says_so(office: Client) -> None:
    decision_id = score(office, shipment_id="ONE")
    office.post("/v1/erasures", json={"shipment_id": "ONE"}).raise_for_status()
    person = sign_in(office, "an.officer", Role.OFFICER)
    page = person.get(f"/shipments/{decision_id}").text
    assert "The manifest was erased" in page
    assert EXAMPLE_PRECURSOR["consignee"]["name"] not in page
    assert "erased with the manifest" in person.get(f"/shipments/{decision_id}/neighbours").text
