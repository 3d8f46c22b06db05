"""MLflow on a real SQLite store: the run and the version of an adapted bundle."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.bundle import ModelStore, load, save
from models.scoring import RiskModel
from tests.models.small_model import train
from tests.training.adapting.conftest import office, write
from training.adapting.adapt import adapt
from training.adapting.traffic import read_traffic
from training.registry.promotion import alias_bundle
from training.registry.tracking import CHALLENGER, CHAMPION, REGISTERED_NAME, client, log_adapted


@pytest.mark.long
def test_an_adaptation_is_registered_with_its_parent(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    columns = office(1_200)
    # One party with a fifth of the shipments.
    columns["consignor_name"] = [
        "Large Sender" if int(str(name)[-6:]) % 5 == 0 else other
        for name, other in zip(columns["shipment_id"], columns["consignor_name"], strict=True)
    ]
    traffic = read_traffic([write(tmp_path / "earlier.csv", columns)])
    parent: RiskModel = train()
    save(parent, tmp_path / "parent")
    parent = load(tmp_path / "parent")
    versions = []
    for number in (1, 2):
        adapted = adapt(parent, traffic)
        folder = tmp_path / str(number)
        adapted.model.digest = save(adapted.model, folder)
        versions.append(log_adapted(adapted.model, adapted.report, folder, uri))
        parent = load(folder)
    registry = client(uri)
    first, second = (registry.get_model_version(REGISTERED_NAME, version) for version in versions)
    assert "parent_registered_version" not in first.tags
    assert second.tags["parent_registered_version"] == versions[0]
    assert second.tags["parent_digest"] == first.tags["bundle_digest"]
    assert str(registry.get_model_version_by_alias(REGISTERED_NAME, CHALLENGER).version) == versions[1]
    logged = registry.get_run(str(second.run_id)).data
    assert logged.params["shipments"] == "1200"
    assert logged.metrics["largest_party"] == 0.2
    assert {"red.before", "red.after", "psi.after", "new_in_top.0.01"} <= set(logged.metrics)
    text = Path(registry.download_artifacts(str(second.run_id), "adapted.json", str(tmp_path))).read_text()
    assert "Large Sender" not in text
    assert json.loads(text)["concentration"]["largest_share"] == 0.2

    ModelStore(tmp_path / "models").install(tmp_path / "2")
    assert alias_bundle(second.tags["bundle_digest"], uri) == versions[1]
    assert str(registry.get_model_version_by_alias(REGISTERED_NAME, CHAMPION).version) == versions[1]
