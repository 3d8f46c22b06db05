"""A model scores before it answers, on every path and without a trace."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from models.bundle import load
from models.settings import ScoreSettings
from service.app import create_app
from service.chemistry import reads_names
from service.live_history import LiveHistory
from service.model_host import Served
from service.scoring import Options
from service.settings import Settings
from service.warm_up import UNUSUAL, warm_up
from tests.service.api_client import serving
from tests.service.conftest import shipment


def test_the_history_knows_nothing_of_it(bundle: Path) -> None:
    model = load(bundle)
    served = Served(model, LiveHistory(model.history.copy()), bundle, dt.datetime.now(dt.UTC).isoformat(), "snapshot")
    before = served.history.copy().sequence
    warm_up(served, ScoreSettings())
    assert served.history.copy().sequence == before == model.history.sequence


def test_the_way_of_a_request_was_gone_before_the_first_and_nobody_saw_it(
    settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    with serving(create_app(settings)) as client:
        known = client.state.known_queries.get(b"")
        text = client.get("/metrics").text
    assert known == Options(explain=settings.explain)
    assert "tidewaiter_requests_total{" not in text
    assert "tidewaiter_shipments_scored_total{" not in text
    events = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [event["path"] for event in events if event["event"] == "request"] == ["/metrics"]


def test_its_own_shipment_needs_no_other_program() -> None:
    assert not reads_names([UNUSUAL])
    assert reads_names([shipment(items=[{"goods_description": "N-(4-methylphenyl)-2-oxocyclohexanecarboxamide"}])])


def test_it_holds_what_a_first_request_would_wait_for() -> None:
    texts = str(UNUSUAL)
    # A place by its airport, a currency by its name, another script, a structure.
    for text in ("'LAX'", "'Yen'", "桶装", "c1ccccc1"):
        assert text in texts
