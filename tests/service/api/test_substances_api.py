"""Lookups of chemicals over HTTP: results, refusals, and independence from scoring."""

from __future__ import annotations

import asyncio
import datetime as dt
import sys
import threading
import time
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pytest

from features.substances import opsin
from service.app import create_app
from service.core import chemistry
from service.core.examples import EXAMPLE_QUERIES, EXAMPLE_SHIPMENT
from service.core.http.schemas import UnreadableQuery
from service.core.settings import Settings
from service.scoring.answers import score
from service.status.routes import Readiness
from service.substances.answers import MAX_QUERY, read_jurisdiction
from service.substances.schemas import SubstanceAnswer, SubstanceAnswers
from tests.service.api_client import Client, serving

FENTANYL = "CCC(=O)N(c1ccccc1)C1CCN(CCc2ccccc2)CC1"
UNLISTED = "CCCCC(=O)N(c1cccc(Cl)c1)C1CCN(CCc2ccccc2)CC1"


def look_up(client: Client, q: str, **options: Any) -> SubstanceAnswer:
    """Look up a text and validate the response against its schema."""
    answer = client.get("/v1/substances", params={"q": q, **options})
    assert answer.status_code == 200, answer.text
    return SubstanceAnswer.model_validate(answer.json())


def refused(answer: httpx.Response, field: str) -> str:
    """Return the problem of ``field`` in a 422 response."""
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    [error] = answer.json()["errors"]
    assert error["field"] == field
    problem: str = error["problem"]
    return problem


def test_a_listed_opioid_comes_with_its_listings_and_their_sources(shared_client: Client) -> None:
    result = look_up(shared_client, "fentanyl", as_of="2026-11-04")
    assert (result.kind, result.hit, result.substance, result.group) == ("exact", True, "Fentanyl", "fentanyl")
    assert (result.cas, result.inchikey) == ("437-38-7", "PJMPHNIQZUBGLI-UHFFFAOYSA-N")
    assert result.listed
    assert {"UN", "US", "CN"} <= set(result.listed_in)
    assert {row.jurisdiction for row in result.listings} >= {"UN", "US", "CN"}
    assert all(row.instrument and row.source and row.verified for row in result.listings)
    assert {(one.jurisdiction, one.by) for one in result.controlled_as} >= {("US", "named"), ("CN", "named")}


@pytest.mark.parametrize(
    "text",
    ["437-38-7", FENTANYL, "PJMPHNIQZUBGLI-UHFFFAOYSA-N", "fentanil", "Fentanyl HCl, 99 %"],
)
def test_different_spellings_resolve_to_the_same_substance(shared_client: Client, text: str) -> None:
    assert look_up(shared_client, text).substance == "Fentanyl"


def test_an_unlisted_analogue_meets_class_definitions_limb_by_limb(shared_client: Client) -> None:
    result = look_up(shared_client, UNLISTED, as_of="2026-11-04")
    assert (result.kind, result.hit) == ("class", True)
    assert result.listings == []
    classes = {definition.definition: definition for definition in result.classes}
    united_states, china = classes["us-fentanyl-related"], classes["cn-fentanyl-related"]
    assert [limb.limb for limb in united_states.limbs] == ["D", "E"]
    assert [limb.limb for limb in china.limbs] == ["1", "2"]
    assert united_states.limbs[1].wording == "replaced by another acyl group"
    assert (united_states.in_force, united_states.wording_verified) == (True, "yes")
    assert united_states.listing is not None
    assert {"US", "CN"} <= set(result.listed_in)
    assert {(one.jurisdiction, one.by) for one in result.controlled_as} >= {("US", "class"), ("CN", "class")}
    assert result.nearest
    assert result.similarity is not None
    assert 0.5 < result.similarity < 1.0


