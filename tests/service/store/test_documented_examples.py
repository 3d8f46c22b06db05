"""The OpenAPI document as generators of clients and the page /docs use it: names, schemas, and examples that can be sent twice."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from orjson import dumps
from pydantic import SecretStr

from models.bundle import ModelStore
from service.app import create_app
from service.core.database.engine import Database
from service.core.settings import Settings
from service.proposals.past import Backtest
from service.proposals.repository import store_proposals
from tests.service.api_client import Client, serving

#: Bodies that generators of clients can send.
SENDABLE = {"application/json", "multipart/form-data", "application/octet-stream"}
#: Ids that clients use in their names of functions, so they stay.
NAMES = set(
    re.findall(
        r"\w+",
        """audit, cancel_job, claim, create_job, decision, decisions, get_job, goods, job_rejects, job_result, list_jobs, model,
        outcome, override, queue, release, schema, score, score_batch, score_csv, substances""",
    )
)
CSV = "shipment_id,channel,goods_description\nHB-2026-000184,express,硅胶手机壳\n"
Operation = tuple[str, str, dict[str, Any]]


def operations(document: dict[str, Any]) -> list[Operation]:
    return [(method, path, one) for path, methods in document["paths"].items() for method, one in methods.items()]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app(Settings()).openapi()


def schemas_in(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object of a document."""
    if isinstance(value, dict):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from schemas_in(part)


def test_operation_ids_are_short_unique_and_stable(document: dict[str, Any]) -> None:
    ids = [one["operationId"] for _, _, one in operations(document)]
    assert len(set(ids)) == len(ids)
    assert [name for name in ids if not re.fullmatch(r"[a-z]+(_[a-z]+){0,3}", name)] == []
    assert set(ids) >= NAMES


def test_every_operation_documents_an_answer_to_unknown_parameters(document: dict[str, Any]) -> None:
    assert [path for _, path, one in operations(document) if "422" not in one["responses"]] == []


def test_schemas_can_be_read_by_generators_of_clients(document: dict[str, Any]) -> None:
    for schema in schemas_in(document):
        assert len(schema.get("anyOf", ())) <= 3
    for _, path, one in operations(document):
        assert set(one.get("requestBody", {}).get("content", ())) <= SENDABLE, path
        for status, response in one["responses"].items():
            kinds = response.get("content", ())
            assert not kinds or any(kind.startswith("text/") or kind.endswith("json") for kind in kinds), (path, status)


def test_patterns_of_bodies_accept_chinese(document: dict[str, Any]) -> None:
    patterns = {
        schema["pattern"] for schema in schemas_in(document["components"]) if isinstance(schema.get("pattern"), str)
    }
    assert len(patterns) >= 3
    assert [pattern for pattern in patterns if not re.search(pattern, "儿童玩具")] == []


