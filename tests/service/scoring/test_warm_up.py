"""The warm-up scores on every path and leaves no trace."""

from __future__ import annotations

import datetime as dt
import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from features.substances import opsin
from models.bundle import load
from models.scoring import ScoreSettings
from service.app import create_app
from service.core.examples import EXAMPLE_SHIPMENT
from service.core.settings import Settings
from service.scoring.live_history import LiveHistory
from service.scoring.model_host import ServedModel
from service.scoring.warm_up import UNUSUAL, warm_up
from service.substances.answers import warm_up as warm_up_chemistry
from tests.service.api_client import serving
from tests.service.conftest import shipment
from tests.service.opsin_need import reads_names


def test_the_warm_up_does_not_change_the_history(bundle: Path) -> None:
    model = load(bundle)
    now = dt.datetime.now(dt.UTC).isoformat()
    served = ServedModel(model, LiveHistory(model.history.copy()), bundle, now, "snapshot")
    before = served.history.copy().sequence
    warm_up(served, ScoreSettings())
    assert served.history.copy().sequence == before == model.history.sequence


def test_the_warm_up_is_neither_logged_nor_counted(settings: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    with serving(create_app(settings)) as client:
        text = client.get("/metrics").text
    assert "tidewaiter_requests_total{" not in text
    assert "tidewaiter_shipments_scored_total{" not in text
    events = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [event["path"] for event in events if event["event"] == "request"] == ["/metrics"]


def test_requests_do_not_wait_for_opsin_to_start(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    started, resolved = threading.Event(), threading.Event()
    monkeypatch.setattr("service.core.chemistry.start", lambda: started.wait(60))
    monkeypatch.setattr("service.app.warm_up_chemistry", lambda *, systematic: resolved.set() if systematic else None)
    with serving(create_app(settings)) as client:
        assert client.post("/v1/score", json=shipment()).status_code == 200
        assert not resolved.is_set()
        started.set()
        assert resolved.wait(30)


def test_only_systematic_names_need_opsin() -> None:
    before = replace(opsin().counters)
    warm_up_chemistry(systematic=False)
    assert opsin().counters == before


def test_shipments_of_the_warm_up_need_no_opsin() -> None:
    # The precursor's name looks systematic, but it is on a list.
    assert not reads_names([EXAMPLE_SHIPMENT, UNUSUAL])
    assert reads_names([shipment(items=[{"goods_description": "N-(4-methylphenyl)-2-oxocyclohexanecarboxamide"}])])
    # Before a declared chemical counts as unread, OPSIN tries to read it.
    assert reads_names([shipment(items=[{"declared_chemical": "calcium phosphate dibasic"}])])
    assert reads_names([shipment(items=[{"cas_number": "50-00-0", "goods_description": "formaldehyde"}])])
    assert not reads_names([shipment(items=[{"declared_chemical": "citric acid", "cas_number": "77-92-9"}])])


def test_the_warm_up_loads_tables_that_a_first_request_would_load() -> None:
    texts = str(UNUSUAL)
    # These texts are an airport code, the name of a currency, another script, and a structure.
    for text in ("'LAX'", "'Yen'", "桶装", "c1ccccc1"):
        assert text in texts