def test_the_law_depends_on_day_and_jurisdiction(shared_client: Client) -> None:
    before = look_up(shared_client, UNLISTED, as_of="2018-02-05", jurisdiction="US")
    assert (before.listed, before.listed_in) == (False, [])
    assert [one.in_force for one in before.classes if one.definition == "us-fentanyl-related"] == [False]
    assert before.classes[0].result == "met"
    after = look_up(shared_client, UNLISTED, as_of="2018-02-06", jurisdiction="us")
    assert (after.listed, after.listed_in, after.jurisdiction, after.as_of) == (True, ["US"], "US", "2018-02-06")
    germany = look_up(shared_client, "NPP", as_of="2026-11-04", jurisdiction="DE")
    assert {row.jurisdiction for row in germany.listings} <= {"DE", "EU"}


def test_an_unrecorded_law_is_null_and_the_convention_that_binds_the_country_is_named(shared_client: Client) -> None:
    result = look_up(shared_client, "crotonylfentanyl", as_of="2026-11-04", jurisdiction="MX")
    assert (result.hit, result.listed, result.listed_in) == (True, None, [])
    [law] = result.law
    assert (law.jurisdiction, law.recorded_until, law.groups, law.listed) == ("MX", None, [], None)
    [convention] = result.conventions
    assert (convention.party, convention.listing.instrument) == ("MX", "Single Convention 1961")
    assert convention.listing.jurisdiction == "UN"
    assert convention.party_source
    assert any("Not recorded" in warning and "MX" in warning for warning in result.warnings)


def test_a_reform_counts_from_its_day_and_a_recorded_law_settles_the_absence_of_a_listing(
    shared_client: Client,
) -> None:
    before = look_up(shared_client, "acetylfentanyl", as_of="2026-01-15", jurisdiction="MX")
    after = look_up(shared_client, "acetylfentanyl", as_of="2026-01-16", jurisdiction="MX")
    assert (before.listed, after.listed) == (None, True)
    named = look_up(shared_client, "crotonylfentanyl", as_of="2026-06-27", jurisdiction="JP")
    absent = look_up(shared_client, "lofentanil", as_of="2026-06-27", jurisdiction="JP")
    assert (named.listed, absent.listed) == (True, False)


def test_each_law_states_until_when_and_for_which_groups_it_is_recorded(shared_client: Client) -> None:
    laws = {law.jurisdiction: law for law in look_up(shared_client, "fentanyl", as_of="2026-11-04").law}
    united_states = laws["US"]
    assert (united_states.listed, united_states.recorded_until) == (True, "2026-09-21")
    assert {"fentanyl", "nitazene", "precursor"} <= set(united_states.groups)
    assert (laws["EU"].listed, laws["EU"].recorded_until) == (None, None)
    assert "precursor" in laws["EU"].groups
    germany = look_up(shared_client, "NPP", as_of="2026-11-04", jurisdiction="DE")
    assert {law.jurisdiction: law.listed for law in germany.law} == {"DE": None, "EU": True}
    assert germany.listed


def test_the_law_of_today_is_the_default(shared_client: Client) -> None:
    before, result, after = (
        dt.datetime.now(dt.UTC).date(),
        look_up(shared_client, "fentanyl"),
        dt.datetime.now(dt.UTC).date(),
    )
    assert before.isoformat() <= result.as_of <= after.isoformat()


@pytest.mark.parametrize("text", ["2-piperidone", "phenethyl alcohol", "Fenty Beauty lipstick", "\N{SNOWMAN} \x00 %%%"])
def test_an_unwatched_text_gets_a_result_without_a_hit(shared_client: Client, text: str) -> None:
    result = look_up(shared_client, text)
    # The law on common chemicals and unknown words is not recorded: "not listed" would be a claim.
    assert (result.hit, result.listed, result.listed_in) == (False, None, [])
    assert result.kind not in ("class", "systematic", "misspelt")


