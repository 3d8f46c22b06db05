"""`tidewaiter train`: all stages of a training run, from the data to the bundle and MLflow."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.scoring import RiskModel
from training import outputs, stages
from training.config import Run, TrainConfig
from training.evaluation.evaluation import TrainResult, WindowScores
from training.fitting.boosting import HeadFit
from training.progress import StageLog
from training.reports.card import build_card

if TYPE_CHECKING:
    from rich.console import Console


def train(config: TrainConfig, *, console: Console | None = None) -> TrainResult:
    """Train, evaluate, bundle and track one model.

    Raises:
        BadData: Options contradict each other, or the data cannot be used.
        BadLabels: The labels cannot be used.
        TooLittleData: The data is too short to train on.
    """
    config.check()
    log = StageLog(console)
    loaded = stages.load(config, log)
    run = stages.plan_run(config, loaded.data, log)
    fitted = _fit_and_evaluate(run, loaded, log)
    run = fitted.run
    fitted.metrics.update(outputs.evaluate_other_worlds(run, fitted.model, fitted.evaluated, log))
    fitted.model.card = build_card(fitted.model, run, fitted.metrics, fitted.first, fitted.final, fitted.clean_shares)
    with tempfile.TemporaryDirectory(prefix="tidewaiter-") as scratch:
        folder = config.bundle if config.bundle is not None else Path(scratch) / "bundle"
        model, digest = outputs.write_bundle(fitted.model, folder, log)
        result = TrainResult(model, fitted.metrics, digest, config.bundle, fitted.evaluated, run.windows, log.seconds)
        outputs.score_holdout(run, model, loaded.mapping, log)
        # The model card does not depend on the holdout.
        if fitted.holdout is not None:
            fitted.metrics["holdout"] = fitted.holdout
        outputs.write_metrics(run, result)
        outputs.track(run, result, folder, log)
    return result


@dataclass(frozen=True, slots=True)
class _Fitted:
    """Fitted and evaluated model, without the feature matrices."""

    run: Run
    model: RiskModel
    first: dict[str, HeadFit]
    final: dict[str, HeadFit]
    clean_shares: dict[str, float]
    metrics: dict[str, Any]
    evaluated: WindowScores
    holdout: dict[str, Any] | None


def _fit_and_evaluate(run: Run, loaded: stages.LoadedData, log: StageLog) -> _Fitted:
    """Fit the model on everything before the test window, and evaluate it.

    Matrices of a million rows take more than a gigabyte each. Every stage frees its own matrices on return, and this function
    frees the others.
    """
    source, history = stages.replay(run, log)
    first = stages.fit_first(run, source, log)
    run = run.with_params(first.params)
    refit = stages.refit(run, source, first, history, log)
    final = stages.fit_final(run, refit, first, log)
    model = stages.assemble(run, refit, final)
    if refit.evaluation is not None:
        metrics, evaluated = refit.evaluation
    else:
        metrics, evaluated = stages.evaluate_test(run, source, model, refit, first, final, loaded.easiness, log)
    refit.examples.drop_bins()
    source.release()
    clean_shares = {"fit": first.clean_share, "refit": refit.clean_share}
    rows = outputs.rows_for_baselines(run, model, refit)
    del refit
    holdout = outputs.evaluate_holdout(run, model, rows, loaded, log)
    return _Fitted(run, model, first.fits, final, clean_shares, metrics, evaluated, holdout)
