"""Rules and lists without a browser: entries from finds begin and end on the screen; a suppression names a rule that exists."""

from __future__ import annotations

import re

from service.console.roles import Role
from tests.service.api_client import Client
from tests.service.console.conftest import sign_in
from tests.service.store.test_proposals import found, of_the_scheme, ordinary, proposed, scored


def test_a_lead_accepts_a_draft_and_ends_it_on_the_screen(office: Client) -> None:
    scored(office, *(ordinary(number) for number in range(300)))
    finds = scored(office, of_the_scheme(1), of_the_scheme(2))
    draft = proposed(office, *(found(office, one["decision_id"]) for one in finds))[0]["id"]
    lead = sign_in(office, "a.lead", Role.LEAD)
    assert "End it" not in lead.get("/rules").text
    accepted = lead.post(f"/rules/proposals/{draft}", action="accept", reason="Agreed with the laboratory")
    page = lead.get(accepted.headers["location"]).text
    assert "in force from now on" in page
    assert re.search(r"A\.Lead, [^<]+: Agreed with the laboratory", page)
    assert scored(office, of_the_scheme(3))[0]["selected_by"] == "rule"
    assert "End it" in page
    ended = lead.post(f"/rules/proposals/{draft}", action="decline", reason="The scheme has ended")
    assert "not in force" in lead.get(ended.headers["location"]).text
    assert scored(office, of_the_scheme(4))[0]["selected_by"] != "rule"


def test_a_suppression_of_an_unknown_rule_is_refused_with_those_that_exist(office: Client) -> None:
    lead = sign_in(office, "a.lead", Role.LEAD)
    entry = {"consignor": "Green Goods", "reason": "Known", "expires_at": "2099-01-01"}
    refused = lead.post("/rules/lists/suppressions", rule_id="no-such-rule", **entry)
    known = re.search(r"There are: ([a-z0-9-]+)", refused.text)
    assert refused.status_code == 422
    assert known is not None
    assert "no-such-rule" not in str(office.get("/v1/suppressions").json())
    added = lead.post("/rules/lists/suppressions", rule_id=known[1], **entry)
    assert "The entry is added" in lead.get(added.headers["location"]).text
    assert known[1] in str(office.get("/v1/suppressions").json())


def test_a_tried_rule_shows_shipments_that_meet_it(office: Client) -> None:
    scored(office, *(ordinary(number) for number in range(30)))
    [one] = scored(office, of_the_scheme(1))
    rule = r"""
        [[rule]]
        id = "flanges"
        when = {field = "goods_description", op = "matches", value = '\bflanges\b'}
        effect = "at_least_yellow"
        reason = "Flanges"
    """
    page = sign_in(office, "a.lead", Role.LEAD).post("/rules/try", rule=rule).text
    assert "1 of 31 shipments" in page
    assert re.findall(r'href="/shipments/([^"]+)">F1<', page) == [one["decision_id"]]
