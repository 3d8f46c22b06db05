"""Scoring code shared by all general-purpose benchmark servers, so that only the servers differ.

It computes the risk, without the lanes, reasons, warnings and substances of the service.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from features.manifest.records import read_record
from features.table.table import Coded, ManifestTable
from models.bundle import load
from models.calibration import combine, probability
from service.scoring.live_history import LiveHistory

if TYPE_CHECKING:
    from features.groups.history.history import History

FloatArray = NDArray[np.float64]

#: Environment variable with the folder of the bundle.
BUNDLE: Final = "BENCHMARK_BUNDLE"


class Manifests:
    """Scores raw manifests. Threads may share an instance."""

    def __init__(self, folder: str | Path | None = None) -> None:
        self._model = load(folder or os.environ[BUNDLE])
        self._history = cast("History", LiveHistory(self._model.history.copy()))

    def of_records(self, records: Sequence[object]) -> list[float]:
        """Return the risk of each shipment, given as parsed JSON."""
        read = [read_record(record) for record in records]
        return self._of_table(ManifestTable.from_records(read, receipt=int(time.time())))

    def of_columns(self, columns: dict[str, Coded], rows: int) -> list[float]:
        """Return the risk of each shipment, given as flat columns of goods items."""
        return self._of_table(ManifestTable.from_columns(columns, rows).accepted())

    def _of_table(self, table: ManifestTable) -> list[float]:
        scores = self._model.score(table, self._history)
        return [float(risk) for risk in scores.risk]


class Numbers:
    """Scores precomputed features with LightGBM only."""

    def __init__(self, folder: str | Path | None = None) -> None:
        import lightgbm as lgb

        bundle = Path(folder or os.environ[BUNDLE])
        entries = json.loads((bundle / "bundle.json").read_bytes())["boosters"].values()
        boosters = {name: lgb.Booster(model_file=bundle / name) for name in sorted({one["file"] for one in entries})}
        #: Each booster with the factors of the heads that share it.
        self._boosters = [
            (booster, [one["factor"] for one in entries if one["file"] == name]) for name, booster in boosters.items()
        ]

    def of_matrix(self, matrix: Any) -> list[float]:
        """Return the risk of each row of features."""
        rows: FloatArray = np.atleast_2d(np.asarray(matrix, dtype=np.float64))
        heads = [
            factor * raw
            for booster, factors in self._boosters
            for raw in [np.asarray(booster.predict(rows, raw_score=True, num_threads=1))]
            for factor in factors
        ]
        return [float(risk) for risk in probability(combine(np.stack(heads, axis=1)))]
