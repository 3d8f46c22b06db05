"""The stages of a training run.

Names of stages are a public interface: MLflow logs their times as ``seconds.<name>``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from features.groups.history.history import History
from features.readers import ColumnMapping
from features.space import FeatureSpace
from features.substances import opsin
from models.calibration import Calibrator, ReferenceScores
from models.evidence import Evidence, Prior
from models.lanes import Lanes
from models.scoring import DEFAULT_BASE_RATES, RISK, RiskModel
from models.trees import StoredRows
from training.adapting.scoring import Replayed
from training.arrays import Bools, Ints
from training.config import Run, TrainConfig
from training.data.dataset import Dataset
from training.data.pairs import choose_pairs, pairs_note
from training.data.planning import plan
from training.data.sources import from_file, simulated
from training.data.window_features import FeatureCache, FeatureSource, WindowFeatures, replay_history
from training.data.windows import Window, Windows
from training.evaluation.evaluation import WindowScores
from training.evaluation.run_evaluation import EvaluatedWindow, LearnedFrom, add_parts, evaluate_run
from training.evaluation.study import run_study
from training.fitting.boosting import HeadFit, fit_heads, refit_heads
from training.fitting.calibrating import (
    DETECTION,
    HeldOutScores,
    base_rate_weights,
    fit_calibrators,
    illicit_probability,
    raw_scores,
    risk_log_odds,
)
from training.fitting.examples import Examples, even_seen, sample_examples, sampled_rows
from training.fitting.params import BoosterSpec, BoostingParams
from training.fitting.residual import choose_evidence, directions
from training.fitting.search import fit_best_slope, fit_searched
from training.progress import Progress, StageLog
from training.reports.card import created_at, model_version
from training.worlds.own import too_easy
from training.worlds.own.checks import margins

MODEL_NAME: Final = "tidewaiter"
#: Metrics of a window, and the scores behind them.
Evaluation = tuple[dict[str, Any], WindowScores]


@dataclass(frozen=True, slots=True)
class LoadedData:
    """Training data, and the mapping of its file.

    Attributes:
        replayed: history of the data; by default to be replayed.
        lineage: where the decisions of a store come from, as JSON values.
    """

    data: Dataset
    mapping: ColumnMapping | None = None
    replayed: Replayed | None = None
    lineage: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class FirstFit:
    """Boosters fitted with early stopping, their parameters, and the share of clean shipments kept.

    The boosters start from ``slope`` times the log-odds of the prior, which ``evidence`` defines. ``alone`` contains boosters
    fitted without the prior, for comparison. It is empty for an office's own label, whose prior is the base rate.
    """

    evidence: Evidence
    slope: float
    fits: dict[str, HeadFit]
    alone: dict[str, HeadFit]
    params: BoostingParams
    clean_share: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """Calibrators, and the resulting lanes and reference scores at the base rates."""

    calibrators: dict[str, Calibrator]
    base_rates: dict[str, float]
    lanes: Lanes
    reference: ReferenceScores


@dataclass(frozen=True, slots=True)
class Refit:
    """All parts of the final model except its boosters, and the examples to fit the boosters on.

    ``evidence`` defines the prior. ``examples`` contains all finds before the test window, and a share ``clean_share`` of the clean
    shipments. ``evaluation`` is an evaluation on the lanes window if there is no test window.
    """

    space: FeatureSpace
    evidence: Evidence
    examples: Examples
    clean_share: float
    calibration: Calibration
    history: History
    evaluation: Evaluation | None


def load(config: TrainConfig, log: StageLog) -> LoadedData:
    """Simulate or read the data."""
    mapping = ColumnMapping.load(config.mapping) if config.mapping is not None else None
    with log.stage("Data") as progress:

        def rows_done(n: int) -> None:
            progress(f"{n:,} rows")

        if config.data is None:
            data = simulated(config.rows, config.seed, draws=config.draws, progress=rows_done)
        else:
            data = from_file(
                config.data,
                mapping=mapping,
                label=config.label,
                positive=config.positive,
                delay_s=config.result_delay_s,
                progress=rows_done,
            )
        finds = int(data.shipment_has_find().sum())
        progress(f"{data.table.n_rows:,} goods items, {data.table.n_shipments:,} shipments, {finds:,} with a find")
    return LoadedData(data, mapping)


def plan_run(config: TrainConfig, data: Dataset, log: StageLog) -> Run:
    """Plan the windows, print all notes, and choose pairs of columns for an office's own label."""
    windows = plan(data, with_test=config.holdout is None, seed=config.seed, shares=config.windows)
    opsin_problem = opsin().problem
    for note in (*data.notes, *windows.notes, *([opsin_problem] if opsin_problem else [])):
        log.note(note)
    return Run(config, _with_pairs(data, windows, config.seed, log), windows)


