"""Sequences of requests: after any of them, the service answers as documented, holds no budget, and has counted no shipment twice.

Hypothesis chooses the sequences, Schemathesis their requests.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import requests
import schemathesis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

from models.bundle import ModelStore, save
from service.app import create_app
from service.core.settings import Settings
from tests.fuzz.document import whole_document
from tests.fuzz.effort import fuzzed
from tests.models.small_model import train
from tests.service.api_client import Client, serving
from tests.service.conftest import shipment

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance]
schema = schemathesis.openapi.from_dict(whole_document())
WRITES = ("/v1/score", "/v1/score/batch", "/v1/substances/batch", "/v1/goods/batch")


class Requests(RuleBasedStateMachine):
    """A service with a small model, and the shipments that it should have counted."""

    saved: Path | None = None
    folder = TemporaryDirectory()

    @initialize()
    def start(self) -> None:
        if Requests.saved is None:
            Requests.saved = Path(Requests.folder.name) / "bundle"
            save(train(), Requests.saved)
        self.stack = ExitStack()
        store = self.stack.enter_context(TemporaryDirectory())
        ModelStore(store).install(Requests.saved)
        app = create_app(Settings(models_dir=Path(store), max_batch_shipments=5, max_items=5))
        self.client: Client = self.stack.enter_context(serving(app))
        self.first = self.sequence()
        self.counted: set[str] = set()
        self.counted_of_generated = 0

    def sequence(self) -> int:
        return self.client.state.host.served.history.copy().sequence

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            self.stack.close()

    @rule(data=st.data(), path=st.sampled_from(WRITES))
    def generated(self, data: st.DataObject, path: str) -> None:
        case = data.draw(schema[path]["POST"].as_strategy())
        request = requests.Request(**case.as_transport_kwargs(base_url="http://localhost")).prepare()
        assert request.url is not None
        before = self.sequence()
        answer = self.client.post(request.url, headers=dict(request.headers), content=request.body or b"")
        case.validate_response(answer, checks=CHECKS)
        counted = self.sequence() - before
        assert counted <= len(scored(answer))
        self.counted_of_generated += counted

    @rule(number=st.integers(0, 9), what_if=st.booleans())
    def one(self, number: int, what_if: bool) -> None:
        reference = f"HB-state-{number}"
        answer = self.client.post(
            f"/v1/score?update_history={str(not what_if).lower()}", json=shipment(shipment_id=reference)
        )
        assert answer.status_code == 200
        if not what_if:
            self.counted.add(reference)

    @rule(numbers=st.lists(st.integers(0, 9), min_size=1, max_size=5), broken=st.booleans())
    def batch(self, numbers: list[int], broken: bool) -> None:
        records: list[Any] = [shipment(shipment_id=f"HB-state-{number}") for number in numbers]
        if broken:
            records[0] = {"shipment_id": "HB-state-broken"}
        answer = self.client.post("/v1/score/batch", json={"shipments": records})
        assert answer.status_code == (422 if broken and len(records) == 1 else 200)
        self.counted |= {record["shipment_id"] for record in records[broken:]}

    @rule(
        path=st.sampled_from(["/v1/score", "/v1/score/csv"]), origin=st.sampled_from(["http://other.example", "null"])
    )
    def from_another_site(self, path: str, origin: str) -> None:
        assert self.client.post(path, json=shipment(), headers={"Origin": origin}).status_code == 403

    @invariant()
    def the_service_is_alive_and_has_released_its_budgets(self) -> None:
        if hasattr(self, "client"):
            state = self.client.state
            assert self.client.get("/healthz").status_code == 200
            assert (state.bodies.used, state.uploads.used, state.csv_requests.borrowed_tokens) == (0, 0, 0)
            assert self.sequence() - self.first == len(self.counted) + self.counted_of_generated


def scored(answer: httpx.Response) -> list[Any]:
    if answer.status_code != 200:
        return []
    body = answer.json()
    return list(body["results"]) if "results" in body else [body]


Requests.TestCase.settings = fuzzed(8, stateful_step_count=15)
TestRequests = Requests.TestCase
