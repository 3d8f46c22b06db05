"""Studies of a model: training without each feature group, and without each typology.

The studied model is a single booster for any illicit content. Its features are binned once, and each variant is a refit on a
subset of the columns or rows. Each refit is compared with a refit on all columns and rows, not with the model itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import lightgbm as lgb
import numpy as np

from features.groups.base import Feature
from features.reference import typologies
from models.scoring import RiskModel
from training.arrays import Bools, Floats, Ints
from training.config import Run
from training.data.dataset import Outcome
from training.evaluation.evaluation import best_known, outcomes_of
from training.evaluation.metrics import (
    MIN_FINDS,
    RESAMPLES,
    Curve,
    Estimate,
    Ranking,
    interval,
    lacking,
    poisson_times,
    too_few,
    without_value,
)
from training.evaluation.run_evaluation import EvaluatedWindow
from training.evaluation.slices import taken_at
from training.fitting.boosting import HeadFit
from training.fitting.examples import Examples, any_head, sampled_rows
from training.fitting.params import BoosterSpec
from training.progress import Progress
from training.worlds.own.trade.plan import TRACES

ABLATION_SHARE: Final = 0.005
LEFT_OUT_SHARE: Final = 0.01
#: Maximum number of clean rows per find. A study fits over thirty boosters on the same rows. More clean rows would cost time and
#: hardly change the order of the variants.
CLEAN_PER_FIND: Final = 150


class Bench:
    """Test bench that refits a booster on ``train`` without some columns or rows, and scores a test window.

    ``test`` (m, F) contains the features of the test window's goods items, and ``first_row`` (n,) the first rows of its
    shipments. Every refit has ``trees`` trees.
    """

    def __init__(
        self, spec: BoosterSpec, train: Examples, test: Floats, first_row: Ints, features: Sequence[Feature], *, trees: int
    ) -> None:  # fmt: skip
        self.features = tuple(features)
        self.find = any_head(train.find)
        self._test, self._first_row, self._trees, self._threads = test, first_row, trees, spec.threads
        self._settings = spec.lightgbm()
        self._binned = lgb.Dataset(
            train.matrix, self.find.astype(np.float64), weight=train.weight, params=self._settings, free_raw_data=True
        ).construct()

    def scores(self, *, without_columns: Ints | None = None, without_rows: Ints | None = None) -> Floats:
        """Return raw log-odds (n,) of the test shipments by a refit without some columns or rows of the training data.

        Raises `ValueError` if nothing is left to learn from.
        """
        settings, data = dict(self._settings), self._binned
        if without_columns is not None:
            allowed = np.setdiff1d(np.arange(len(self.features)), without_columns)
            if not len(allowed):
                raise ValueError("no feature is left to learn from")
            # LightGBM ignores features outside all interaction sets, so the bins can be reused.
            settings["interaction_constraints"] = [allowed.tolist()]
        if without_rows is not None and len(without_rows):
            rows = np.setdiff1d(np.arange(len(self.find)), without_rows)
            if not self.find[rows].any():
                raise ValueError("no find is left to learn from")
            data = self._binned.subset(rows.tolist(), params=settings)
        booster = lgb.train(settings, data, num_boost_round=self._trees)
        raw = np.asarray(booster.predict(self._test, raw_score=True, num_threads=self._threads), dtype=np.float64)
        return np.asarray(np.maximum.reduceat(raw, self._first_row))


def trees_of(fits: Mapping[str, HeadFit]) -> int:
    """Return the number of trees for a booster of any content: the trees common to all heads, or those of a single head."""
    return max(fit.common or fit.trees for fit in fits.values())


def ablation(
    bench: Bench, full: Floats, outcome: Outcome, *, base_rate: float, resamples: int = RESAMPLES, seed: int = 0, progress: Progress
) -> dict[str, Any]:  # fmt: skip
    """Return per feature group the metrics on ``outcome`` (n,) of a refit without the group; {} if there is only one group.

    ``full`` (n,) contains the scores of a refit with all features, the reference for changes of PR-AUC. With too few finds, the
    result is a reason instead of figures.
    """
    groups = list(dict.fromkeys(feature.group for feature in bench.features))
    find, weight = outcome.any, outcome.weight
    if len(groups) < 2:
        return {}
    none = lacking(find)
    if none is not None:
        few = dict.fromkeys(("pr_auc", "recall_0.005", "pr_auc_change"), none)
        return {group: {"features": len(_columns(bench, group)), **few} for group in groups}
    times = list(poisson_times(len(find), resamples, seed))
    with_all = Ranking(full, find, weight)
    before = [curve for part in times for curve in with_all.curves(part)]
    out: dict[str, Any] = {}
    for number, group in enumerate(groups, 1):
        progress(f"without {group} ({number} of {len(groups)})")
        columns = _columns(bench, group)
        ranking = Ranking(bench.scores(without_columns=columns), find, weight)
        after = [curve for part in times for curve in ranking.curves(part)]
        curve = ranking.curve()
        both = [(a, b) for a, b in zip(after, before, strict=True) if a is not None and b is not None]
        change = curve.pr_auc() - with_all.curve().pr_auc()
        out[group] = {
            "features": len(columns),
            "prevalence": ranking.prevalence,
            "pr_auc": interval(curve.pr_auc(), [a.pr_auc() for a, _ in both]),
            "recall_0.005": interval(
                _recall(curve, base_rate), [_recall(a, base_rate) for a, _ in both]
            ),
            "pr_auc_change": interval(change, [a.pr_auc() - b.pr_auc() for a, b in both]),
        }  # fmt: skip
    return out


def _columns(bench: Bench, group: str) -> Ints:
    return np.array([k for k, feature in enumerate(bench.features) if feature.group == group], dtype=np.int64)


def _recall(curve: Curve, base_rate: float) -> float:
    return curve.at_share(ABLATION_SHARE, base_rate)[0]


@dataclass(frozen=True, slots=True)
class Shown:
    """Typologies shown by shipments.

    ``learned`` (rows, TRACES) has one row per training row, ``tested`` (n, TRACES) one per test shipment.
    """

    learned: Bools
    tested: Bools


def left_out_typologies(
    bench: Bench, full: Floats, outcome: Outcome, shown: Shown, *, base_rate: float, resamples: int = RESAMPLES,
    seed: int = 0, progress: Progress,
) -> dict[str, Any]:  # fmt: skip
    """Return per typology the recall of its finds at `LEFT_OUT_SHARE`, trained with and without the typology.

    ``full`` (n,) contains the scores after training with all typologies. Training without a typology omits the finds that show it.
    ``average_ratio`` is the mean recall without divided by the mean recall with, with equal weight per typology. Intervals
    resample the finds at fixed thresholds. With too few finds, the result is a reason instead of figures.
    """
    find, weight = outcome.any, outcome.weight
    known = typologies()
    out: dict[str, Any] = {}
    draws: list[tuple[Floats, Floats]] = []
    recalls: list[tuple[float, float]] = []
    none = lacking(find)
    if none is not None:
        return {"average_ratio": none}
    with_all = taken_at(full, find, weight, LEFT_OUT_SHARE, base_rate)[find]
    times = np.concatenate(list(poisson_times(int(find.sum()), resamples, seed))).astype(np.float64) * weight[find]
    for k, typology in enumerate(TRACES):
        own = shown.tested[find, k]
        rows = np.flatnonzero(bench.find & shown.learned[:, k])
        one: dict[str, Any] = {"name": known[typology].name, "finds": int(own.sum()), "finds_left_out": len(rows)}
        out[typology] = one
        none = _too_few(int(own.sum()), len(rows), int(bench.find.sum()))
        if none is not None:
            one |= dict.fromkeys(("recall_with", "recall_without", "ratio"), none)
            continue
        progress(f"without {typology} {known[typology].name} ({k + 1} of {len(TRACES)})")
        without = taken_at(bench.scores(without_rows=rows), find, weight, LEFT_OUT_SHARE, base_rate)[find]
        drawn = times[:, own].sum(axis=1)
        pair = tuple((times[:, own] @ part[own]) / np.where(drawn > 0, drawn, np.nan) for part in (with_all, without))
        value = tuple(float(np.average(part[own], weights=weight[find][own])) for part in (with_all, without))
        draws.append((pair[0], pair[1]))
        recalls.append((value[0], value[1]))
        one["recall_with"] = interval(value[0], pair[0][drawn > 0].tolist())
        one["recall_without"] = interval(value[1], pair[1][drawn > 0].tolist())
        one["ratio"] = _ratio([value], [(pair[0], pair[1])])
    out["average_ratio"] = _ratio(recalls, draws)
    return out


def _too_few(finds: int, learned: int, all_learned: int) -> Estimate | None:
    """Return an estimate without a value if a typology has too few finds for a comparison, or None if it has enough."""
    if finds < MIN_FINDS:
        return too_few(finds, " show the typology in this window")
    if learned == 0:
        return without_value("no find in the training rows shows the typology", "too few finds")
    left = all_learned - learned
    return too_few(left, " are left to learn from") if left < MIN_FINDS else None


def _ratio(
    recalls: Sequence[tuple[float, float] | tuple[float, ...]], draws: Sequence[tuple[Floats, Floats]]
) -> Estimate:
    """Return the mean recall without the typology divided by the mean recall with it."""
    if not recalls:
        return without_value("no typology has enough finds", "too few finds")
    with_all, without = (float(np.mean([pair[i] for pair in recalls])) for i in (0, 1))
    if with_all == 0.0:
        return without_value("no find with the typology is inspected, even if training includes the typology")
    drawn_with, drawn_without = (np.nanmean(np.array([pair[i] for pair in draws]), axis=0) for i in (0, 1))
    usable = np.isfinite(drawn_with) & (drawn_with > 0)
    return interval(without / with_all, (drawn_without[usable] / drawn_with[usable]).tolist())


def thinned(examples: Examples, seed: int) -> tuple[Examples, Ints]:
    """Return all finds and a reweighted sample of at most `CLEAN_PER_FIND` clean rows per find, and the row indices."""
    find = any_head(examples.find)
    share = min(1.0, CLEAN_PER_FIND * int(find.sum()) / max(1, int((~find).sum())))
    rows = np.flatnonzero(find | (np.random.default_rng(seed).random(len(find)) < share))
    weight = examples.weight[rows] * np.where(find[rows], 1.0, 1.0 / share if share else 1.0)
    return Examples(examples.matrix[rows], examples.find[rows], weight), rows


def run_study(
    run: Run, model: RiskModel, tested: EvaluatedWindow, examples: Examples, fits: Mapping[str, HeadFit], progress: Progress
) -> dict[str, Any]:  # fmt: skip
    """Return the sections ``ablation`` and, in a simulated world, ``left_out_typologies``.

    Both use the truth if it is known, and the office's labels otherwise. ``examples`` are those of the refit window,
    and ``fits`` the boosters that were fitted on them.
    """
    data, space, shipments = run.data, model.space, tested.window.shipments
    base_rate = sum(model.base_rates.values())
    outcome = best_known(outcomes_of(data, shipments, tested.features.outcome))
    progress("all features")
    sample, sampled = thinned(examples, run.seed)
    bench = Bench(
        run.booster_spec(space.names, space.monotone), sample, tested.features.matrix, tested.features.first_row,
        space.features, trees=trees_of(fits),
    )  # fmt: skip
    full = bench.scores()
    out = {"ablation": ablation(bench, full, outcome, base_rate=base_rate, seed=run.seed, progress=progress)}
    if data.world is not None:
        shows = data.world.typologies
        learned = sampled_rows(data, run.windows.refit, run.seed)
        shown = Shown(shows[data.table.shipment[learned[sampled]]], shows[shipments])
        out["left_out_typologies"] = left_out_typologies(
            bench, full, outcome, shown, base_rate=base_rate, seed=run.seed, progress=progress
        )
    return out
