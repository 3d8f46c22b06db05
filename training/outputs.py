"""The last stages of a training run: other worlds, the holdout, the bundle, the metrics file and MLflow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from features.readers import ColumnMapping
from models.bundle import load as load_bundle
from models.bundle import save as save_bundle
from models.scoring import RiskModel
from training.config import Run
from training.data.columns import left_out_note
from training.evaluation.baselines import BaselineRows
from training.evaluation.calibration_check import calibration_in_tenth
from training.evaluation.ceiling import ceiling, truth_world
from training.evaluation.evaluation import TrainResult, WindowScores
from training.evaluation.holdout import evaluate_holdout as holdout_metrics
from training.evaluation.holdout import predict_file
from training.progress import StageLog
from training.registry.tracking import log_run
from training.reports.card import run_document
from training.stages import LoadedData, Refit


def evaluate_other_worlds(run: Run, model: RiskModel, evaluated: WindowScores, log: StageLog) -> dict[str, Any]:
    """Evaluate a model of simulated data against other worlds: one with a tenth of the illicit traffic, and the ceiling."""
    config, test = run.config, run.windows.test
    metrics: dict[str, Any] = {}
    if test is not None and config.data is None:
        with log.stage("A tenth of the illicit traffic") as progress:
            metrics["calibration_tenth"] = calibration_in_tenth(
                model, config, test, progress=lambda n: progress(f"{n:,} rows")
            )
    if test is not None and config.ceiling_rows is not None:
        with log.stage("Ceiling") as progress:
            # Simulate other shipments with the same draws of the priors, so that the ceiling applies to the model's own worlds.
            world = truth_world(
                config.ceiling_rows, run.seed + 1, draws=config.draws, drawn_by=run.seed, progress=progress
            )
            metrics["ceiling"] = ceiling(world, evaluated, seed=run.seed, threads=run.threads, progress=progress)
    return metrics


def rows_for_baselines(run: Run, model: RiskModel, refitted: Refit) -> BaselineRows | None:
    """Return the training rows for baselines on the holdout, so that the examples can be freed; None without a holdout."""
    return None if run.config.holdout is None else BaselineRows.of(refitted.examples, model.space.names, run.seed)


def evaluate_holdout(
    run: Run, model: RiskModel, rows: BaselineRows | None, loaded: LoadedData, log: StageLog
) -> dict[str, Any] | None:
    """Return the metrics on the holdout file; None without a holdout or labels. ``rows`` are the baselines' training rows."""
    if rows is None:
        return None
    with log.stage("Evaluate on the holdout") as progress:
        return holdout_metrics(run, model, rows, loaded.mapping, progress)


def write_bundle(model: RiskModel, folder: Path, log: StageLog) -> tuple[RiskModel, str]:
    """Write the bundle and load it again, as the service will. Return the loaded model and the digest."""
    with log.stage("Bundle") as progress:
        digest = save_bundle(model, folder)
        model = load_bundle(folder, expected_digest=digest)
        progress(f"digest {digest[:12]}")
    return model, digest


def score_holdout(run: Run, model: RiskModel, mapping: ColumnMapping | None, log: StageLog) -> None:
    """Score the holdout file, if any, and write the predictions."""
    config = run.config
    if config.holdout is not None and config.predictions is not None:
        with log.stage("Score the holdout") as progress:
            refused: list[tuple[int, str]] = []
            rows = predict_file(
                model,
                config.holdout,
                config.predictions,
                mapping=mapping,
                label=config.label,
                threads=run.threads,
                refused=refused,
                progress=lambda done: progress(f"{done:,} rows"),
            )
        left_out = left_out_note(refused, rows)
        if left_out is not None:
            log.note(f"Holdout: {left_out}")


def write_metrics(run: Run, result: TrainResult) -> None:
    """Write the metrics file if requested."""
    if run.config.metrics is not None:
        document = run_document(result.model, result.digest, result.metrics)
        text = json.dumps(document, indent=2, allow_nan=False) + "\n"
        run.config.metrics.write_text(text, encoding="utf-8")


def track(run: Run, result: TrainResult, folder: Path, log: StageLog) -> None:
    """Log the run to MLflow and register the model, unless tracking is off."""
    if not run.config.track:
        return
    with log.stage("MLflow") as progress:
        result.run_id, result.registered_version = log_run(result, folder, run.data, run.config)
        progress(f"run {result.run_id}, version {result.registered_version} (challenger)")
