"""The results of the store that the gate of ``tidewaiter promote`` compares models on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import SecretStr

from models.bundle import load
from models.scoring import RiskModel
from service.core.database.engine import Database
from service.core.settings import Settings
from service.training import from_store
from service.training.gate import office_labels
from tests.service.store.stored_traffic import fill
from tests.training.small_data import rows
from training.gate.labels import OfficeLabels, labels

ROWS = rows(400, seed=3)


@pytest.fixture(scope="module")
def model(bundle: Path) -> RiskModel:
    return load(bundle)


def settings_of(url: str, folder: Path) -> Settings:
    return Settings(models_dir=folder, keeps_decisions=True, database_url=SecretStr(url))


@pytest.mark.parametrize("probability", [None, 0.5])
def test_the_newest_matured_results_are_read(
    database: Database, url: str, model: RiskModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    probability: float | None,
) -> None:  # fmt: skip
    monkeypatch.setattr(from_store, "LEAST_SHIPMENTS", 10)
    fill(database, ROWS, lane="red", inspection_probability=probability)
    office = office_labels(settings_of(url, tmp_path), [model])
    assert isinstance(office, OfficeLabels)
    inspected = np.array([bool(row.values["content"]) for row in ROWS])
    assert office.find.tolist() == [row.values["content"] not in ("", "none") for row in ROWS]
    assert office.matured.tolist() == inspected.tolist()
    assert office.fair.tolist() == (inspected & (probability is not None)).tolist()
    assert set(office.weight[inspected]) == {1.0 if probability is None else 2.0}
    verdict = labels(model, model, office)
    assert (verdict.answer, verdict.figures["finds"]) == ("pass", int(office.find.sum()))
    monkeypatch.setattr("service.training.gate.MOST_SHIPMENTS", 100)
    newest = office_labels(settings_of(url, tmp_path), [model])
    assert isinstance(newest, OfficeLabels)
    assert newest.find.tolist() == office.find[-100:].tolist()


def test_results_that_a_model_learned_from_are_not_fair(
    database: Database, url: str, model: RiskModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(from_store, "LEAST_SHIPMENTS", 10)
    fill(database, ROWS, lane="red", inspection_probability=1.0)
    middle = ROWS[200].values["declared_at"][:10]
    monkeypatch.setattr(model, "card", model.card | {"data": {"to": middle}})
    office = office_labels(settings_of(url, tmp_path), [model])
    assert isinstance(office, OfficeLabels)
    fair = [bool(row.values["content"]) and row.values["declared_at"][:10] > middle for row in ROWS]
    assert office.fair.tolist() == fair
    assert 0 < sum(fair) < office.matured.sum()


def test_a_store_without_results_says_why(database: Database, url: str, model: RiskModel, tmp_path: Path) -> None:
    assert "0 shipments" in str(office_labels(settings_of(url, tmp_path), [model]))
    off = Settings(models_dir=tmp_path, keeps_decisions=False)
    assert office_labels(off, [model]) == "The store is off."
    none = settings_of(f"sqlite:///{tmp_path / 'none.db'}", tmp_path)
    assert office_labels(none, [model]) == "There is no store, or it is away."
