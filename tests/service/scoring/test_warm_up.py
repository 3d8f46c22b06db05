"""A model scores before it answers, on every path and without a trace."""

from __future__ import annotations

import datetime as dt
import json
import logging
import threading
import weakref
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi import FastAPI

from features.substances.read.opsin import opsin
from models.bundle.bundle import load
from models.scoring.settings import ScoreSettings
from service import rehearsal
from service.api.dependencies import State
from service.app import create_app
from service.scoring.answers import Options
from service.scoring.live_history import LiveHistory
from service.scoring.model_host import Served
from service.scoring.scorer import Answer, Scorer
from service.scoring.warm_up import SHIPMENTS, UNUSUAL, never_seen, warm_up
from service.settings import Settings
from service.substances.chemistry import reads_names
from service.substances.warm_up import warm_up as warm_up_chemistry
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


def test_whole_requests_were_answered_before_the_first_on_a_history_that_nobody_keeps(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered: list[dict[str, object]] = []
    one = Scorer.one

    async def noted(self: Scorer, record: object, options: Options) -> Answer:
        answer = await one(self, record, options)
        answered.append(answer.result or {})
        return answer

    monkeypatch.setattr(Scorer, "one", noted)
    with serving(create_app(settings)) as client:
        rehearsed = list(answered)
        served = client.state.host.served
    assert len({answer["shipment_id"] for answer in rehearsed}) == len(rehearsed) > 8
    assert served.history.copy().sequence == served.model.history.sequence


def test_nothing_of_the_rehearsal_stays(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    histories: list[weakref.ref[LiveHistory]] = []
    application = rehearsal._application

    def noted(state: State) -> FastAPI:
        app = application(state)
        histories.append(weakref.ref(app.state.service.host.served.history))
        return app

    monkeypatch.setattr(rehearsal, "_application", noted)
    log = logging.getLogger("uvicorn.access")
    monkeypatch.setattr(log, "handlers", [logging.NullHandler()])
    monkeypatch.setattr(log, "propagate", True)
    with serving(create_app(settings)):
        assert [history() for history in histories] == [None]
        # Whoever runs the application under a server that logs each request still has that log.
        assert len(log.handlers) == 1
        assert log.propagate


def test_a_rehearsal_that_fails_is_told_and_keeps_nobody_from_answering(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError("the connection is broken")

    monkeypatch.setattr("service.rehearsal._ask", broken)
    with serving(create_app(settings)) as client:
        assert client.post("/v1/score", json=shipment()).status_code == 200
    assert '"event": "rehearsal_failed"' in capfd.readouterr().err


def test_nobody_waits_for_the_reader_of_names_to_come_up(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    up, asked = threading.Event(), threading.Event()
    monkeypatch.setattr("service.substances.chemistry.start", lambda: up.wait(60))
    monkeypatch.setattr("service.app.warm_up_chemistry", lambda *, systematic: asked.set() if systematic else None)
    with serving(create_app(settings)) as client:
        assert client.post("/v1/score", json=shipment()).status_code == 200
        assert not asked.is_set()
        up.set()
        assert asked.wait(30)


def test_only_a_systematic_name_waits_for_the_reader() -> None:
    asked = replace(opsin().counters)
    warm_up_chemistry(systematic=False)
    assert opsin().counters == asked


def test_its_own_shipments_need_no_other_program() -> None:
    plain, listed, unusual = SHIPMENTS
    for number in range(200):
        assert not reads_names([unusual, never_seen(plain, number), never_seen(unusual, number)])
        # A name that may be looked up stays the listed one that it is.
        assert never_seen(listed, number)["items"] == listed["items"]
    assert reads_names([shipment(items=[{"goods_description": "N-(4-methylphenyl)-2-oxocyclohexanecarboxamide"}])])


def test_it_holds_what_a_first_request_would_wait_for() -> None:
    texts = str(UNUSUAL)
    # A place by its airport, a currency by its name, another script, a structure.
    for text in ("'LAX'", "'Yen'", "桶装", "c1ccccc1"):
        assert text in texts
