"""`train --from-store` as a whole: the same store and day give the same bundle, registered as challenger with its lineage."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from models.bundle import ModelStore
from service.core.database.engine import Database
from service.history.key import Sealer
from service.training import from_store
from service.training.known import Cut
from tests.service.store.stored_traffic import SECOND, fill
from tests.training.office.conftest import Small
from tests.training.small_data import DAY, rows
from training.authors.lessons_file import read_lessons
from training.config import CHAMPION, TrainConfig
from training.data.dataset import BadData
from training.evaluation.evaluation import TrainResult
from training.pipeline import train
from training.progress import StageLog
from training.registry.tracking import CHALLENGER, REGISTERED_NAME, client
from training.stages import LoadedData

ROWS = rows(1_600)
AFTER = (ROWS[-1].declared_s // DAY + 30) * DAY * SECOND


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('stored') / 'store.db'}")
    database.migrate()
    fill(database, ROWS)
    yield database
    database.close()


def trained(small: Small, database: Database, folder: Path, known_at: int = AFTER, **options: object) -> TrainResult:
    def source(_: StageLog) -> LoadedData:
        return from_store.load(database, Sealer(None), ModelStore(Path("none")), Cut(known_at), lambda _: None)

    config = small.config(folder, stored=True, bundle=folder / "bundle", **options)
    return train(replace(config, data=None), source=source)


def test_the_same_store_and_day_give_the_same_bundle_and_its_lineage(
    small: Small, database: Database, tmp_path: Path
) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    first = trained(small, database, tmp_path, track=True, tracking_uri=uri)
    lineage = first.model.card["from_store"]
    assert lineage["decisions"]["shipments"] == 1_600
    assert (lineage["decisions"]["first_position"], lineage["decisions"]["last_position"]) == (1, 1_600)
    assert lineage["results"]["none"] > 600
    assert first.metrics["selection"]["inspected"] == sum(lineage["results"].values())
    assert "all have the same weight" in " ".join(first.model.card["sections"][0]["text"])
    registry = client(uri)
    assert first.registered_version is not None
    aliases = registry.get_registered_model(REGISTERED_NAME).aliases
    assert {alias: str(version) for alias, version in aliases.items()} == {CHALLENGER: first.registered_version}
    run = registry.get_run(first.run_id or "")
    assert run.data.params["store.known_before"] == lineage["known_before"]
    assert run.data.params["store.sha256"] == lineage["sha256"] == first.model.card["data"]["sha256"]
    assert run.data.tags["parent_digest"] == first.model.card["learned"]["parent"]["digest"]
    assert run.data.metrics["selection.learning.effective"] == first.metrics["selection"]["inspected"]
    logged = json.loads(Path(registry.download_artifacts(run.info.run_id, "lineage.json", str(tmp_path))).read_text())
    assert logged["lessons"]["sha256"] == read_lessons(small.folder).digest

    again = tmp_path / "again"
    again.mkdir()
    assert trained(small, database, again).digest == first.digest
    assert (again / "bundle").is_dir()
    earlier = from_store.load(
        database, Sealer(None), ModelStore(Path("none")), Cut(AFTER - 200 * DAY * SECOND), lambda _: None
    )
    assert earlier.data.digest != lineage["sha256"]


def test_options_that_contradict_the_store_are_refused() -> None:
    with pytest.raises(BadData, match="leave out one of them"):
        TrainConfig(stored=True, start=CHAMPION, data=Path("a.csv")).check()
    with pytest.raises(BadData, match="leave out --from prior"):
        TrainConfig(stored=True).check()
    with pytest.raises(BadData, match="--label describes a file"):
        TrainConfig(stored=True, start=CHAMPION, label="fraud").check()
