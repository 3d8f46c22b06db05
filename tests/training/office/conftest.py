"""A small champion with lessons, and a labelled file of an office."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from features.groups.history.history import History
from models.bundle import save
from models.evidence import read_evidence
from models.scoring import RiskModel
from tests.models.small_model import manifest, table_of, train
from tests.training.small_data import rows, write
from training.authors.learning import Lessons, ResidualParams
from training.authors.lessons_file import StoredLessons
from training.config import CHAMPION, TrainConfig
from training.evaluation.evaluation import TrainResult
from training.pipeline import train as train_pipeline

QUICK = ResidualParams(common_trees=40, num_leaves=7, min_data_in_leaf=20, threads=1)


@dataclass(frozen=True)
class Small:
    """A champion, its lessons, and the folders of both."""

    model: RiskModel
    lessons: StoredLessons
    champion: Path
    folder: Path

    def config(self, data: Path, **options: object) -> TrainConfig:
        config = TrainConfig(
            data=data, start=CHAMPION, champion=self.champion, lessons=self.folder, track=False, threads=1
        )
        return replace(config, **options)  # type: ignore[arg-type]


def lessons_of(model: RiskModel) -> StoredLessons:
    """Return lessons of invented shipments, of which those of a chemical are finds."""
    table = table_of(manifest(1_500, seed=1))
    matrix = model.space.transform(table, History.empty().advance(table).values)
    find = np.zeros((table.n_rows, 3), dtype=bool)
    find[:, 1] = (table.text("cas_number").codes >= 0) & (np.random.default_rng(0).random(table.n_rows) < 0.3)
    lessons = Lessons(matrix, np.full((len(matrix), 1), -3.0), find, np.where(find.any(axis=1), 0.4, 1.0))
    author = np.zeros(len(matrix), dtype=np.int8)
    return StoredLessons.pack(lessons, model.space.names, {"one": ["0"]}, author)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    folder = tmp_path_factory.mktemp("office")
    card = {"training": asdict(QUICK)}
    model = replace(train(), evidence=read_evidence(), history=History.empty(), card=card)
    save(model, folder / "champion")
    lessons = lessons_of(model)
    lessons.save(folder / "lessons")
    return Small(model, lessons, folder / "champion", folder / "lessons")


@pytest.fixture(scope="session")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("office") / "labelled.csv", rows())


@pytest.fixture(scope="session")
def learned(small: Small, labelled: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    folder = tmp_path_factory.mktemp("learned")
    return train_pipeline(small.config(labelled, bundle=folder / "bundle", metrics=folder / "metrics.json"))