def _with_pairs(data: Dataset, windows: Windows, seed: int, log: StageLog) -> Dataset:
    """Return the data with pairs of columns chosen on the fit window, if it has fields of an office's own."""
    own = data.own
    if own is None:
        return data
    with log.stage("Choose pairs of columns"):
        table, results = data.window_table(windows.fit), data.window_results(windows.fit)
        own = replace(own, pairs=choose_pairs(table, own, results, seed=seed))
    note = pairs_note(own)
    if note is None:
        return replace(data, own=own)
    log.note(note)
    return replace(data, own=own, notes=(*data.notes, note))


def replay(run: Run, log: StageLog) -> tuple[FeatureSource, History]:
    """Replay the history of all shipments. Return the source of features, and the history after the last shipment."""
    with log.stage("Replay the history"):
        folder = run.config.cache
        cache = FeatureCache(folder, run.data, run.seed) if folder is not None else None
        features, history = replay_history(run.data, cache)
    # The refit window contains all earlier windows, so its features serve for them too.
    return FeatureSource(run.data, features, reuse=run.windows.refit, cache=cache), history


def fit_first(run: Run, source: FeatureSource, log: StageLog) -> FirstFit:
    """Fit boosters on the fit window, stopped early on the stop window."""
    windows = run.windows
    with log.stage("Compute features to fit and stop") as progress:
        space, fit = source.fit(windows.fit, run.seed, progress)
        examples, clean_share = sample_examples(fit, run.seed)
        progress(f"{fit.matrix.shape[1]} features; {len(examples.matrix):,} rows to learn from")
        stop = source.transform(windows.stop, space, fitted_on=windows.fit)
        on_stop, _ = sample_examples(stop, run.seed + 1)
        seen = run.data.near_repeats(
            sampled_rows(run.data, windows.stop, run.seed + 1), run.data.window_rows(windows.fit)
        )
        on_stop = even_seen(on_stop, seen)
        own_label = run.heads == (RISK,)
        held_out = [on_stop]
        if not own_label and windows.calibrate is not windows.stop:
            calibrate = source.transform(windows.calibrate, space, fitted_on=windows.fit)
            held_out.append(sample_examples(calibrate, run.seed + 2)[0])
    evidence = choose_evidence(run.heads)
    prior = Prior(evidence, run.heads, space.names)
    if own_label:
        log.note("Evidence applies only to the manifest's own labels: the prior of this label is its base rate.")
    if run.many_rows:
        run = run.with_params(run.config.params.for_many_rows(run.data.table.n_rows))
    with log.stage("Fit boosters until the stop window") as progress:
        examples, on_stop, *later = (
            rows.on(prior.log_odds(np.ascontiguousarray(rows.matrix))) for rows in (examples, *held_out)
        )
        spec, params = _booster_spec(run, space, prior, progress), run.config.params
        slope = 1.0
        fits: dict[str, HeadFit] = {}
        if not own_label:
            chosen = fit_best_slope(spec, examples, on_stop, *later)
            fits, slope = chosen.fits, chosen.slope
            log.note(chosen.note)
        if run.data.own is not None:
            of_train, of_stop = (rows.on(rows.prior, slope) for rows in (examples, on_stop))
            searched = fit_searched(spec, of_train, of_stop, run.config.searches, new=~seen, quick=run.many_rows)
            fits, params = searched.fits, searched.params
            log.note(searched.note)
        alone: dict[str, HeadFit] = {}
        if not own_label:
            progress("without the prior")
            alone = fit_heads(replace(spec, params=params), examples.on(None), on_stop.on(None))
        progress(", ".join(f"{head}: {'constant' if f.constant else f'{f.trees} trees'}" for head, f in fits.items()))
    return FirstFit(evidence, slope, fits, alone, params, clean_share)


