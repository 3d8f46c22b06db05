"""`tidewaiter train --from champion`: learn from an office's finds, together with the authors' lessons.

The result is the champion, adapted to the office's traffic, with trees of the joint fit. Calibrators stay the champion's, because a
few finds cannot calibrate. A candidate learns from the traffic before the latest finds and is compared with the adapted champion on
the later weeks; the trees of the bundle then learn from all results.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import lightgbm as lgb

from features.memory import release_free_memory
from models.bundle import champion_dir
from models.bundle import load as load_bundle
from models.scoring import RISK, RiskModel
from models.trees import StoredRows
from training.adapting.adapt import CARD_KEY as ADAPTED
from training.adapting.adapt import adapt, reading_names
from training.adapting.scoring import Replayed
from training.adapting.traffic import LEAST_SHIPMENTS, Traffic, TrafficFile
from training.authors.learning import ResidualParams
from training.authors.lessons_file import DEFAULT, StoredLessons, read_lessons
from training.config import Run, TrainConfig
from training.data.dataset import BadData, Dataset
from training.data.selection import selection_figures
from training.data.window_features import replay_history
from training.evaluation.evaluation import WindowScores, scored_of_model
from training.evaluation.run_evaluation import EvaluatedWindow, LearnedFrom, evaluate_run
from training.fitting.boosting import HeadFit
from training.fitting.residual import directions
from training.office.compare import compared
from training.office.joint import PARAMS, OwnRows, Teacher, blended
from training.office.rows import OfficeRows, later_weeks
from training.progress import StageLog
from training.reports.card import build_card, created_at

#: Key of the card's section on what the office's finds taught.
CARD_KEY: Final = "learned"


@dataclass(frozen=True, slots=True)
class Parent:
    """The champion, the lessons that belong to it, and the parameters of its trees."""

    model: RiskModel
    lessons: StoredLessons
    params: ResidualParams

    @classmethod
    def load(cls, config: TrainConfig) -> Parent:
        """Load and check both.

        Raises:
            BundleRefused, LessonsRefused: one of them is damaged, or they do not belong together.
        """
        model = load_bundle(champion_dir() if config.champion is None else config.champion)
        lessons = read_lessons(DEFAULT if config.lessons is None else config.lessons)
        lessons.check(model)
        params = ResidualParams(**model.card["training"])
        return cls(model, lessons, replace(params, threads=config.threads))

    def learned(self, own: OwnRows) -> tuple[dict[str, lgb.Booster], int]:
        """Return the boosters of the heads after learning from own rows, and the number of own finds."""
        finds = int(own.is_find.sum())
        boosters = dict(self.model.boosters)
        if not finds:
            return boosters, 0
        space, prior = self.model.space, self.model.prior
        teacher = Teacher(self.lessons, prior, directions(prior.entries, space.names, space.monotone), self.params)
        joint = teacher.learned(own)
        of_each = {id(booster): blended(booster, joint, finds) for booster in boosters.values()}
        return {head: of_each[id(booster)] for head, booster in boosters.items()}, finds


@dataclass(frozen=True, slots=True)
class Learned:
    """The model without a card, what it learned from, and its figures on the later weeks."""

    run: Run
    parent: Parent
    model: RiskModel
    own: OwnRows
    before: int
    metrics: dict[str, Any]
    evaluated: WindowScores

    def card(self) -> dict[str, Any]:
        """Return the model card."""
        lessons, comparison = self.parent.lessons, self.metrics["adapted_champion"]
        fits = {
            head: HeadFit(
                self.model.boosters[head],
                self.model.boosters[head].num_trees(),
                int(lessons.find[:, k].sum() + self.own.find[:, k].sum()),
                False,
                shrinkage=self.parent.model.factors[head] * self.parent.params.slope,
                slope=self.parent.params.slope,
            )
            for k, head in enumerate(self.model.heads)
        }
        card = build_card(self.model, self.run, self.metrics, fits, fits, {})
        parent = self.parent.model
        card["training"] = {
            "seed": self.run.seed,
            "threads": self.run.threads,
            "parameters": {**asdict(self.parent.params), **{f"own_{k}": v for k, v in asdict(PARAMS).items()}},
        }
        finds = {head: int(self.own.find[:, k].sum()) for k, head in enumerate(self.model.heads)}
        learned = {
            "parent": {"name": parent.name, "version": parent.version, "digest": parent.digest},
            "lessons": {"sha256": lessons.digest, "rows": len(lessons.weight), "finds": int(lessons.find.any(1).sum())},
            "own_finds": finds,
            "own_rows": len(self.own.find),
            "share_of_joint_trees": round(PARAMS.share(int(self.own.is_find.sum())), 3),
            "recommended": comparison["recommended"],
        }
        told = ", ".join(f"{number} {head.replace('_', ' ')}" for head, number in finds.items())
        section = {
            "heading": "Learned from the office's finds",
            "text": [
                f"Its trees learned from own finds ({told}) together with the lessons of the authors' worlds. Statistics of usual "
                "trade, history, percentiles and lanes are the office's. Calibrators are the champion's.",
                comparison["text"],
                self.metrics["selection"]["text"],
            ],
        }
        return {CARD_KEY: learned, ADAPTED: self.model.card[ADAPTED], **card, "sections": [section, *card["sections"]]}


def learn(config: TrainConfig, data: Dataset, log: StageLog, *, replayed: Replayed | None = None) -> Learned:
    """Learn from labelled data.

    Args:
        replayed: history features of the data; by default its history is replayed.

    Raises:
        BadData: the data states no times, or has too few shipments.
        BundleRefused, LessonsRefused: see `Parent.load`.
    """
    _check(data)
    with log.stage("Champion and lessons") as progress:
        parent = Parent.load(config)
        progress(f"{parent.model.version}; {len(parent.lessons.weight):,} lessons")
    run = Run(config, data, later_weeks(data))
    if replayed is None:
        with log.stage("Replay the history"):
            replayed = Replayed(*replay_history(data))
    with reading_names():
        with log.stage("Compute features") as progress:
            office = OfficeRows.of(data, replayed.values, parent.model, run.windows, seed=run.seed, progress=progress)
            progress(f"{len(office.rows):,} goods items")
        with log.stage("Learn from the earlier weeks") as progress:
            before = office.own(run.windows.fit.cut_s, before=len(run.windows.fit.shipments))
            candidate, learned_from = parent.learned(before)
            progress(f"{learned_from:,} finds")
        with log.stage("Learn from all weeks") as progress:
            own = office.own()
            boosters, finds = parent.learned(own)
            progress(f"{finds:,} finds")
        with log.stage("Adapt to the traffic"):
            model = _adapted(parent, run, boosters, own, replayed)
    metrics, evaluated = _evaluate(run, model, parent, candidate, office, learned_from, log)
    return Learned(run, parent, model, own, learned_from, metrics, evaluated)


def _check(data: Dataset) -> None:
    if data.labels.heads == (RISK,):
        raise BadData("--from champion needs the label column `content`; an own label learns with --from prior")
    if not data.has_times:
        raise BadData(
            f"{data.source}: no row states declared_at, so later weeks cannot judge what was learned; use --from prior"
        )
    if data.table.n_shipments < LEAST_SHIPMENTS:
        raise BadData(
            f"{data.source}: {data.table.n_shipments:,} shipments can be read; --from champion adapts to the traffic, which needs "
            f"at least {LEAST_SHIPMENTS:,}"
        )


def _adapted(
    parent: Parent, run: Run, boosters: Mapping[str, lgb.Booster], own: OwnRows, replayed: Replayed
) -> RiskModel:
    """Return the champion with other boosters, adapted to the traffic."""
    data, champion = run.data, parent.model
    factors = list(champion.factors.values())
    check = StoredRows.of(list(boosters.values()), own.matrix, factors)
    red, yellow = (
        own_share or of_parent
        for own_share, of_parent in zip(
            run.config.lanes, (champion.lanes.red_share, champion.lanes.yellow_share), strict=True
        )
    )
    lanes = replace(champion.lanes, red_share=red, yellow_share=yellow)
    model = replace(champion, boosters=boosters, check=check, lanes=lanes, card={})
    file = TrafficFile(Path(data.source).name, data.digest, data.table.n_rows)
    traffic = Traffic(data.table, (file,), data.rows_refused, 0, data.has_times, ())
    model = adapt(model, traffic, replayed=replayed, threads=run.threads).model
    release_free_memory()
    hashed = json.dumps([champion.digest, parent.lessons.digest, data.digest, run.seed, run.threads])
    version = f"{champion.version}-learned.{hashlib.sha256(hashed.encode()).hexdigest()[:8]}"
    return replace(model, version=version, created_at=created_at(data), card={ADAPTED: model.card[ADAPTED]})


def _evaluate(
    run: Run,
    model: RiskModel,
    parent: Parent,
    candidate: Mapping[str, lgb.Booster],
    office: OfficeRows,
    learned_from: int,
    log: StageLog,
) -> tuple[dict[str, Any], WindowScores]:
    """Evaluate the candidate of the earlier weeks on the later ones, and compare it with the adapted champion."""
    fit, later = run.windows.fit, run.windows.test
    assert later is not None
    with log.stage("Evaluate on the latest labelled weeks") as progress:
        features = office.later(later)
        described = "the latest labelled weeks, by trees that learned from the weeks before"
        tested = EvaluatedWindow(later, features, described)
        judged = replace(model, boosters=candidate, check=None)
        metrics, evaluated = evaluate_run(run, judged, tested, LearnedFrom(fit, None), progress)
        champion = replace(model, boosters=parent.model.boosters, check=None)
        table = run.data.window_table(later)
        theirs = scored_of_model(champion, features.matrix, table, threads=run.threads).risk
        metrics["adapted_champion"] = compared(
            evaluated.scored.risk, theirs, features.outcome, sum(model.base_rates.values()), learned_from, run.seed
        )
        metrics["selection"] = selection_figures(run.data.labels, run.data.table)
    return metrics, evaluated
