"""Each route without a key and with a key of each scope, on both engines: it accepts only its own scope."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from models.bundle import ModelStore
from service.app import create_app
from service.core.http.openapi import OPEN_PATHS, Scope, scopes_of
from service.core.settings import Settings
from service.keys.key import KeyWishes, new_key, write_keys
from service.keys.ring import Failures
from tests.service.api_client import Client, serving
from tests.service.conftest import shipment
from tests.service.store.conftest import ENGINES
from tests.service.store.engines import new_database

#: Statuses of answers of the check of keys.
REFUSED = {401, 403, 429}
#: Scope, method and path of each route. They are written here a second time, so that no scope changes by mistake.
EXPECTED = [
    line.split()
    for line in """
score   POST   /v1/score
score   POST   /v1/score/batch
score   POST   /v1/score/csv
score   POST   /v1/jobs
read    GET    /v1/jobs
read    GET    /v1/jobs/{job_id}
read    GET    /v1/jobs/{job_id}/result
read    GET    /v1/jobs/{job_id}/rejects
score   DELETE /v1/jobs/{job_id}
admin   POST   /v1/erasures
score   GET    /v1/substances
score   GET    /v1/substances/drawing.svg
score   POST   /v1/substances/batch
score   GET    /v1/goods
score   POST   /v1/goods/batch
read    GET    /v1/decisions
read    GET    /v1/decisions/{decision_id}
admin   GET    /v1/audit
read    GET    /v1/served
admin   GET    /v1/keys
admin   POST   /v1/keys
admin   DELETE /v1/keys/{key_id}
plan    POST   /v1/proposals
plan    GET    /v1/proposals
plan    POST   /v1/proposals/{proposal_id}/accept
plan    POST   /v1/proposals/{proposal_id}/decline
read    GET    /v1/watch-lists
plan    POST   /v1/watch-lists
plan    POST   /v1/watch-lists/import
plan    DELETE /v1/watch-lists/{id}
read    GET    /v1/dismissals
plan    POST   /v1/dismissals
plan    POST   /v1/dismissals/import
plan    DELETE /v1/dismissals/{id}
read    GET    /v1/suppressions
plan    POST   /v1/suppressions
plan    POST   /v1/suppressions/import
plan    DELETE /v1/suppressions/{id}
read    GET    /v1/permits
plan    POST   /v1/permits
plan    POST   /v1/permits/import
plan    DELETE /v1/permits/{id}
read    GET    /v1/capacity
read    GET    /v1/monitoring
read    GET    /v1/queue
read    GET    /v1/search
read    GET    /v1/parties/{party_id}
outcome POST   /v1/queue/{decision_id}/claim
outcome POST   /v1/queue/{decision_id}/release
outcome POST   /v1/decisions/{decision_id}/outcome
outcome POST   /v1/decisions/{decision_id}/override
admin   GET    /v1/webhooks
admin   POST   /v1/webhooks
admin   DELETE /v1/webhooks/{id}
admin   POST   /v1/webhooks/{id}/enable
admin   GET    /v1/webhooks/{id}/deliveries
admin   POST   /v1/webhooks/{id}/deliveries/{delivery_id}/redeliver
read    GET    /v1/model
read    GET    /v1/schema
read    GET    /metrics
""".strip().splitlines()
]


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def test_the_table_has_each_route_of_the_application() -> None:
    assert {(method, path) for _, method, path in EXPECTED} == set(scopes_of(create_app(Settings()))), "update EXPECTED"
    assert len(EXPECTED) == len({(method, path) for _, method, path in EXPECTED})


@pytest.fixture(scope="module", params=ENGINES)
def file_client(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, bundle: Path
) -> Iterator[tuple[Client, dict[str, str]]]:
    """Client of one service for all routes, once per engine, and the keys of its file by their only scopes."""
    folder = tmp_path_factory.mktemp("routes")
    ModelStore(folder / "models").install(bundle)
    made = {scope.value: new_key(KeyWishes(scope.value, frozenset({scope.value})), None) for scope in Scope}
    write_keys(folder / "keys", [key for key, _ in made.values()])
    url = f"sqlite:///{folder / 'store.db'}"
    if request.param == "postgresql":
        url = new_database(request.getfixturevalue("postgres_server"))
    settings = Settings(
        models_dir=folder / "models",
        keeps_decisions=True,
        database_url=SecretStr(url),
        auth=True,
        keys_file=folder / "keys",
    )
    with serving(create_app(settings)) as client:
        yield client, {scope: text for scope, (_, text) in made.items()}


@pytest.fixture
def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the limit of failures per address, which the test of all routes would exceed."""
    monkeypatch.setattr(Failures, "count", lambda *_: 0)


@pytest.mark.usefixtures("unlimited")
@pytest.mark.parametrize(
    ("needed", "method", "path"), EXPECTED, ids=[f"{method} {path}" for _, method, path in EXPECTED]
)
def test_each_route_needs_exactly_its_scope(
    file_client: tuple[Client, dict[str, str]], needed: str, method: str, path: str
) -> None:
    client, texts = file_client
    target = re.sub(r"\{\w+\}", "unknown", path)
    assert client.request(method, target).status_code == 401
    # Test the needed scope last, because its request may change something.
    for scope in sorted(texts, key=lambda scope: scope == needed):
        answer = client.request(method, target, headers=bearer(texts[scope]))
        if scope == needed:
            assert answer.status_code not in REFUSED, answer.text
        else:
            assert answer.status_code == 403
            assert answer.json()["detail"] == f"This route needs an API key with the scope {needed}."


@pytest.mark.parametrize("path", sorted(OPEN_PATHS))
def test_probes_and_documentation_need_no_key(file_client: tuple[Client, dict[str, str]], path: str) -> None:
    assert file_client[0].get(path).status_code == 200


@pytest.mark.usefixtures("unlimited")
def test_an_unknown_path_or_method_needs_a_key_of_any_scope(file_client: tuple[Client, dict[str, str]]) -> None:
    client, texts = file_client
    assert client.get("/v1/nowhere").status_code == 401
    assert client.get("/v1/nowhere", headers=bearer(texts["plan"])).status_code == 404
    assert client.request("PUT", "/v1/score").status_code == 401
    assert client.request("PUT", "/v1/score", headers=bearer(texts["plan"])).status_code == 405


def test_a_path_that_the_router_reads_leniently_needs_the_scope_too(
    file_client: tuple[Client, dict[str, str]],
) -> None:
    client, texts = file_client
    assert client.post("/v1/score%0A", json=shipment(), headers=bearer(texts["read"])).status_code == 403
    assert client.post("/v1/score%0A", json=shipment(), headers=bearer(texts["score"])).status_code == 200


def test_keys_of_a_file_make_no_first_key(file_client: tuple[Client, dict[str, str]]) -> None:
    client, texts = file_client
    assert client.get("/v1/keys", headers=bearer(texts["admin"])).json() == {"keys": []}
