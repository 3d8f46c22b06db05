"""Test sets: runs of the open worlds that nobody learned from, scored by a candidate and by the model in service.

Each world plays a settled office: the statistics of usual trade are those of its earlier months, as if both models were adapted to
it. So an adapted model is not judged by the statistics of its own office.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np

from features.manifest.fields import HEADS
from features.table.parts import alone
from features.table.table import ManifestTable
from models.calibration import probability, shift
from models.evidence import Prior, read_evidence
from models.scoring import RISK, RiskModel
from training.adapting.adapt import reading_names
from training.arrays import Bools, Floats, Texts
from training.authors.calibrating import BASE_RATE, BOUNDS_OF_WORLD, Outcomes, ratio
from training.authors.comparison import BOUND, LEAST_CLEAN, SHARE, Resamples, interval, pr_aucs, ranked, recalls
from training.authors.views import SEALED, AuthorViews, load_author
from training.data.dataset import rows_of
from training.evaluation.metrics import MIN_FINDS
from training.gate.checks import NOT_ENOUGH, Verdict
from training.worlds.writer import author_names

NAME: Final = "test sets"
CALIBRATION: Final = "calibration"
ORIGINS: Final = "origins"
#: Scored shipments per world.
SHIPMENTS: Final = 12_000
#: Shipments of the check of speed.
SAMPLE: Final = 1_000
#: Seed of the runs. Models learn from the seeds 1 to 3, and 101 plays offices (`training.office.playing`).
_SEED: Final = 301
#: Largest acceptable loss of recall, whatever its interval.
_MOST_LOST: Final = 0.03
#: Acceptable mean risk of the traffic, as multiples of the base rate.
_MEAN_RISK: Final = (0.1, 10.0)


@dataclass(frozen=True, slots=True)
class ScoredWorld:
    """One world of s shipments, scored by both models.

    Attributes:
        ours, theirs: (s,) risk log-odds of the candidate and of the model in service, at `BASE_RATE`.
        illicit, declared: (s,) truth, and whether the declaration states content.
        origin: (s,) country of export.
        resamples: bootstrap draws of the consignors.
    """

    name: str
    ours: Floats
    theirs: Floats
    illicit: Bools
    declared: Bools
    origin: Texts
    resamples: Resamples

    @classmethod
    def of(cls, name: str, models: Sequence[RiskModel], prior: Prior, number: int) -> Self:
        """Simulate a world and score it with the candidate and the model in service."""
        views = AuthorViews.of(load_author(name, SHIPMENTS, seed=_SEED))
        matrix = np.ascontiguousarray(views.settled)
        facts = np.asarray(prior.facts(matrix).any(axis=1))
        ours, theirs = (_risk(model, matrix, views) for model in models)
        column = views.office.table.text("export_country")
        origin = column.lookup(np.array(column.values, dtype=object), "")[views.first_row]
        declared = np.logical_or.reduceat(facts, views.first_row)
        return cls(name, ours, theirs, views.illicit, declared, origin, Resamples.of(views, seed=number))


def _risk(model: RiskModel, matrix: Floats, views: AuthorViews) -> Floats:
    """Return the risk log-odds (s,) that a model states at `BASE_RATE` for feature rows (m, F)."""
    _, items = model.calibrate(model.predict_raw(matrix, threads=2), matrix)
    largest = np.maximum.reduceat(items, views.first_row)
    return np.asarray(shift(largest, model.prevalence[RISK], BASE_RATE))


def open_worlds() -> list[str]:
    """Return the names of the worlds that are not sealed."""
    return [name for name in author_names() if name not in SEALED]


def scored_worlds(
    ours: RiskModel, theirs: RiskModel, progress: Callable[[str], None] = lambda _: None
) -> list[ScoredWorld]:
    """Simulate the open worlds and score them with a candidate and the model in service."""
    worlds = []
    with reading_names():
        prior = Prior(read_evidence(), tuple(HEADS), ours.space.names)
        for number, name in enumerate(open_worlds()):
            progress(name)
            worlds.append(ScoredWorld.of(name, (ours, theirs), prior, number))
    return worlds


def sample() -> ManifestTable:
    """Return shipments of an open world, for the check of speed."""
    table = load_author(open_worlds()[0], SAMPLE, seed=_SEED).table
    return alone(table, rows_of(table, np.arange(SAMPLE)))


def ranking(worlds: Sequence[ScoredWorld]) -> Verdict:
    """Compare recall and PR-AUC, paired, as means over the worlds."""
    finds = sum(int(world.illicit.sum()) for world in worlds)
    if any(world.illicit.sum() < MIN_FINDS for world in worlds):
        return Verdict(NAME, NOT_ENOUGH, f"{finds} finds; each world needs at least {MIN_FINDS}.")
    measures: dict[str, Any] = {"finds": finds, "share": SHARE, "worlds": {}}
    for name, measure in (("recall", recalls), ("pr_auc", pr_aucs)):
        drawn = np.array(
            [
                [measure(scores, world.illicit, world.resamples) for scores in (world.ours, world.theirs)]
                for world in worlds
            ]
        )
        means = drawn.mean(axis=0)
        measures[name] = {
            "ours": interval(means[0]),
            "theirs": interval(means[1]),
            "difference": interval(means[0] - means[1]),
        }
        for world, of_world in zip(worlds, drawn, strict=True):
            both = {"ours": float(of_world[0, 0]), "theirs": float(of_world[1, 0])}
            measures["worlds"].setdefault(world.name, {})[name] = both
    recall = measures["recall"]
    difference = recall["difference"]
    lost = difference["high"] < 0.0 or difference["value"] < -_MOST_LOST
    text = (
        f"Opening {SHARE:.0%} of {len(worlds)} open worlds finds {recall['ours']['value']:.3f} of {finds} finds, the model in "
        f"service {recall['theirs']['value']:.3f}: {difference['value']:+.3f} ({difference['low']:+.3f} to "
        f"{difference['high']:+.3f})."
    )
    return Verdict(NAME, "fail" if lost else "pass", text, measures)


def calibration(worlds: Sequence[ScoredWorld], foreign: str | None) -> Verdict:
    """Compare stated with observed finds in the top 1 % of each world, and the mean risk with the base rate.

    Args:
        foreign: why the calibrators are not the model's own, if that is known.
    """
    if foreign is not None:
        return Verdict(CALIBRATION, "fail", foreign)
    stated: dict[str, float] = {}
    means: list[float] = []
    for world in worlds:
        outcomes = Outcomes(world.ours, world.illicit, world.declared)
        found = ratio(world.ours, outcomes, SHARE)
        if found is not None and world.illicit.sum() >= MIN_FINDS:
            stated[world.name] = found
        weight = np.where(world.declared, 0.0, outcomes.weight)
        means.append(float(np.average(probability(world.ours), weights=weight)) / BASE_RATE)
    if not stated:
        return Verdict(CALIBRATION, NOT_ENOUGH, "No world has enough finds in the riskiest 1 %.")
    average = math.exp(float(np.mean(np.log([*stated.values()]))))
    mean = math.exp(float(np.mean(np.log(means))))
    (low, high), (least, most) = BOUNDS_OF_WORLD, _MEAN_RISK
    sound = low <= average <= high and least <= mean <= most
    text = (
        f"In the riskiest {SHARE:.0%}, {average:.2f} finds are stated for each one found (by world {min(stated.values()):.2f} "
        f"to {max(stated.values()):.2f}; bounds {low:.2f} to {high:g}). Mean risk is {mean:.2f} times the base rate."
    )
    figures = {"stated_over_found": average, "worlds": stated, "mean_over_base_rate": mean}
    return Verdict(CALIBRATION, "pass" if sound else "fail", text, figures)


def origins(worlds: Sequence[ScoredWorld]) -> Verdict:
    """Compare the rates of false alarms in the riskiest 1 % between countries of export, over all worlds."""
    clean_of: dict[str, int] = {}
    for world in worlds:
        names, counts = np.unique(world.origin[~world.illicit].astype(str), return_counts=True)
        for name, count in zip(names.tolist(), counts.tolist(), strict=True):
            clean_of[name] = clean_of.get(name, 0) + count
    chosen = sorted(name for name, count in clean_of.items() if name and count >= LEAST_CLEAN)
    if len(chosen) < 2:
        text = f"{len(chosen)} origins have {LEAST_CLEAN:,} clean shipments; at least 2 are needed."
        return Verdict(ORIGINS, NOT_ENOUGH, text)
    ours, theirs = (_rates(worlds, chosen, name) for name in ("ours", "theirs"))
    rates = dict(zip(chosen, ours[:, 0].tolist(), strict=True))
    most, least = (pick(rates, key=lambda name: rates[name]) for pick in (max, min))
    # An origin without a false alarm counts as one with half of one.
    floor = 0.5 / clean_of[least]
    between = interval(ours[chosen.index(most)] / np.maximum(ours[chosen.index(least)], floor))
    before = float(theirs[:, 0].max() / max(theirs[:, 0].min(), floor))
    text = (
        f"False alarms are {between['value']:.1f} times ({between['low']:.1f} to {between['high']:.1f}) as frequent from "
        f"{most} as from {least}, of {len(chosen)} origins; in service {before:.1f}. A lower end above {BOUND:g} fails."
    )
    figures = {"rates": rates, "largest": most, "smallest": least, "ratio": between, "ratio_in_service": before}
    return Verdict(ORIGINS, "fail" if between["low"] > BOUND else "pass", text, figures)


def _rates(worlds: Sequence[ScoredWorld], names: Sequence[str], which: str) -> Floats:
    """Return the rates of false alarms (origins, draws + 1) in the riskiest share of the worlds."""
    place = {name: number for number, name in enumerate(names)}
    alarms, clean = np.zeros(1), np.zeros(1)
    for world in worlds:
        score: Floats = getattr(world, which)
        inside = np.zeros(len(score), dtype=np.bool_)
        inside[ranked(score)[: round(SHARE * len(score))]] = True
        origin = np.array([place.get(name, -1) for name in world.origin.tolist()], dtype=np.int64)
        of_clean = np.where(world.illicit, -1, origin)
        alarms = alarms + world.resamples.totals(np.where(inside, of_clean, -1), len(names))
        clean = clean + world.resamples.totals(of_clean, len(names))
    return np.asarray(alarms / np.maximum(clean, 1.0))