def _booster_spec(run: Run, space: FeatureSpace, prior: Prior, progress: Progress | None = None) -> BoosterSpec:
    """Return the settings of boosters on a prior. ``progress`` shows the number of trees.

    Evidence entries constrain the direction of the features that they use. For an office's own label they do not, because its
    meaning is unknown.
    """
    free = run.heads == (RISK,)
    monotone = space.monotone if free else tuple(directions(prior.entries, space.names, space.monotone))
    spec = run.booster_spec(space.names, monotone)
    return spec if progress is None else replace(spec, watch=lambda trees: progress(f"{trees} trees"))


def refit(run: Run, source: FeatureSource, first: FirstFit, history: History, log: StageLog) -> Refit:
    """Compute the features of everything before the test window, and calibrate by cross-fitting."""
    with log.stage("Compute features to refit") as progress:
        windows = run.windows
        later = [windows.calibrate, windows.lanes, *([] if windows.test is None else [windows.test])]
        later = [window for window in later if _inside_refit(run, window).sum() < len(window.shipments)]
        space, features = source.fit(windows.refit, run.seed, progress, later=later)
        examples, clean_share = sample_examples(features, run.seed)
        progress(f"{len(examples.matrix):,} rows to learn from")
        prior = Prior(first.evidence, run.heads, space.names)
        examples = examples.on(prior.log_odds(np.ascontiguousarray(examples.matrix)), first.slope)
    cross = _cross_fit(run, source, space, features, examples, first, log)
    with log.stage("Calibrate, and set lanes") as progress:
        calibration = _calibrate(run, cross, first.slope)
        lanes = calibration.lanes
        kinds = ", ".join(f"{name}: {c.kind}" for name, c in calibration.calibrators.items())
        progress(f"{kinds}; red {lanes.red_share:.2%} and yellow {lanes.yellow_share:.2%} of the traffic")
    result = Refit(space, first.evidence, examples, clean_share, calibration, history, None)
    if run.windows.test is not None:
        return result
    with log.stage("Evaluate on the lanes window") as progress:
        evaluation = _evaluate_lanes(run, assemble(run, result, cross.lanes_fits), cross.lanes_features, progress)
        if first.alone:
            rows = _outside(run, [run.windows.lanes], examples)
            alone = refit_heads(_booster_spec(run, space, prior), examples.on(None), first.alone, rows)
            add_parts(evaluation[0], prior, alone, cross.lanes_features, evaluation[1], run)
    return replace(result, evaluation=evaluation)


@dataclass(frozen=True, slots=True)
class _CrossFit:
    """Scores of the calibrate and the lanes window, by name, from boosters refitted without the window.

    The boosters refitted without the lanes window, and that window's features, remain available for an evaluation.
    """

    scores: dict[str, HeldOutScores]
    lanes_fits: dict[str, HeadFit]
    lanes_features: WindowFeatures


