"""A small model, and files of unlabelled traffic of an office whose goods are four times as heavy as in the training data."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from features.groups.history.history import History
from models.bundle import load, save
from models.calibration import ReferenceScores
from models.scoring import RISK, RiskModel
from tests.models.small_model import manifest, train

Columns = Mapping[str, list[str | None]]
HEAVIER = 4.0
#: Log-odds by which finds are rarer for the parent than for the small model.
RARER = 8.0


def office(shipments: int, seed: int = 3, consignors: int = 150) -> dict[str, list[str | None]]:
    """Return columns of an office's traffic, in order of time, without a party of more than 1 %."""
    columns = manifest(shipments, seed)
    columns["net_mass_kg"] = [f"{HEAVIER * float(mass or 0):.3f}" for mass in columns["net_mass_kg"]]
    # All rows of a shipment have the same consignor.
    columns["consignor_name"] = [
        f"Sender {int((shipment_id or '')[-6:]) % consignors}" for shipment_id in columns["shipment_id"]
    ]
    return columns


def write(path: Path, columns: Columns, delimiter: str = ",") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(columns)
        writer.writerows([text or "" for text in row] for row in zip(*columns.values(), strict=True))
    return path


@pytest.fixture(scope="session")
def parent_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapting") / "parent"
    model = train()
    # Like the champion, the parent has an empty history and low base rates.
    calibrator = model.calibrators[RISK]
    model = replace(
        model,
        calibrators={**model.calibrators, RISK: replace(calibrator, anchor=calibrator.anchor - RARER)},
        prevalence={**model.prevalence, RISK: 1e-4},
        lanes=replace(model.lanes, red=model.lanes.red - RARER, yellow=model.lanes.yellow - RARER),
        reference=ReferenceScores(model.reference.log_odds - RARER, model.reference.below),
        history=History.empty(),
    )
    save(model, folder)
    return folder


@pytest.fixture(scope="session")
def parent(parent_folder: Path) -> RiskModel:
    return load(parent_folder)


@pytest.fixture(scope="session")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("traffic") / "earlier.csv", office(2_400))
