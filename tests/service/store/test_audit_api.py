"""``GET /v1/audit``: pages of the audit chain."""

from __future__ import annotations

import datetime as dt
from typing import Any

import orjson
import pytest

from service.core.database.audit import digest_of
from service.core.database.times import microseconds_of
from tests.service.api_client import Client
from tests.service.conftest import shipment


@pytest.fixture
def client(stored_client: Client) -> Client:
    return stored_client


def test_pages_contain_every_entry_once_and_form_a_chain(client: Client) -> None:
    for name in "ABC":
        client.post("/v1/score", json=shipment(shipment_id=name))
    entries: list[dict[str, Any]] = []
    cursor: str | None = "0"
    while cursor is not None:
        page = client.get("/v1/audit", params={"cursor": cursor, "limit": 2}).json()
        assert 0 < len(page["entries"]) <= 2
        entries += page["entries"]
        cursor = page["next"]
    assert [entry["kind"] for entry in entries] == ["history_key", "settings", "model", "rules", *["decision"] * 3]
    previous = "0" * 64
    for number, entry in enumerate(entries, start=1):
        assert (entry["number"], entry["previous"]) == (number, previous)
        previous = digest_of(
            number,
            microseconds_of(dt.datetime.fromisoformat(entry["at"])),
            entry["kind"],
            entry["subject"],
            entry["actor"],
            orjson.dumps(entry["facts"], option=orjson.OPT_SORT_KEYS),
            bytes.fromhex(entry["previous"]),
        ).hex()
        assert entry["digest"] == previous


@pytest.mark.parametrize("cursor", ["-1", "x", str(2**63)])
def test_a_wrong_cursor_is_named(client: Client, cursor: str) -> None:
    answer = client.get("/v1/audit", params={"cursor": cursor})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "cursor"
