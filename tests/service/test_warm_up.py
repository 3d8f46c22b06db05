"""A model scores before it answers, on every path and without a trace."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from models.bundle import load
from models.settings import ScoreSettings
from service.chemistry import reads_names
from service.live_history import LiveHistory
from service.model_host import Served
from service.warm_up import UNUSUAL, warm_up
from tests.service.conftest import shipment


def test_the_history_knows_nothing_of_it(bundle: Path) -> None:
    model = load(bundle)
    served = Served(model, LiveHistory(model.history.copy()), bundle, dt.datetime.now(dt.UTC).isoformat(), "snapshot")
    before = served.history.copy().sequence
    warm_up(served, ScoreSettings())
    assert served.history.copy().sequence == before == model.history.sequence


def test_its_own_shipment_needs_no_other_program() -> None:
    assert not reads_names([UNUSUAL])
    assert reads_names([shipment(items=[{"goods_description": "N-(4-methylphenyl)-2-oxocyclohexanecarboxamide"}])])


def test_it_holds_what_a_first_request_would_wait_for() -> None:
    texts = str(UNUSUAL)
    # A place by its airport, a currency by its name, another script, a structure.
    for text in ("'LAX'", "'Yen'", "桶装", "c1ccccc1"):
        assert text in texts