def _cross_fit(
    run: Run,
    source: FeatureSource,
    space: FeatureSpace,
    features: WindowFeatures,
    examples: Examples,
    first: FirstFit,
    log: StageLog,
) -> _CrossFit:
    windows, prior = run.windows, Prior(first.evidence, run.heads, space.names)

    def without(left_out: Sequence[Window], progress: Progress) -> dict[str, HeadFit]:
        names = " and ".join(window.name for window in left_out)
        spec = _booster_spec(run, space, prior, lambda text: progress(f"without {names}: {text}"))
        return refit_heads(spec, examples, first.fits, _outside(run, left_out, examples))

    def features_of(window: Window) -> WindowFeatures:
        # Without a test window, the refit omits the last shipments, because many of their results are not known yet.
        inside = _inside_refit(run, window)
        if inside.sum() == len(window.shipments):
            return features.select(inside)
        return source.transform(window, space, fitted_on=windows.refit)

    scores: dict[str, HeldOutScores] = {}
    with log.stage("Refit boosters to calibrate") as progress:
        each = {window.name: window for window in (windows.calibrate, windows.lanes)}
        # With many rows, boosters refitted without both windows, about a quarter of the rows, are close to the final ones.
        # One refit is then enough.
        shared = without([*each.values()], progress) if run.many_rows else None
        fits = {name: without([window], progress) if shared is None else shared for name, window in each.items()}
        if windows.calibrate is not windows.lanes:
            on_calibrate = features_of(windows.calibrate)
            scores[windows.calibrate.name] = _held_out(prior, fits[windows.calibrate.name], on_calibrate, run.threads)
            del on_calibrate
        lanes_fits, lanes_features = fits[windows.lanes.name], features_of(windows.lanes)
        scores[windows.lanes.name] = _held_out(prior, lanes_fits, lanes_features, run.threads)
    return _CrossFit(scores, lanes_fits, lanes_features)


def _inside_refit(run: Run, window: Window) -> Bools:
    """Return whether each shipment (n,) of the refit window is also in ``window``."""
    return np.isin(run.windows.refit.shipments, window.shipments)


def _outside(run: Run, windows: Sequence[Window], examples: Examples) -> Ints:
    """Return the rows of the refit window's examples whose shipments are not in ``windows``."""
    assert examples.shipment is not None
    inside: Bools = np.any([_inside_refit(run, window) for window in windows], axis=0)
    return np.flatnonzero(~inside[examples.shipment])


def _held_out(prior: Prior, fits: dict[str, HeadFit], features: WindowFeatures, threads: int) -> HeldOutScores:
    of_prior = prior.log_odds(np.ascontiguousarray(features.matrix))
    return HeldOutScores.of(of_prior + raw_scores(fits, features.matrix, threads), features)


def _calibrate(run: Run, cross: _CrossFit, slope: float) -> Calibration:
    """Fit calibrators on both windows, then lanes and reference scores on the lanes window at the base rates."""
    heads = run.heads
    # The share of missed finds is published for drugs only. The meaning of an office's own label is unknown.
    detection = DETECTION if heads != (RISK,) else 1.0
    every = HeldOutScores.concatenate(list(cross.scores.values()))
    stated = dict(DEFAULT_BASE_RATES) if heads != (RISK,) else {RISK: sum(DEFAULT_BASE_RATES.values())}
    calibrators = fit_calibrators(every, heads, detection=detection, stated=stated, slope=slope)
    base_rates = _base_rates(heads, run.data)
    on_lanes = cross.scores[run.windows.lanes.name]
    risk = risk_log_odds(on_lanes, calibrators, heads)
    traffic = base_rate_weights(illicit_probability(on_lanes, risk), sum(base_rates.values()))
    red, yellow = run.config.lane_shares(base_rates[RISK] if heads == (RISK,) else None)
    lanes = Lanes.from_scores(risk, traffic, red_share=red, yellow_share=yellow)
    reference = ReferenceScores.from_scores(risk, traffic)
    return Calibration(calibrators, base_rates, lanes, reference)


def _base_rates(heads: tuple[str, ...], data: Dataset) -> dict[str, float]:
    """Return the assumed base rate per head; for an office's own label, the prevalence of the data if it contains a find."""
    if heads != (RISK,):
        return {head: DEFAULT_BASE_RATES[head] for head in heads}
    find = data.labels.shipment_find(data.table)[:, 0]
    if not find.any():
        return {RISK: sum(DEFAULT_BASE_RATES.values())}
    rate = float(np.average(find, weights=data.labels.weight))
    return {RISK: min(max(rate, 1e-9), 0.999)}


