"""Scoring code shared by all general-purpose benchmark servers, so that only the servers differ.

It computes the risk, without the lanes, reasons, warnings and substances of the service.
"""

from __future__ import annotations

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

        files = sorted(Path(folder or os.environ[BUNDLE]).glob("booster_*.txt"))
        self._boosters = [lgb.Booster(model_file=file) for file in files]

    def of_matrix(self, matrix: Any) -> list[float]:
        """Return the risk of each row of features."""
        rows: FloatArray = np.atleast_2d(np.asarray(matrix, dtype=np.float64))
        heads = [np.asarray(one.predict(rows, raw_score=True, num_threads=1)) for one in self._boosters]
        return [float(risk) for risk in probability(combine(np.stack(heads, axis=1)))]
