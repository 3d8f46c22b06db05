"""Fixtures: the real application with real bundles. Tests that change the store have their own application."""

from __future__ import annotations

import copy
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from models.bundle import save
from service.app import create_app
from service.core.database import engine
from service.core.examples import EXAMPLE_SHIPMENT
from service.core.logs import configure
from service.core.settings import Settings
from service.scoring import scorer
from service.scoring.answers import Outcome, score
from service.training import gate
from tests.models.small_model import train
from tests.service.api_client import Client, serving
from training.gate.checks import Verdict

Shipments = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def logs_of_the_service() -> Iterator[None]:
    """Use the service's log configuration during a test, and restore pytest's afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    configure("info")
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


@pytest.fixture(scope="session", autouse=True)
def _no_waits_of_sqlite_for_the_disk() -> Iterator[None]:
    settings = tuple(setting.replace("synchronous=FULL", "synchronous=OFF") for setting in engine.SQLITE_SETTINGS)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(engine, "SQLITE_SETTINGS", settings)
        yield


@pytest.fixture(scope="session")
def bundle(small_bundle: Path) -> Path:
    return small_bundle


@pytest.fixture
def verdicts(monkeypatch: pytest.MonkeyPatch) -> list[Verdict]:
    """Verdicts of the gate on each bundle that a test puts into service, at first none. They take the place of the checks."""
    found: list[Verdict] = []
    monkeypatch.setattr(gate, "verdicts_on", lambda folder, settings: found)
    return found


@pytest.fixture(scope="module", autouse=True)
def _no_champion(instead_of_the_champion: None) -> None:
    """Processes get the small model by `small_store`."""


@pytest.fixture(scope="session")
def other_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A later version of the model, trained on different shipments."""
    folder = tmp_path_factory.mktemp("service") / "two"
    model = train(seed=7)
    model.version = "2"
    save(model, folder)
    return folder


@pytest.fixture
def models(tmp_path: Path, small_store: Path) -> Path:
    """Folder of models with one version."""
    return Path(shutil.copytree(small_store, tmp_path / "models"))


@pytest.fixture
def settings(models: Path) -> Settings:
    return Settings(models_dir=models, pointer_poll_seconds=0.01)


@pytest.fixture
def client(settings: Settings) -> Iterator[Client]:
    """Client of an application for one test, with a fresh history."""
    with serving(create_app(settings)) as client:
        yield client


@pytest.fixture(scope="module")
def shared_client(small_store: Path) -> Iterator[Client]:
    """Client of one application for all tests of a module that do not affect each other."""
    with serving(create_app(Settings(models_dir=small_store))) as client:
        yield client


def shipment(**changes: Any) -> dict[str, Any]:
    """Return the documented example with some fields changed; None removes a field."""
    changed = copy.deepcopy(EXAMPLE_SHIPMENT)
    changed.update(changes)
    return {key: value for key, value in changed.items() if value is not None}


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Number of shipments of each table that the scorer scores."""
    sizes: list[int] = []

    def counted(served: Any, records: Any, *args: Any, **options: Any) -> Outcome:
        sizes.append(len(records))
        return score(served, records, *args, **options)

    monkeypatch.setattr(scorer, "score", counted)
    return sizes