def test_a_text_without_a_substance_reports_what_was_tried(shared_client: Client) -> None:
    # The piperidine ring is typical of controlled substances, so the structure is not called harmless.
    result = look_up(shared_client, "12345-67-9 of O=C(C1CCCCC1)N1CCCCC1 and some thing")
    assert (result.kind, result.substance, result.confidence) == (None, None, None)
    evidence = " ".join(result.evidence)
    assert "12345-67-9 is not a CAS number: its check digit is wrong." in evidence
    assert "O=C(C1CCCCC1)N1CCCCC1 was read as SMILES" in evidence
    assert result.smiles == "O=C(C1CCCCC1)N1CCCCC1"


def test_a_structure_unlike_everything_under_control_is_harmless(shared_client: Client) -> None:
    result = look_up(shared_client, "12345-67-9 of CC(=O)NCCC(=O)NCCCCCC and some thing")
    assert (result.kind, result.group, result.hit, result.listed) == ("identifier", "benign", False, None)
    assert "unlike every watched substance" in " ".join(result.evidence)
    assert result.smiles == "CCCCCCNC(=O)CCNC(C)=O"


def test_a_mention_is_never_a_hit(shared_client: Client) -> None:
    result = look_up(shared_client, "fentanyl test strips, 100 pcs")
    assert (result.kind, result.hit, result.context) == ("mention", False, "test")


def test_unverified_wording_and_listings_give_warnings(shared_client: Client) -> None:
    nitazene = "CCNCCn1c(Cc2ccc(OCCCC)cc2)nc2cc([N+](=O)[O-])ccc12"
    result = look_up(shared_client, nitazene, as_of="2026-11-04")
    assert any("CN, Nitazenes" in warning and "not verified" in warning for warning in result.warnings)
    named = look_up(shared_client, "fentanyl", as_of="2026-11-04")
    unverified = sum(row.verified == "unverified" for row in named.listings)
    assert unverified
    assert f"Not checked against a publication: {unverified} of {len(named.listings)} listings." in named.warnings


def test_the_drawing_is_valid_svg_and_only_made_on_request(shared_client: Client) -> None:
    assert look_up(shared_client, FENTANYL).drawing is None
    drawn = look_up(shared_client, FENTANYL, drawing=True).drawing
    assert drawn is not None
    assert ET.fromstring(drawn).tag.endswith("svg")
    alone = shared_client.get("/v1/substances/drawing.svg", params={"q": FENTANYL})
    assert (alone.status_code, alone.headers["content-type"]) == (200, "image/svg+xml")
    assert alone.text == drawn
    nothing = shared_client.get("/v1/substances/drawing.svg", params={"q": "silicone phone case"})
    assert nothing.status_code == 404
    assert "No structure is known" in nothing.json()["detail"]


