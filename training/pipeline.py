"""`tidewaiter train`: data -> history -> windows -> boosters -> calibration -> lanes -> refit -> test -> bundle ->
MLflow.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from features.readers import ColumnMapping
from features.substances.read.opsin import opsin
from models.bundle import load, save
from models.calibration import ReferenceScores
from models.lanes import Lanes
from models.scoring import DEFAULT_BASE_RATES, RISK, RiskModel
from models.trees import StoredRows
from training.data.dataset import BadData, Dataset, from_file, simulated
from training.data.feature_cache import FeatureCache
from training.data.stream import Kept, Stream, Unlearned, base_rate_weights, fitted, part_of, plan, replayed, sampled
from training.data.windows import Windows
from training.evaluation.ceiling import ceiling, truth_world
from training.evaluation.evaluation import Outcome, Scored
from training.evaluation.predictions import predict_file
from training.evaluation.run_evaluation import evaluate_run, learned_rows
from training.evaluation.study import run_study
from training.evaluation.tenth_world import TenthWorld, calibration_in_tenth
from training.fitting.boosting import BoostingParams, HeadFit, fit_heads, refit_heads
from training.fitting.calibrating import DETECTION, HeldOut, fit_calibrators, illicit, raw_scores, risk_log_odds
from training.fitting.search import fit_searched
from training.reports.card import build_card, created_at, model_version, run_document
from training.stages import Stages
from training.worlds.own import TooEasy
from training.worlds.own.checks import margins

if TYPE_CHECKING:
    from rich.console import Console

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

DEFAULT_ROWS: Final = 600_000
DEFAULT_THREADS: Final = 2
MODEL_NAME: Final = "tidewaiter"


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Options of `tidewaiter train`.

    ``data`` is a labelled file; without one, ``rows`` goods items are simulated. ``label`` names a binary column of the
    file's own. ``holdout`` is scored into ``predictions`` at the end and seen by nothing before. ``study`` adds what takes
    many refits: ablation, typologies left out, and for simulated data how easy its world is and how near the published
    figures. ``ceiling_rows`` adds the comparison with a model that learns from the truth of so many rows. ``cache`` is a
    folder that keeps features for later runs on the same data. ``track=False`` leaves MLflow out.
    """

    data: Path | None = None
    mapping: Path | None = None
    label: str | None = None
    positive: str | None = None
    holdout: Path | None = None
    predictions: Path | None = None
    bundle: Path | None = None
    metrics: Path | None = None
    rows: int = DEFAULT_ROWS
    seed: int = 0
    threads: int = DEFAULT_THREADS
    tracking_uri: str | None = None
    study: bool = False
    ceiling_rows: int | None = None
    cache: Path | None = None
    track: bool = True
    params: BoostingParams = field(default_factory=BoostingParams)

    def check(self) -> None:
        """Raise `BadData` for options that contradict each other, before any work is done."""
        if self.data is None:
            for name in ("mapping", "label", "positive"):
                if getattr(self, name) is not None:
                    raise BadData(f"--{name} describes a file, but no --data FILE was given")
        if self.positive is not None and self.label is None:
            raise BadData("--positive says which value of a label column is a find, but no --label COLUMN was given")
        if (self.holdout is None) != (self.predictions is None):
            raise BadData("--holdout FILE and --predictions FILE go together: one is scored into the other")
        for path in (self.data, self.mapping, self.holdout):
            if path is not None and not path.is_file():
                raise BadData(f"{path}: no such file")
        if self.ceiling_rows is not None and self.data is not None:
            raise BadData("--ceiling-rows compares with the truth, which only simulated data has: leave out --data")
        if self.rows < 1 or self.threads < 1 or not 0 <= self.seed < 2**31 - 1000:
            raise BadData("--rows and --threads are at least 1, and --seed is a whole number from 0 to 2147482647")
        if (
            self.bundle is not None
            and self.bundle.exists()
            and (not self.bundle.is_dir() or any(self.bundle.iterdir()))
        ):
            raise BadData(f"{self.bundle}: exists and is not empty; give a new folder for the bundle")


@dataclass(slots=True)
class TrainResult:
    """What a run made. ``curves`` are the scores and outcomes of the evaluated window, for plots."""

    model: RiskModel
    metrics: dict[str, Any]
    digest: str
    bundle: Path | None
    curves: Curves | None
    windows: Windows
    seconds: dict[str, float]
    run_id: str | None = None
    registered_version: str | None = None


@dataclass(frozen=True, slots=True)
class Curves:
    """Scores and outcomes of the evaluated window."""

    scored: Scored
    outcomes: dict[str, Outcome]


