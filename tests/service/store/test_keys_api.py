"""Requests with and without API keys, and ``/v1/keys``."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import select

from models.bundle import ModelStore
from service.app import create_app
from service.core.database.engine import Database
from service.core.errors import DatabaseAway
from service.core.http.openapi import Scope
from service.core.settings import Settings
from service.keys import repository as keys
from service.keys.key import KeyWishes, new_key, write_keys
from service.scoring.tables import Decision
from tests.service.api_client import Client, serving
from tests.service.conftest import shipment

#: Statuses of answers of the check of keys.
REFUSED = {401, 403, 429}


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


@pytest.fixture
def secured(tmp_path: Path, bundle: Path, url: str) -> Settings:
    """Settings of a service that requires keys, once per engine."""
    models = tmp_path / "models"
    ModelStore(models).install(bundle)
    return Settings(
        models_dir=models,
        keeps_decisions=True,
        database_url=SecretStr(url),
        auth=True,
        first_key_file=tmp_path / "first",
        # Only `/v1/keys` reads the keys again, unless a test sets another interval.
        keys_poll_seconds=60.0,
    )


@pytest.fixture
def secured_client(secured: Settings) -> Iterator[Client]:
    with serving(create_app(secured)) as client:
        yield client


@pytest.fixture
def first_key(secured_client: Client) -> str:
    return secured_client.state.settings.first_key_file.read_text().strip()


@pytest.fixture
def made(secured_client: Client, first_key: str) -> Callable[..., dict[str, Any]]:
    """Make a key over HTTP and return it."""

    def make(*scopes: str, **options: Any) -> dict[str, Any]:
        wishes = {"name": "a test", "scopes": scopes, **options}
        answer = secured_client.post("/v1/keys", json=wishes, headers=bearer(first_key))
        assert answer.status_code == 201, answer.text
        key: dict[str, Any] = answer.json()
        return key

    return make


# -- refused requests -------------------------------------------------------------------------------------------------


def test_the_answer_to_a_request_without_a_key_explains_how_to_send_one(secured_client: Client) -> None:
    answer = secured_client.post("/v1/score", json=shipment())
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="tidewaiter"'
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Authorization: Bearer KEY" in answer.json()["detail"]


def test_a_key_that_is_not_valid_is_refused(secured_client: Client) -> None:
    cases: list[dict[str, Any]] = [
        {"Authorization": "Bearer tw_abcdefgh_" + "A" * 43},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": ""},
        {"Authorization": "Basic dXNlcjpwYXNz"},
        {"Authorization": b"Bearer tw_\xff\xfe\xfd"},
        {"Authorization": "Bearer " + "x" * 10_000},
    ]
    for headers in cases:
        answer = secured_client.get("/v1/model", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="tidewaiter", error="invalid_token"'


def test_two_keys_in_one_request_are_refused(secured_client: Client, first_key: str) -> None:
    both = httpx.Headers([("Authorization", f"Bearer {first_key}"), ("Authorization", f"Bearer {first_key}")])
    assert secured_client.get("/v1/model", headers=both).status_code == 401


def test_the_scheme_may_have_any_case(secured_client: Client, first_key: str) -> None:
    assert secured_client.get("/v1/model", headers={"Authorization": f"bEARER {first_key}"}).status_code == 200


def test_the_direct_path_of_scoring_requires_a_key_too(
    secured_client: Client, made: Callable[..., dict[str, Any]]
) -> None:
    score = bearer(made("score")["key"])
    assert secured_client.post("/v1/score", json=shipment(), headers=score).status_code == 200
    # The query string is now known, so these requests bypass FastAPI.
    assert secured_client.post("/v1/score", json=shipment(), headers=score).status_code == 200
    assert secured_client.post("/v1/score", json=shipment()).status_code == 401
    assert secured_client.post("/v1/score", json=shipment(), headers=bearer(made("read")["key"])).status_code == 403


def test_a_refused_request_changes_nothing(secured_client: Client, url: str) -> None:
    secured_client.post("/v1/score", json=shipment())
    database = Database(url)
    with database.read() as connection:
        assert connection.execute(select(Decision.id)).all() == []
    database.close()


def test_a_decision_names_the_key_of_its_caller(
    secured_client: Client, made: Callable[..., dict[str, Any]], url: str
) -> None:
    key = made("score")
    secured_client.post("/v1/score", json=shipment(), headers=bearer(key["key"]))
    database = Database(url)
    with database.read() as connection:
        assert connection.execute(select(Decision.caller)).scalar_one() == key["id"]
    database.close()


def test_a_key_over_its_rate_waits_and_others_do_not(
    secured_client: Client, made: Callable[..., dict[str, Any]]
) -> None:
    slow, other = made("read", requests_per_minute=6), made("read")
    answers = [secured_client.get("/v1/schema", headers=bearer(slow["key"])) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert 1 <= int(answers[1].headers["retry-after"]) <= 10
    assert secured_client.get("/v1/schema", headers=bearer(other["key"])).status_code == 200


def test_an_address_that_keeps_failing_must_wait_and_a_valid_key_still_passes(
    secured_client: Client, first_key: str, capfd: pytest.CaptureFixture[str]
) -> None:
    answers = [secured_client.get("/v1/model", headers=bearer("tw_guessed01_secret")) for _ in range(40)]
    assert {answer.status_code for answer in answers[:20]} == {401}
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert secured_client.get("/v1/model", headers=bearer(first_key)).status_code == 200
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    refused = [line for line in lines if line["event"] == "key_refused"]
    assert 20 <= len(refused) < 40
    assert refused[0]["address"] == "127.0.0.1"
    assert refused[0]["problem"] == "unknown, expired or revoked"


def test_no_log_contains_a_key(secured_client: Client, first_key: str, capfd: pytest.CaptureFixture[str]) -> None:
    secured_client.get("/v1/model", headers=bearer(first_key))
    secured_client.get("/v1/model", headers=bearer("tw_guessed01_secret"))
    output = "".join(capfd.readouterr())
    assert first_key not in output
    assert "secret" not in output
    assert '"caller"' in output


def test_requests_are_refused_with_503_until_keys_were_read(secured: Settings, tmp_path: Path) -> None:
    settings = secured.model_copy(update={"keeps_decisions": False, "keys_file": tmp_path / "missing"})
    with serving(create_app(settings)) as client:
        answer = client.get("/v1/schema", headers=bearer("tw_abcdefgh_" + "A" * 43))
        assert answer.status_code == 503
        assert answer.json()["type"].endswith("keys-unread")
        assert answer.headers["retry-after"] == "5"


def test_without_a_store_keys_come_from_a_file(secured: Settings, tmp_path: Path) -> None:
    key, text = new_key(KeyWishes("a test", frozenset({"read", "admin"})), None)
    write_keys(tmp_path / "keys", [key])
    settings = secured.model_copy(update={"keeps_decisions": False, "keys_file": tmp_path / "keys"})
    with serving(create_app(settings)) as client:
        assert client.get("/v1/schema", headers=bearer(text)).status_code == 200
        answer = client.get("/v1/keys", headers=bearer(text))
        assert answer.status_code == 409
        assert "TIDEWAITER_STORE is off" in answer.json()["detail"]


def test_the_first_key_is_made_once_the_database_answers(
    secured: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = secured.model_copy(
        update={"keys_poll_seconds": 0.01, "database_away": "journal", "journal_dir": tmp_path / "journal"}
    )
    is_away = True
    make = keys.create_first

    def create_first(*arguments: Any, **options: Any) -> Any:
        if is_away:
            raise DatabaseAway("a test")
        return make(*arguments, **options)

    monkeypatch.setattr(keys, "create_first", create_first)
    with serving(create_app(settings)) as client:
        assert client.get("/v1/schema").status_code == 503
        is_away = False
        until = time.monotonic() + 60
        while client.get("/v1/schema").status_code != 401:
            assert time.monotonic() < until
        text = secured.first_key_file.read_text().strip()
        assert client.get("/v1/schema", headers=bearer(text)).status_code == 200


def test_a_service_that_cannot_show_its_first_key_does_not_start(secured: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = secured.model_copy(update={"first_key_file": tmp_path / "file" / "key"})
    with pytest.raises(OSError, match="file"), serving(create_app(settings)):
        pass


def test_on_loopback_no_key_is_needed_by_default(secured: Settings) -> None:
    with serving(create_app(secured.model_copy(update={"auth": None}))) as client:
        assert client.get("/v1/schema").status_code == 200
        assert client.get("/v1/keys").json() == {"keys": []}
    assert not secured.first_key_file.exists()


# -- /v1/keys ---------------------------------------------------------------------------------------------------------


@pytest.mark.both_engines
def test_a_key_is_shown_once(secured_client: Client, first_key: str, made: Callable[..., dict[str, Any]]) -> None:
    key = made("read", "score", expires_at="2999-01-01T00:00:00+01:00", requests_per_minute=60)
    assert key["key"].startswith(f"{key['prefix']}_")
    assert key["expires_at"] == "2998-12-31T23:00:00Z"
    listed = secured_client.get("/v1/keys", headers=bearer(first_key)).json()["keys"]
    assert [one["scopes"] for one in listed] == [["read", "score"], sorted(Scope)]
    text = key.pop("key")
    assert listed[0] == key
    assert key["created_by"] == listed[1]["id"]
    assert text.removeprefix(key["prefix"]) not in json.dumps(listed)


@pytest.mark.both_engines
def test_a_revoked_key_is_refused_at_once_by_the_worker_that_revoked_it(
    secured_client: Client, first_key: str, made: Callable[..., dict[str, Any]]
) -> None:
    key = made("read")
    assert secured_client.get("/v1/schema", headers=bearer(key["key"])).status_code == 200
    answer = secured_client.request("DELETE", f"/v1/keys/{key['id']}", headers=bearer(first_key))
    assert answer.status_code == 204
    assert secured_client.get("/v1/schema", headers=bearer(key["key"])).status_code == 401
    again = secured_client.request("DELETE", f"/v1/keys/{key['prefix']}", headers=bearer(first_key))
    assert again.status_code == 204
    unknown = secured_client.request("DELETE", "/v1/keys/unknown", headers=bearer(first_key))
    assert unknown.status_code == 404


def test_a_key_that_another_process_revokes_is_refused_after_the_next_reading(secured: Settings, url: str) -> None:
    with serving(create_app(secured.model_copy(update={"keys_poll_seconds": 0.01}))) as client:
        text = secured.first_key_file.read_text().strip()
        assert client.get("/v1/schema", headers=bearer(text)).status_code == 200
        database = Database(url)
        keys.revoke(database, text[:11], None)
        database.close()
        until = time.monotonic() + 60
        while client.get("/v1/schema", headers=bearer(text)).status_code != 401:
            assert time.monotonic() < until


def test_wrong_properties_of_a_new_key_are_named(secured_client: Client, first_key: str) -> None:
    cases: list[tuple[Any, str]] = [
        ({"name": "x"}, "scopes"),
        ({"name": "x", "scopes": ["all"]}, "scopes"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "", "scopes": ["read"]}, "name"),
        ({"name": "a\0b", "scopes": ["read"]}, "name"),
        ({"name": "x", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"name": "x", "scopes": ["read"], "expires_at": "2999-01-01T00:00:00"}, "expires_at"),
        ({"name": "x", "scopes": ["read"], "requests_per_minute": 0}, "requests_per_minute"),
        ({"name": "x", "scopes": ["read"], "admin": True}, "admin"),
        ([], ""),
    ]
    for wishes, field in cases:
        answer = secured_client.post(
            "/v1/keys", content=json.dumps(wishes), headers=bearer(first_key) | {"Content-Type": "application/json"}
        )
        assert answer.status_code == 422
        assert [error["field"].partition(".")[0] for error in answer.json()["errors"]] == [field]


def test_a_second_start_makes_no_second_first_key(secured: Settings) -> None:
    with serving(create_app(secured)):
        pass
    secured.first_key_file.unlink()
    with serving(create_app(secured)):
        pass
    assert not secured.first_key_file.exists()