def _evaluate_lanes(run: Run, model: RiskModel, features: WindowFeatures, progress: Progress) -> Evaluation:
    """Evaluate the boosters refitted without the lanes window on that window. Used if there is no test window."""
    description = (
        "the lanes window, by boosters refitted without it: there is no test window. "
        "Calibrators were fitted on it too, so its calibration figures flatter the model"
    )
    tested = EvaluatedWindow(run.windows.lanes, features, description)
    return evaluate_run(run, model, tested, LearnedFrom(_learned_without(run, run.windows.lanes), None), progress)


def _learned_without(run: Run, left_out: Window) -> Window:
    """Return what boosters refitted without a window learned from, for figures of declarations that they did not see."""
    windows = [run.windows.calibrate, left_out] if run.many_rows else [left_out]
    inside = np.any([_inside_refit(run, window) for window in windows], axis=0)
    return replace(run.windows.refit, shipments=run.windows.refit.shipments[~inside])


def fit_final(run: Run, refitted: Refit, first: FirstFit, log: StageLog) -> dict[str, HeadFit]:
    """Refit the boosters on everything before the test window."""
    with log.stage("Refit the final boosters") as progress:
        spec = _booster_spec(run, refitted.space, Prior(first.evidence, run.heads, refitted.space.names), progress)
        return refit_heads(spec, refitted.examples, first.fits)


def assemble(run: Run, refitted: Refit, fits: dict[str, HeadFit]) -> RiskModel:
    """Return the model with the given boosters and an empty card."""
    boosters = {head: fits[head].booster for head in run.heads}
    calibration = refitted.calibration
    return RiskModel(
        name=MODEL_NAME,
        version=model_version(run),
        created_at=created_at(run.data),
        heads=run.heads,
        space=refitted.space,
        boosters=boosters,
        calibrators=calibration.calibrators,
        prevalence={name: calibrator.prevalence for name, calibrator in calibration.calibrators.items()},
        base_rates=calibration.base_rates,
        lanes=calibration.lanes,
        reference=calibration.reference,
        history=refitted.history,
        card={},
        check=StoredRows.of(list(boosters.values()), refitted.examples.matrix),
        evidence=refitted.evidence,
    )


def evaluate_test(
    run: Run,
    source: FeatureSource,
    model: RiskModel,
    refitted: Refit,
    first: FirstFit,
    final: dict[str, HeadFit],
    log: StageLog,
) -> Evaluation:
    """Evaluate the final model on the test window, and run the studies if requested."""
    windows = run.windows
    assert windows.test is not None
    with log.stage("Evaluate on the test window") as progress:
        features = source.transform(windows.test, model.space, fitted_on=windows.refit)
        # No later window needs the history.
        source.release()
        tested = EvaluatedWindow(windows.test, features, "the test window, by the final model")
        metrics, evaluated = evaluate_run(run, model, tested, LearnedFrom(windows.refit, refitted.examples), progress)
        if first.alone:
            progress("prior alone and trees alone")
            alone = refit_heads(_booster_spec(run, model.space, model.prior), refitted.examples.on(None), first.alone)
            add_parts(metrics, model.prior, alone, features, evaluated, run)
        refitted.examples.drop_bins()
    if run.config.study:
        with log.stage("Study") as progress:
            metrics |= run_study(run, model, tested, refitted.examples, final, progress)
            if run.config.data is None:
                progress("how easy the world is")
                easy = too_easy(run.config.rows, run.config.seed, draws=run.config.draws, threads=run.threads)
                metrics["too_easy"] = easy.to_json()
                progress("how close to published figures the world is")
                metrics["margins"] = margins.compare(run.seed)
    return metrics, evaluated
