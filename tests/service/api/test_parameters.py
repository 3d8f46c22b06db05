"""Query parameters that a route lacks."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.service.api_client import Client
from tests.service.conftest import shipment

_KNOWN = "is not a parameter of this route; did you mean"


def test_every_route_refuses_an_unknown_parameter(client: Client) -> None:
    for path, operations in client.get("/openapi.json").json()["paths"].items():
        for method in operations:
            answer = client.request(method.upper(), re.sub(r"{\w+}", "x", path), params={"zzzz": "1"})
            assert answer.status_code == 422, (method, path, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
            problem: dict[str, Any] = answer.json()
            assert problem["type"] == "urn:tidewaiter:problem:unknown-parameter"
            assert [error["field"] for error in problem["errors"]] == ["zzzz"]


def test_every_documented_parameter_is_known(client: Client) -> None:
    for path, operations in client.get("/openapi.json").json()["paths"].items():
        for method, operation in operations.items():
            names = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"]
            answer = client.request(
                method.upper(), re.sub(r"{\w+}", "x", path), params=dict.fromkeys(names, "x") | {"zzzz": "1"}
            )
            assert [error["field"] for error in answer.json()["errors"]] == ["zzzz"], (method, path)


@pytest.mark.parametrize(
    ("path", "wrong", "right"),
    [
        ("/v1/decisions", "shipmentid", "shipment_id"),
        ("/v1/queue", "chanel", "channel"),
        ("/v1/jobs", "Limit", "limit"),
    ],
)
def test_the_nearest_known_parameter_is_named(client: Client, path: str, wrong: str, right: str) -> None:
    answer = client.get(path, params={wrong: "1"})
    assert answer.json()["errors"] == [{"field": wrong, "problem": f"{_KNOWN} {right}?"}]


def test_a_known_query_stays_accepted_and_an_unknown_one_refused_again_and_again(client: Client) -> None:
    for _ in range(2):
        assert client.post("/v1/score?reasons=2", json=shipment()).status_code == 200
        assert client.post("/v1/score?reason=2", json=shipment()).json()["errors"] == [
            {"field": "reason", "problem": f"{_KNOWN} reasons?"}
        ]


def test_the_documentation_accepts_any_parameter(client: Client) -> None:
    for path in ("/docs?theme=dark", "/openapi.json?v=2", "/docs/static/swagger-ui.css?v=5"):
        assert client.get(path).status_code == 200