def train(config: TrainConfig, *, console: Console | None = None) -> TrainResult:
    """Train, evaluate, bundle and track one model.

    Raises `training.data.dataset.BadData`, `training.data.labels.BadLabels`, `training.data.windows.TooLittleData`, and what the
    readers raise; each message says what is wrong where.
    """
    config.check()
    stages = Stages(console)
    watched = TooEasy(seed=config.seed) if config.study and config.data is None else None
    mapping = ColumnMapping.load(config.mapping) if config.mapping is not None else None
    with stages("Data") as say:
        if config.data is None:
            data = simulated(
                config.rows, config.seed, watch=watched.add if watched is not None else None,
                progress=lambda n: say(f"{n:,} rows"),
            )  # fmt: skip
        else:
            data = from_file(
                config.data, mapping=mapping, label=config.label, positive=config.positive,
                progress=lambda n: say(f"{n:,} rows"),
            )  # fmt: skip
        table, found = data.table, int(data.found().sum())
        say(f"{table.n_rows:,} goods items, {table.n_shipments:,} shipments, {found:,} with a find")
    windows = plan(data, with_test=config.holdout is None, seed=config.seed)
    unread = opsin().problem
    for note in (*data.notes, *windows.notes, *([unread] if unread else [])):
        stages.note(note)
    with stages("History"):
        cache = FeatureCache(config.cache, data, config.seed) if config.cache is not None else None
        stream, history = replayed(data, cache)
    heads, seed, threads, params = data.labels.heads, config.seed, config.threads, config.params
    # The later windows up to the test are parts of the refit's.
    unlearned = Unlearned(stream, windows.refit)

    with stages("Features of the fit window") as say:
        space, fit = fitted(stream, windows.fit, seed, cache, unlearned)
        examples, clean_kept = sampled(fit, seed)
        say(f"{fit.matrix.shape[1]} features; {len(examples.matrix):,} rows to learn from")
        kept = Kept(cache, windows.fit) if cache is not None else None
        stop = part_of(stream, windows.stop, space, kept, unlearned)
    with stages("Boosters, stopped early") as say:
        on_stop = sampled(stop, seed + 1)[0]
        if data.own is None:
            first = fit_heads(heads, examples, on_stop, space.names, space.monotone, params, seed=seed, threads=threads)
        else:
            first, params, compared = fit_searched(
                heads, examples, on_stop, space.names, space.monotone, params, seed=seed, threads=threads
            )
            config = replace(config, params=params)
            stages.note(compared)
        say(", ".join(f"{head}: {'constant' if f.constant else f'{f.trees} trees'}" for head, f in first.items()))
    del fit, stop, examples, on_stop
    with stages("Features of all before the test window") as say:
        final_space, refit = fitted(stream, windows.refit, seed, cache, unlearned)
        kept = Kept(cache, windows.refit) if cache is not None else None
        examples, clean_kept_refit = sampled(refit, seed)
        say(f"{len(examples.matrix):,} rows to learn from")

    def refitted(rows: Ints | None = None) -> dict[str, HeadFit]:
        return refit_heads(
            heads, examples, first, final_space.names, final_space.monotone, params,
            seed=seed, threads=threads, rows=rows,
        )  # fmt: skip

    held: dict[str, HeldOut] = {}
    fits, part = first, refit
    with stages("Boosters without the calibrate and the lanes window") as say:
        # The lanes window comes last, or is the only one.
        for window in {w.name: w for w in (windows.calibrate, windows.lanes)}.values():
            say(window.name)
            inside = np.isin(windows.refit.shipments, window.shipments)
            fits = refitted(np.flatnonzero(~inside[examples.shipment]))
            # Without a test window the last shipments, whose results are still coming in, are not learned from.
            whole = inside.sum() == len(window.shipments)
            part = refit.of(inside) if whole else part_of(stream, window, final_space, kept)
            held[window.name] = HeldOut.of(raw_scores(fits, heads, part.matrix, threads), part)
    with stages("Calibration") as say:
        # What an office's own label means, and how often it is missed, nobody here knows.
        detection = DETECTION if heads != (RISK,) else 1.0
        calibrators = fit_calibrators(HeldOut.joined(list(held.values())), heads, detection=detection)
        say(", ".join(f"{name}: {c.kind}" for name, c in calibrators.items()))
    base_rates = _base_rates(heads, data)
    on_lanes = held[windows.lanes.name]
    risk = risk_log_odds(on_lanes, calibrators, heads)
    traffic = base_rate_weights(illicit(on_lanes, risk), sum(base_rates.values()))
    lanes, reference = Lanes.from_scores(risk, traffic), ReferenceScores.from_scores(risk, traffic)

    def assemble(fits: dict[str, HeadFit]) -> RiskModel:
        boosters = {head: fits[head].booster for head in heads}
        return RiskModel(
            name=MODEL_NAME,
            version=model_version(data, config),
            created_at=created_at(data),
            heads=heads,
            space=final_space,
            boosters=boosters,
            calibrators=calibrators,
            prevalence={name: calibrator.prevalence for name, calibrator in calibrators.items()},
            base_rates=base_rates,
            lanes=lanes,
            reference=reference,
            history=history,
            card={},
            check=StoredRows.of(list(boosters.values()), examples.matrix),
        )

    metrics: dict[str, Any] = {}
    curves: Curves | None = None
    if windows.test is None:
        # No later window is left: what can be said honestly is how boosters that had not seen it do on the lanes window.
        with stages("Evaluation on the lanes window") as say:
            metrics, scored, outcomes = evaluate_run(
                assemble(fits), stream, windows.lanes, part,
                what="the lanes window, by boosters refitted without it: there is no test window. "
                "Calibrators were fitted on it too, so what is said of calibration flatters",
                learned=windows.fit, examples=None, seed=seed, threads=threads, say=say,
            )  # fmt: skip
            curves = Curves(scored, outcomes)
    del refit, part, unlearned
    with stages("Boosters of the final model"):
        final = refitted()
        examples.forget_bins()
    model = assemble(final)
    if windows.test is not None:
        with stages("Test window") as say:
            test = part_of(stream, windows.test, final_space, kept)
            # Its history has been read for the last time.
            stream = Stream(data, np.empty((0, 0)))
            metrics, scored, outcomes = evaluate_run(
                model, stream, windows.test, test, what="the test window, by the final model",
                learned=windows.refit, examples=examples, seed=seed, threads=threads, say=say,
            )  # fmt: skip
            curves = Curves(scored, outcomes)
        base_rate = sum(base_rates.values())
        if config.study:
            with stages("Study") as say:
                learned = learned_rows(stream, windows.refit, seed)
                metrics |= run_study(
                    final_space.features, data, windows.test, test, examples, learned, final, params,
                    base_rate=base_rate, seed=seed, threads=threads, say=say,
                )  # fmt: skip
                if watched is not None:
                    say("how easy the world is")
                    metrics["too_easy"] = watched.report(threads=threads).to_json()
                    say("how near the published figures it is")
                    metrics["margins"] = margins.to_json(margins.compare(seed))
        # What comes needs room for a world of its own.
        del examples, stream, test
        if config.data is None:
            with stages("A tenth of the illicit traffic") as say:
                world = TenthWorld(config.rows, seed)
                metrics["calibration_tenth"] = calibration_in_tenth(
                    model, world, windows.test, threads=threads, say=lambda n: say(f"{n:,} rows")
                )
        if config.ceiling_rows is not None:
            with stages("Ceiling") as say:
                metrics["ceiling"] = ceiling(
                    truth_world(config.ceiling_rows, seed + 1, say=say), scored.risk, outcomes["truth"],
                    base_rate=base_rate, seed=seed, threads=threads, say=say,
                )  # fmt: skip
    model.card = build_card(
        model, data, config, windows, metrics, first, final, {"fit": clean_kept, "refit": clean_kept_refit}
    )
    result = TrainResult(model, metrics, "", config.bundle, curves, windows, stages.seconds)
    with tempfile.TemporaryDirectory(prefix="tidewaiter-") as scratch:
        with stages("Bundle") as say:
            folder = config.bundle if config.bundle is not None else Path(scratch) / "bundle"
            result.digest = save(model, folder)
            # From here on the model is what its bundle holds, snapshot of history included: what will be served.
            model = result.model = load(folder, expected_digest=result.digest)
            say(f"digest {result.digest[:12]}")
        if config.holdout is not None and config.predictions is not None:
            with stages("Holdout"):
                predict_file(
                    model, config.holdout, config.predictions, mapping=mapping, label=config.label, threads=threads
                )
        if config.metrics is not None:
            report = run_document(model, result.digest, metrics)
            config.metrics.write_text(json.dumps(report, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        if config.track:
            from training.registry.tracking import log_run

            with stages("MLflow") as say:
                result.run_id, result.registered_version = log_run(result, folder, data, config)
                say(f"run {result.run_id}, version {result.registered_version} (challenger)")
    return result


def _base_rates(heads: tuple[str, ...], data: Dataset) -> dict[str, float]:
    """The documented assumed rates; for an office's own label, the prevalence of its data."""
    if heads != (RISK,):
        return {head: DEFAULT_BASE_RATES[head] for head in heads}
    find = data.labels.shipment_find(data.table)[:, 0]
    rate = float(np.average(find, weights=data.labels.weight))
    return {RISK: min(max(rate, 1e-9), 0.999)}
