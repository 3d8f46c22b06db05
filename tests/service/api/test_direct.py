"""Requests with a cached query string bypass FastAPI's routing and get the same responses."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import strategies as st

from service.scoring.answers import Options
from service.scoring.routes import QueryCache
from tests.effort import examples
from tests.service.api_client import Client
from tests.service.conftest import shipment


@pytest.fixture
def routed_paths(client: Client, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths of the requests that went through FastAPI's router."""
    seen: list[str] = []
    routed = client.app.router.__class__.__call__

    async def watched(self: Any, scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["path"])
        await routed(self, scope, receive, send)

    monkeypatch.setattr(client.app.router.__class__, "__call__", watched)
    return seen


def plain(answer: Any) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Return status, headers and body without random identifiers."""
    headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
    body = {name: value for name, value in answer.json().items() if name not in ("decision_id", "request_id")}
    return answer.status_code, headers, body


WHAT_IF = "/v1/score?update_history=false"

_ODD_VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        "",
        " \t",
        "\u4e2d\u6587",
        "x" * 300,
        -1,
        0,
        1e300,
        float("nan"),
        float("inf"),
        True,
        [],
        [None],
        {},
        {"a": []},
    ]
)
_RECORDS: st.SearchStrategy[Any] = st.one_of(
    st.just(shipment()),
    st.dictionaries(st.sampled_from([*shipment(), "unknown"]), _ODD_VALUES, max_size=3).map(
        lambda changes: {**shipment(), **changes}
    ),
    _ODD_VALUES,
)
_BROKEN: st.SearchStrategy[bytes] = st.sampled_from(
    [b"", b"{", b"[]", b'{"shipments": [}', b"\xff\xfe", b'"\\ud800"', json.dumps(shipment()).encode()[:-1]]
)
_QUERIES = st.lists(
    st.sampled_from(
        [
            "explain=none",
            "explain=shown",
            "explain=all",
            "actions=acas",
            "reasons=0",
            "reasons=2",
            "reasons=101",
            "other=%20",
        ]
    ),
    max_size=3,
).map(lambda parts: "&".join(["update_history=false", *parts]))


def batch_of(records: list[Any]) -> dict[str, Any]:
    return {"shipments": records}


_REQUESTS: st.SearchStrategy[tuple[str, bytes]] = st.one_of(
    st.tuples(st.just("/v1/score"), _RECORDS.map(lambda record: json.dumps(record).encode())),
    st.tuples(
        st.just("/v1/score/batch"),
        st.lists(_RECORDS, max_size=3).map(lambda records: json.dumps(batch_of(records)).encode()),
    ),
    st.tuples(st.sampled_from(["/v1/score", "/v1/score/batch"]), _BROKEN),
)
#: Members of an answer that differ between two answers to the same request.
_RANDOM = frozenset({"decision_id", "request_id", "scored_at"})


def without_random(value: Any) -> Any:
    """Return JSON without random identifiers and times, at any depth."""
    if isinstance(value, dict):
        return {name: without_random(member) for name, member in value.items() if name not in _RANDOM}
    return [without_random(member) for member in value] if isinstance(value, list) else value


@examples(40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(request=("/v1/score", b"{}"), query="update_history=false&reasons=101&reasons=2")
@given(request=_REQUESTS, query=_QUERIES)
def test_direct_and_routed_requests_get_the_same_response(
    client: Client, routed_paths: list[str], request: tuple[str, bytes], query: str
) -> None:
    path, body = request
    cache: QueryCache = client.app.state.parts[QueryCache]
    cache._options.clear()
    routed_paths.clear()
    headers = {"Content-Type": "application/json"}
    routed, direct = (client.post(f"{path}?{query}", content=body, headers=headers) for _ in range(2))
    # FastAPI uses the last of repeated parameters. An invalid or unknown parameter is refused each time, so it is never cached.
    parameters = dict(parse_qsl(query))
    is_valid = parameters.get("reasons") != "101" and "other" not in parameters
    assert routed_paths == [path] * (1 if is_valid else 2)
    assert direct.status_code == routed.status_code
    assert plain(direct)[1] == plain(routed)[1]
    assert without_random(direct.json()) == without_random(routed.json())


@pytest.mark.parametrize("query", ["", "&explain=all", "&actions=acas&explain=none", "&reasons=%32"])
def test_a_cached_query_gets_the_same_response(client: Client, routed_paths: list[str], query: str) -> None:
    answers = [client.post(WHAT_IF + query, json=shipment()) for _ in range(3)]
    assert routed_paths == ["/v1/score"]
    assert plain(answers[0])[0] == 200
    assert plain(answers[1]) == plain(answers[0]) == plain(answers[2])


def test_batches_and_single_shipments_share_the_cache(client: Client, routed_paths: list[str]) -> None:
    first = client.post(WHAT_IF, json=shipment()).json()
    batch = client.post("/v1/score/batch?update_history=false", json={"shipments": [shipment()]}).json()
    assert routed_paths == ["/v1/score"]
    assert batch["results"][0]["risk"] == first["risk"]


@pytest.mark.parametrize("query", ["explain=some", "update_history=perhaps", "actions=ACAS", "explain=all&explain=no"])
def test_an_invalid_query_is_refused_every_time(client: Client, query: str) -> None:
    answers = [client.post(f"/v1/score?{query}", json=shipment()) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert plain(answers[0]) == plain(answers[1])


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, 422),
        (b"{", {}, 422),
        (b"{}", {}, 422),
        (b'"' + b"x" * 2_000_000 + b'"', {}, 413),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b"{}", {"Content-Encoding": "br"}, 415),
    ],
    ids=["empty", "no JSON", "no shipment", "too large", "another type", "another coding"],
)
def test_errors_have_the_same_form_with_and_without_routing(
    client: Client, routed_paths: list[str], body: bytes, headers: dict[str, str], status: int
) -> None:
    all_headers = {"Content-Type": "application/json", **headers}
    answers = [client.post(WHAT_IF, content=body, headers=all_headers) for _ in range(2)]
    assert routed_paths == ["/v1/score"] or status != 200
    assert plain(answers[0]) == plain(answers[1])
    assert plain(answers[1])[0] == status
    assert answers[1].headers["content-type"] == "application/problem+json"
    assert answers[1].json()["request_id"] == answers[1].headers["x-request-id"]


def test_other_methods_and_paths_are_routed(client: Client) -> None:
    client.post(WHAT_IF, json=shipment())
    assert client.get(WHAT_IF).status_code == 405
    assert client.post("/v1/scores?update_history=false", json=shipment()).status_code == 404


def test_metrics_and_log_name_the_route_with_and_without_routing(
    client: Client, capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(3):
        client.post(WHAT_IF, json=shipment(), headers={"X-Request-ID": "find-me"})
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if "find-me" in line]
    assert [list(line) for line in lines] == [
        [
            *("request_id", "method", "path", "status", "ms", "scored", "refused", "model", "decision_id"),
            *("event", "level", "timestamp"),
        ]
    ] * 3
    text = client.get("/metrics").text
    assert 'tidewaiter_requests_total{method="POST",route="/v1/score",status="200"} 3.0' in text
    assert 'tidewaiter_request_seconds_count{route="/v1/score"} 3.0' in text


def test_the_cache_is_bounded() -> None:
    cache = QueryCache()
    for number in range(10_000):
        cache.put(b"x=%d" % number, Options())
    assert sum(cache.get(b"x=%d" % number) is not None for number in range(10_000)) <= 256
    cache.put(b"x" * 100_000, Options())
    assert cache.get(b"x" * 100_000) is None
