"""`tidewaiter train`: all stages of a training run, from the data to the bundle and MLflow."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from features.groups.history.history import SAVED
from features.readers import ColumnMapping
from models.bundle import load as load_bundle
from models.bundle import save as save_bundle
from models.scoring import RiskModel
from training import stages
from training.adapting.adapt import ENTITIES
from training.config import CHAMPION, Run, TrainConfig
from training.data.dataset import left_out_note
from training.evaluation.baselines import BaselineRows
from training.evaluation.calibration_check import calibration_in_tenth
from training.evaluation.ceiling import ceiling, truth_world
from training.evaluation.evaluation import TrainResult, WindowScores
from training.evaluation.holdout import evaluate_holdout as holdout_metrics
from training.evaluation.holdout import predict_file
from training.office.learn import learn
from training.progress import StageLog
from training.registry.tracking import STORE_KEY, log_run
from training.reports.card import build_card, run_document
from training.stages import LoadedData, Refit

if TYPE_CHECKING:
    from rich.console import Console


def train(
    config: TrainConfig, *, console: Console | None = None, source: Callable[[StageLog], LoadedData] | None = None
) -> TrainResult:
    """Train, evaluate, bundle and track one model.

    Args:
        source: reads the data; by default that of the file in ``config``, or simulated.

    Raises:
        BadData: Options contradict each other, or the data cannot be used.
        BadLabels: The labels cannot be used.
        TooLittleData: The data is too short to train on.
    """
    config.check()
    log = StageLog(console)
    loaded = stages.load(config, log) if source is None else source(log)
    fitted = _from_champion(config, loaded, log) if config.start == CHAMPION else _from_prior(config, loaded, log)
    run = fitted.run
    with tempfile.TemporaryDirectory(prefix="tidewaiter-") as scratch:
        folder = config.bundle if config.bundle is not None else Path(scratch) / "bundle"
        # An adapted model keeps as many entities as `tidewaiter adapt`.
        entities = ENTITIES if config.start == CHAMPION else SAVED
        model, digest = write_bundle(fitted.model, folder, log, entities)
        result = TrainResult(model, fitted.metrics, digest, config.bundle, fitted.evaluated, run.windows, log.seconds)
        score_holdout(run, model, loaded.mapping, log)
        # The model card does not depend on the holdout.
        if fitted.holdout is not None:
            fitted.metrics["holdout"] = fitted.holdout
        write_metrics(run, result)
        track(run, result, folder, log)
    return result


@dataclass(frozen=True, slots=True)
class _Fitted:
    """Evaluated model with its card, without the feature matrices."""

    run: Run
    model: RiskModel
    metrics: dict[str, Any]
    evaluated: WindowScores
    holdout: dict[str, Any] | None


def _from_champion(config: TrainConfig, loaded: stages.LoadedData, log: StageLog) -> _Fitted:
    """Learn from the office's finds together with the lessons of the champion."""
    for note in loaded.data.notes:
        log.note(note)
    learned = learn(config, loaded.data, log, replayed=loaded.replayed)
    learned.model.card = learned.card() | ({} if loaded.lineage is None else {STORE_KEY: dict(loaded.lineage)})
    holdout = evaluate_holdout(learned.run, learned.model, BaselineRows.none(), loaded, log)
    return _Fitted(learned.run, learned.model, learned.metrics, learned.evaluated, holdout)


def _from_prior(config: TrainConfig, loaded: stages.LoadedData, log: StageLog) -> _Fitted:
    """Fit the model on everything before the test window, and evaluate it.

    Matrices of a million rows take more than a gigabyte each. Every stage frees its own matrices on return, and this function
    frees the others.
    """
    run = stages.plan_run(config, loaded.data, log)
    source, history = stages.replay(run, log)
    first = stages.fit_first(run, source, log)
    run = run.with_params(first.params)
    refit = stages.refit(run, source, first, history, log)
    final = stages.fit_final(run, refit, first, log)
    model = stages.assemble(run, refit, final)
    if refit.evaluation is not None:
        metrics, evaluated = refit.evaluation
    else:
        metrics, evaluated = stages.evaluate_test(run, source, model, refit, first, final, log)
    refit.examples.drop_bins()
    source.release()
    clean_shares = {"fit": first.clean_share, "refit": refit.clean_share}
    rows = rows_for_baselines(run, model, refit)
    del refit
    holdout = evaluate_holdout(run, model, rows, loaded, log)
    metrics.update(evaluate_other_worlds(run, model, evaluated, log))
    model.card = build_card(model, run, metrics, first.fits, final, clean_shares)
    return _Fitted(run, model, metrics, evaluated, holdout)


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


def write_bundle(model: RiskModel, folder: Path, log: StageLog, entities: int = SAVED) -> tuple[RiskModel, str]:
    """Write the bundle and load it again, as the service will. Return the loaded model and the digest."""
    with log.stage("Bundle") as progress:
        digest = save_bundle(model, folder, entities=entities)
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