class Page:
    """The page /docs: it sends examples, and a reader pastes ids from earlier answers into paths, each removed one once."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.ids: dict[str, list[str]] = defaultdict(list)

    def send(self, method: str, path: str, operation: dict[str, Any]) -> None:
        place = [part for part in path.split("/")[2:] if "{" not in part]

        def pasted(parameter: re.Match[str]) -> str:
            name = {
                "id": f"{place[0]} id",
                "key_id": "keys id",
                "delivery_id": "deliveries id",
                "party_id": "search id",
                "proposal_id": "proposals id",
            }.get(parameter[1], parameter[1])
            return self.ids[name].pop() if method == "delete" else self.ids[name][-1]

        query = {one["name"]: shown(one) for one in operation.get("parameters", ()) if shown(one) is not None}
        assert "Idempotency-Key" not in query
        answer = self.client.request(
            method.upper(), re.sub(r"{(\w+)}", pasted, path), params=query, **self.body_of(operation)
        )
        # A job that ended meanwhile cannot be cancelled.
        is_ended = operation["operationId"] == "cancel_job" and answer.status_code == 409
        assert answer.status_code < 300 or is_ended, (method, path, answer.text)
        if (answer.headers.get("content-type") == "application/json" and method == "post") or path.endswith(
            ("/queue", "/deliveries", "/search")
        ):
            for part in schemas_in(answer.json()):
                for name, value in part.items():
                    if name == "id" or (name.endswith("_id") and value):
                        self.ids[f"{place[-1]} id" if name == "id" else name].append(value)

    def body_of(self, operation: dict[str, Any]) -> dict[str, Any]:
        content = operation.get("requestBody", {}).get("content", {})
        if "multipart/form-data" in content:
            return {"files": {"file": ("may.csv", CSV.encode(), "text/csv")}}
        if "application/octet-stream" in content:
            # The description has the columns and a row.
            columns, row = re.findall(r"`([^`]*,[^`]*)`", content["application/octet-stream"]["schema"]["description"])
            values = self.pasted(dict(zip(columns.split(","), row.split(","), strict=False)))
            lines = [",".join(values), ",".join(values.values())]
            return {"content": "\n".join(lines).encode(), "headers": {"Content-Type": "application/octet-stream"}}
        return {"json": self.pasted(shown(content["application/json"]))} if "application/json" in content else {}

    def wait_for_the_job(self) -> None:
        end = time.monotonic() + 300
        while self.client.get(f"/v1/jobs/{self.ids['job_id'][-1]}").json()["state"] != "done":
            assert time.monotonic() < end
            time.sleep(0.05)

    def pasted(self, members: dict[str, Any]) -> dict[str, Any]:
        """Return the members of an example with the id of an entry that exists."""
        known: dict[str, list[Any]] = {
            "entry_id": self.ids["watch-lists id"],
            "outcome_ids": [self.ids["outcome_id"][-1:]],
        }
        return members | {name: known[name][-1] for name in members if name in known}


def shown(parameter: dict[str, Any]) -> Any:
    """Return the value that the page fills in for a parameter; None for an empty field."""
    examples = parameter.get("examples") or {"": {"value": parameter.get("example")}}
    return next(iter(examples.values()))["value"]


def test_every_example_of_the_page_can_be_sent_twice(bundle: Path, tmp_path: Path, document: dict[str, Any]) -> None:
    ModelStore(tmp_path / "models").install(bundle)
    settings = Settings(
        models_dir=tmp_path / "models",
        keeps_decisions=True,
        database_url=SecretStr(f"sqlite:///{tmp_path / 'store.db'}"),
        jobs_dir=tmp_path / "jobs",
        # Every shipment is red, so that there are messages to a webhook.
        random_share=1.0,
        random_key=SecretStr("x" * 32),
    )
    with serving(create_app(settings)) as client:
        page = Page(client)
        page.ids["proposals id"].append(a_proposal(settings))
        for method, path, operation in sorted(operations(document), key=order):
            if path.endswith("/result"):
                page.wait_for_the_job()
            for _ in range(2):
                page.send(method, path, operation)


def a_proposal(settings: Settings) -> str:
    """Store a proposal, and return its id. A handful of shipments gives none."""
    database = Database(settings.database_url.get_secret_value())
    drafted = {"outcome_ids": "[]", "text": "a text", "conditions": "[]", "weight": 1.0, "until": 2**52, "floor": 0.1}
    leaf = '[{"field": "hs_code", "op": "eq", "value": "730791"}]'
    row = drafted | {"id": "drafted", "created_at": 3, "created_by": None, "conditions": leaf, "backtest": TRIED}
    with database.write() as connection:
        store_proposals(connection, [row])
    database.close()
    return "drafted"


#: JSON of a trial on the past that opened nothing.
TRIED = dumps(asdict(Backtest(0, 0, 0, 0, None, None, None, 0.0, 100, 9.0))).decode()


def order(operation: Operation) -> tuple[int, int]:
    """Sort what makes ids before what needs them, and what removes them last. Claims need a queued shipment."""
    method, path, one = operation
    first = ["add_webhook", "create_job", "score_batch", "queue", "claim", "release", "outcome"]
    last = ["job_result", "job_rejects", "cancel_job", "create_erasure"]
    name = one["operationId"]
    group = 4 if method == "delete" else 2 if "{" in path else 1
    return (0, first.index(name)) if name in first else (3, last.index(name)) if name in last else (group, 0)