def test_lookups_work_without_the_drawing_library(shared_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rdkit.Chem.Draw", None)
    result = look_up(shared_client, FENTANYL, drawing=True)
    assert (result.drawing, result.substance) == (None, "Fentanyl")
    assert any("cannot be drawn" in warning for warning in result.warnings)
    alone = shared_client.get("/v1/substances/drawing.svg", params={"q": FENTANYL})
    assert alone.status_code == 404
    assert "cannot be drawn" in alone.json()["detail"]


@pytest.mark.parametrize(
    ("query", "field", "words"),
    [
        ({}, "q", "required"),
        ({"q": ""}, "q", "at least 1"),
        ({"q": "  "}, "q", "pattern"),
        ({"q": "x" * (MAX_QUERY + 1)}, "q", "at most 1000"),
        ({"q": "x", "as_of": "yesterday"}, "as_of", "YYYY-MM-DD"),
        ({"q": "x", "as_of": "2026-02-30"}, "as_of", "YYYY-MM-DD"),
        ({"q": "x", "as_of": "20260204"}, "as_of", "YYYY-MM-DD"),
        ({"q": "x", "jurisdiction": "QQ"}, "jurisdiction", "UN, EU or an ISO 3166 code"),
        ({"q": "x", "jurisdiction": "US-QQ"}, "jurisdiction", "UN, EU or an ISO 3166 code"),
        ({"q": "x", "drawing": "perhaps"}, "drawing", "perhaps"),
    ],
)
def test_an_invalid_parameter_is_named_with_the_expected_form(
    shared_client: Client, query: dict[str, str], field: str, words: str
) -> None:
    assert words in refused(shared_client.get("/v1/substances", params=query), field)


@pytest.mark.parametrize(
    ("text", "code"),
    [("us", "US"), (" CN ", "CN"), ("un", "UN"), ("eu", "EU"), ("US-SD", "US-SD"), ("us-ca", "US-CA"), ("UK", "GB")],
)
def test_a_jurisdiction_is_case_insensitive(text: str, code: str) -> None:
    assert read_jurisdiction(text) == code


def test_a_batch_keeps_the_order_and_unreadable_queries_keep_their_place(shared_client: Client) -> None:
    queries = [
        "fentanyl",
        "",
        7,
        {"q": UNLISTED},
        {"chemical": True},
        {"q": "x", "chemical": "no"},
        "x" * 1001,
        "aspirin",
    ]
    answer = shared_client.post("/v1/substances/batch", json={"queries": queries, "as_of": "2026-11-04"})
    assert answer.status_code == 200
    results = SubstanceAnswers.model_validate(answer.json()).results
    kinds = [one.kind if isinstance(one, SubstanceAnswer) else None for one in results]
    assert kinds == ["exact", None, None, "class", None, None, None, "exact"]
    problems = [one.problem if isinstance(one, UnreadableQuery) else "" for one in results]
    assert [bool(problem) for problem in problems] == [False, True, True, False, True, True, True, False]
    assert "got 7" in problems[2]
    assert "true or false" in problems[5]
    assert "1,001 characters" in problems[6]
    assert {one.as_of for one in results if isinstance(one, SubstanceAnswer)} == {"2026-11-04"}


def test_an_abbreviation_counts_as_a_chemical_but_not_in_a_goods_description(shared_client: Client) -> None:
    queries = [{"q": "NPP"}, {"q": "NPP", "chemical": False}]
    results = shared_client.post("/v1/substances/batch", json={"queries": queries}).json()["results"]
    assert [result["hit"] for result in results] == [True, False]
    assert results[0]["ambiguous"] is True


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ([], "queries", '{"queries": [...]}'),
        ({}, "queries", '{"queries": [...]}'),
        ({"queries": []}, "queries", "at least one"),
        ({"queries": "fentanyl"}, "queries", '{"queries": [...]}'),
        ({"queries": ["x"], "as_of": 20260204}, "as_of", "YYYY-MM-DD"),
        ({"queries": ["x"], "jurisdiction": "Atlantis"}, "jurisdiction", "ISO 3166"),
        ({"queries": ["x"], "drawing": 1}, "drawing", "true or false"),
    ],
)
def test_an_unreadable_batch_is_refused_with_the_field(
    shared_client: Client, body: object, field: str, words: str
) -> None:
    assert words in refused(shared_client.post("/v1/substances/batch", json=body), field)


def test_a_batch_over_the_limit_is_refused(settings: Settings) -> None:
    small = Settings(models_dir=settings.models_dir, max_substance_queries=2)
    with serving(create_app(small)) as client:
        assert client.post("/v1/substances/batch", json={"queries": ["a", "b"]}).status_code == 200
        answer = client.post("/v1/substances/batch", json={"queries": ["a", "b", "c"]})
        assert client.get("/v1/schema").json()["limits"]["substance_queries"] == 2
    assert answer.status_code == 413
    assert "at most 2" in answer.json()["errors"][0]["problem"]


