"""Result of a training run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.scoring import RiskModel
from training.data.windows import Windows
from training.evaluation.evaluation import WindowScores


@dataclass(slots=True)
class TrainResult:
    """A trained model with its metrics.

    Attributes:
        model: The model as its bundle stores it.
        metrics: All metrics, as JSON values.
        digest: Digest of the bundle.
        bundle: Folder of the bundle, if requested.
        evaluated: Scores and outcomes of the evaluated window, for plots.
        windows: The windows of the run.
        seconds: Wall time of each stage.
        run_id: The MLflow run, if the run was logged.
        registered_version: The version in MLflow's registry, if the run was logged.
    """

    model: RiskModel
    metrics: dict[str, Any]
    digest: str
    bundle: Path | None
    evaluated: WindowScores
    windows: Windows
    seconds: dict[str, float]
    run_id: str | None = None
    registered_version: str | None = None
