"""Invalid input gets problem details that name the field, or a score with a warning."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from service.app import create_app
from service.core.settings import Settings
from tests.service.api_client import Client, serving
from tests.service.conftest import shipment

JSON = {"Content-Type": "application/json"}
ITEM = {"goods_description": "phone case"}


def text(value: Any) -> bytes:
    return json.dumps(value).encode()


#: Body and headers sent; status, kind of problem, named field, and words of the detail received.
# fmt: off
REFUSED: dict[str, tuple[bytes, dict[str, str], int, str, str | None, str]] = {
    "an empty body": (b"", JSON, 422, "unreadable", None, "empty"),
    "white space": (b" \n ", JSON, 422, "unreadable", None, "empty"),
    "no JSON": (b"shipment_id=1", JSON, 422, "unreadable", None, "line 1 column 1"),
    "JSON that breaks off": (text(shipment())[:-20], JSON, 422, "unreadable", None, "line 1 column"),
    "a comma too many": (b'{"shipment_id": "1",\n "items": [],}', JSON, 422, "unreadable", None, "line 2 column"),
    "a second document": (text(shipment()) + b"{}", JSON, 422, "unreadable", None, "trailing"),
    "nested a thousand deep": (b"[" * 1000 + b"]" * 1000, JSON, 422, "unreadable", None, "recursion"),
    "half a surrogate": (b'{"shipment_id": "\\ud800"}', JSON, 422, "unreadable", None, "not JSON"),
    "Latin-1 that says UTF-8": ('{"shipment_id": "é"}'.encode("latin-1"), JSON, 422, "unreadable", None, "not JSON"),
    "a list": (b"[]", JSON, 422, "unreadable", "shipment", "a list"),
    "a number": (b"42", JSON, 422, "unreadable", "shipment", "a number"),
    "null": (b"null", JSON, 422, "unreadable", "shipment", "null"),
    "no shipment_id": (text(shipment(shipment_id=None)), JSON, 422, "unreadable", "shipment_id", "missing"),
    "a blank shipment_id": (text(shipment(shipment_id="  ")), JSON, 422, "unreadable", "shipment_id", "missing"),
    "no items": (text(shipment(items=None)), JSON, 422, "unreadable", "items", "goods item"),
    "an empty list of items": (text(shipment(items=[])), JSON, 422, "unreadable", "items", "goods item"),
    "items that are a text": (text(shipment(items="phone case")), JSON, 422, "unreadable", "items", "a text"),
    "an item without a value": (text(shipment(items=[{"item_number": 1}])), JSON, 422, "unreadable", "items", "goods"),
    "a mass that is NaN": (
        b'{"shipment_id": "1", "gross_mass_kg": NaN, "items": [{"goods_description": "x"}]}',
        JSON, 422, "unreadable", "gross_mass_kg", "finite",
    ),
    "a value that is infinite": (
        b'{"shipment_id": "1", "items": [{"goods_description": "x", "customs_value": -Infinity}]}',
        JSON, 422, "unreadable", "items[0].customs_value", "finite",
    ),
    "a number too large for a double": (
        b'{"shipment_id": "1", "gross_mass_kg": 1e999, "items": [{"goods_description": "x"}]}',
        JSON, 422, "unreadable", "gross_mass_kg", "finite",
    ),
    "an infinite value as text, in the second item": (
        text(shipment(items=[ITEM, {**ITEM, "net_mass_kg": "inf"}])),
        JSON, 422, "unreadable", "items[1].net_mass_kg", "finite",
    ),
    "XML": (b"<shipment/>", {"Content-Type": "application/xml"}, 415, "unsupported-media-type", None, "json"),
    "a form": (b"", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "unsupported-media-type", None, "json"),
    "Brotli": (b"\x0b", {**JSON, "Content-Encoding": "br"}, 415, "unsupported-media-type", None, "gzip"),
    "an unknown character set": (
        b"{}", {"Content-Type": "application/json; charset=klingon"}, 415, "unsupported-media-type", None, "UTF-8",
    ),
    "invalid gzip": (b"{}", {**JSON, "Content-Encoding": "gzip"}, 422, "unreadable", None, "gzip"),
    "gzip that breaks off": (
        gzip.compress(text(shipment()))[:-12], {**JSON, "Content-Encoding": "gzip"}, 422, "unreadable", None, "cut off",
    ),
    "a kilobyte that unpacks to ten megabytes": (
        gzip.compress(b" " * 10_000_000), {**JSON, "Content-Encoding": "gzip"}, 413, "too-large", None, "1,048,576",
    ),
    "two megabytes": (b" " * 2_000_000, JSON, 413, "too-large", None, "1,048,576"),
    "a thousand items": (text(shipment(items=[ITEM] * 1000)), JSON, 413, "too-large", "items", "999"),
}
# fmt: on


@pytest.mark.parametrize("case", REFUSED)
def test_an_unreadable_body_gets_a_problem_that_says_why(shared_client: Client, case: str) -> None:
    body, headers, status, kind, field, words = REFUSED[case]
    answer = shared_client.post("/v1/score", content=body, headers=headers)
    problem = answer.json()
    assert answer.status_code == status, problem
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["type"] == f"urn:tidewaiter:problem:{kind}"
    assert (problem["status"], problem["instance"]) == (status, "/v1/score")
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert words in problem["detail"]
    if field is None:
        assert problem["errors"] == []
    else:
        assert field in [error["field"] for error in problem["errors"]]


#: Shipment that is scored, and the field with a warning.
WARNED: dict[str, tuple[dict[str, Any], str]] = {
    "a mass in words": (shipment(gross_mass_kg="two kilos"), "gross_mass_kg"),
    "a negative mass": (shipment(items=[{**ITEM, "net_mass_kg": -3}]), "net_mass_kg"),
    "an unknown channel": (shipment(channel="pigeon"), "channel"),
    "an invalid country": (shipment(export_country="XQ"), "export_country"),
    "an invalid currency": (shipment(currency="ZZZ"), "currency"),
    "an invalid time": (shipment(declared_at="yesterday"), "declared_at"),
    "a time far ahead": (shipment(declared_at="2199-01-01"), "declared_at"),
    "a time long ago": (shipment(declared_at="1981-01-01"), "declared_at"),
    "a CAS number with a wrong check digit": (shipment(items=[{**ITEM, "cas_number": "77-92-8"}]), "cas_number"),
    "an invalid heading": (shipment(items=[{**ITEM, "hs_code": "abc"}]), "hs_code"),
    "a consignor that is a text": (shipment(consignor="Lianhe"), "consignor"),
    "an unknown field": (shipment(colour="red"), "colour"),
    "an object where a text belongs": (shipment(agent_name={"a": 1}), "agent_name"),
    "an item that is null beside a good one": (shipment(items=[ITEM, None]), "items[1]"),
}


@pytest.mark.parametrize("case", WARNED)
def test_an_invalid_field_is_scored_with_a_warning(shared_client: Client, case: str) -> None:
    body, field = WARNED[case]
    answer = shared_client.post("/v1/score?update_history=false", json=body)
    assert answer.status_code == 200, answer.text
    assert field in [warning["field"] for warning in answer.json()["warnings"]]
    assert 0.0 < answer.json()["risk"] < 1.0


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/v1/scores", 404, "/v1/scores"),
        ("GET", "/%7B0.__class__%7D", 404, "/{0.__class__}"),
        ("GET", "/v1/score", 405, "GET"),
        ("DELETE", "/v1/model", 405, "DELETE"),
        ("POST", "/v1/score?explain=everything", 422, "explain"),
        ("POST", "/v1/score?update_history=perhaps", 422, "update_history"),
        ("POST", "/v1/score?actions=arrest", 422, "actions"),
    ],
)
def test_an_unknown_path_or_an_invalid_parameter_gets_problem_details(
    shared_client: Client, method: str, path: str, status: int, words: str
) -> None:
    answer = shared_client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.json()["detail"]
    assert {"type", "title", "status", "detail", "instance", "errors"} <= set(answer.json())
    if status == 405:
        assert answer.headers["allow"]


def test_an_unexpected_exception_reveals_no_internals(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with serving(create_app(settings), raise_app_exceptions=False) as client:

        def broken(*_: object, **__: object) -> None:
            raise RuntimeError("an internal secret")

        monkeypatch.setattr("service.scoring.scorer.score", broken)
        answer = client.post("/v1/score", json=shipment(), headers={"X-Request-ID": "find-me"})
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:tidewaiter:problem:internal"
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "find-me"
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert "an internal secret" in capfd.readouterr().err