def test_lookups_work_without_opsin_and_report_that_it_is_missing(
    settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    off = Settings(models_dir=settings.models_dir, opsin=False)
    opsin()._answers.clear()  # Another test may have asked for the same name.
    try:
        with serving(create_app(off)) as client:
            by_structure = look_up(client, UNLISTED)
            by_name = look_up(client, EXAMPLE_QUERIES["unlisted"][1])
            ready = Readiness.model_validate(client.get("/readyz").json())
            chemistry.set_up(Settings())
            again = look_up(client, EXAMPLE_QUERIES["unlisted"][1])
    finally:
        chemistry.set_up(Settings())
    assert by_structure.kind == "class"
    assert by_name.kind in (None, "similar", "mention", "misspelt")
    assert any("ystematic names are not read" in warning for warning in by_name.warnings)
    assert ready.chemistry.systematic_names == "unavailable"
    assert ready.chemistry.problem is not None
    # Results given without OPSIN are not cached.
    assert again.kind == "class" or opsin().problem is not None
    assert '"event": "systematic_names_not_read"' in capfd.readouterr().err


@pytest.mark.skipif(opsin().problem is not None, reason="needs Java")
def test_opsin_reads_a_systematic_name(settings: Settings) -> None:
    opsin()._answers.clear()  # Another test may have asked for the same name.
    with serving(create_app(settings)) as client:
        result = look_up(client, EXAMPLE_QUERIES["unlisted"][1])
        assert client.get("/readyz").json()["chemistry"] == {"systematic_names": "ready", "problem": None}
    assert (result.kind, result.hit) == ("class", True)
    assert not any("ystematic names are not read" in warning for warning in result.warnings)


def test_slow_lookups_do_not_delay_scores(client: Client) -> None:
    limiter = client.state.lookups.single
    for number in range(int(limiter.total_tokens)):
        client.portal.call(limiter.acquire_on_behalf_of, number)
    answers: list[int] = []
    thread = threading.Thread(
        target=lambda: answers.append(client.get("/v1/substances", params={"q": "fentanyl"}).status_code)
    )
    thread.start()
    try:
        until = time.monotonic() + 30
        while limiter.statistics().tasks_waiting == 0:
            assert time.monotonic() < until, "the lookup did not wait"
            time.sleep(0.01)
        assert client.post("/v1/score", json=EXAMPLE_SHIPMENT).status_code == 200
        assert answers == []
    finally:
        for number in range(int(limiter.total_tokens)):
            client.portal.call(limiter.release_on_behalf_of, number)
    thread.join(30)
    assert answers == [200]


@pytest.mark.parametrize(
    ("text", "in_thread"),
    [
        ("citric acid", False),
        ("silicone phone case", True),
        (EXAMPLE_QUERIES["unlisted"][1], True),
        ("fentanyl", False),
    ],
)
def test_a_shipment_with_a_chemical_that_opsin_must_read_is_scored_in_a_thread(
    shared_client: Client, monkeypatch: pytest.MonkeyPatch, text: str, in_thread: bool
) -> None:
    loops: list[object] = []

    def record_loop(*arguments: Any, **options: Any) -> Any:
        loops.append(asyncio._get_running_loop())
        return score(*arguments, **options)

    monkeypatch.setattr("service.scoring.scorer.score", record_loop)
    shipment = EXAMPLE_SHIPMENT | {"items": [{"goods_description": "reagent", "declared_chemical": text}]}
    assert shared_client.post("/v1/score?update_history=false", json=shipment).status_code == 200
    assert [loop is None for loop in loops] == [in_thread]


def test_the_documented_queries_give_the_described_results(shared_client: Client) -> None:
    document = shared_client.get("/openapi.json").json()
    [q] = [one for one in document["paths"]["/v1/substances"]["get"]["parameters"] if one["name"] == "q"]
    assert [example["value"] for example in q["examples"].values()] == [text for _, text in EXAMPLE_QUERIES.values()]
    batch = document["paths"]["/v1/substances/batch"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    for example in batch.values():
        results = shared_client.post("/v1/substances/batch", json=example["value"]).json()["results"]
        assert [result["hit"] for result in results][:: len(results) - 1] == [True, False]
