"""What the substance features add, and what is left of it for substances that the model, or the watch list, never saw.

Simulated traffic is split in time as in training. Every watched substance falls into one of three folds; for each fold
a model learns from data without any shipment that names one of its substances, and is tried on the later shipments that
do. Four models see the same rows:

- ``exact names``: substances are known by exact name and CAS number only;
- ``all features``: as trained;
- ``unseen``: without the fold's substances in the training data;
- ``unlisted``: in addition, the fold's substances are on no list either, so that only structure and composition speak.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from unittest.mock import patch
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.machine import describe
from features.groups.substance import resolved
from features.reference import Group, benign_chemicals, substances
from features.space import FeatureSpace
from features.substances import WATCHED, Match, SubstanceIndex
from models.calibration import combine
from models.settings import DEFAULT_BASE_RATES
from training.boosting import BoostingParams, Examples, fit_heads, keep_for_prevalence, refit_heads
from training.dataset import simulated
from training.metrics import SHARES, Ranking
from training.stream import Part, Stream, part_of, plan, replayed
from training.windows import Window, Windows

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
FOLDS = 3
MODELS = ("exact names", "all features", "unseen", "unlisted")


class ExactOnly:
    """An index that knows a substance only by exact name or registry number."""

    def __init__(self, index: SubstanceIndex) -> None:
        self._index = index

    def resolve(self, text: str, *, chemical: bool = False) -> Match | None:
        """See `SubstanceIndex.resolve`."""
        match = self._index.resolve(text, chemical=chemical)
        return match if match is not None and match.kind in ("exact", "identifier", "mention") else None

    def resolve_cas(self, cas: str) -> Match | None:
        """See `SubstanceIndex.resolve_cas`."""
        return self._index.resolve_cas(cas)


@dataclass(frozen=True, slots=True)
class Trial:
    """Test-window scores (n_shipments,) of one model."""

    model: str
    fold: int
    score: Floats


def fold_of(substance: str) -> int:
    """Which fold a substance is in, by its name alone."""
    return crc32(substance.encode()) % FOLDS


def named_fold(stream: Stream, window: Window) -> NDArray[np.int64]:
    """(n_shipments,) fold of the watched substance that a shipment of the window names, -1 for none."""
    table = stream.table(window)
    folds = np.full(table.n_shipments, -1, dtype=np.int64)
    for row, match in enumerate(resolved(table)):
        if match is not None and match.group in WATCHED:
            folds[table.shipment[row]] = fold_of(match.substance)
    return folds


def examples(part: Part, left_out: Bools, seed: int) -> Examples:
    """Rows to learn from, clean shipments sampled as in training."""
    outcome = part.outcome
    keep, _ = keep_for_prevalence(outcome.any, outcome.weight, seed=seed)
    return part.examples(keep & ~left_out)


def scores(
    stream: Stream,
    windows: Windows,
    index: SubstanceIndex | ExactOnly,
    left_out: Callable[[Window], Bools],
    *,
    seed: int,
    threads: int,
) -> Floats:
    """(n_shipments,) risk of the test window's shipments, as log-odds before calibration."""
    assert windows.test is not None
    heads = stream.data.labels.heads
    params = BoostingParams()
    with patch.object(SubstanceIndex, "load", staticmethod(lambda: index)):
        space = FeatureSpace().fit(stream.table(windows.fit))
        fit, stop = (part_of(stream, window, space) for window in (windows.fit, windows.stop))
        first = fit_heads(
            heads,
            examples(fit, left_out(windows.fit), seed),
            examples(stop, left_out(windows.stop), seed + 1),
            space.names,
            space.monotone,
            params,
            seed=seed,
            threads=threads,
        )
        space = FeatureSpace().fit(stream.table(windows.refit))
        refit = examples(part_of(stream, windows.refit, space), left_out(windows.refit), seed)
        final = refit_heads(heads, refit, first, space.names, space.monotone, params, seed=seed, threads=threads)
        test = part_of(stream, windows.test, space)
    raw = [final[head].booster.predict(test.matrix, raw_score=True, num_threads=threads) for head in heads]
    return np.maximum.reduceat(combine(np.stack(raw, axis=1)), test.first_row)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=400_000)
    parser.add_argument("--seed", type=int, default=20261101)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    console = Console(highlight=False)
    console.print(describe(), style="dim")
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("world", total=2 + 2 * FOLDS)
        data = simulated(options.rows, options.seed)
        windows = plan(data, with_test=True, seed=options.seed)
        assert windows.test is not None
        stream, _ = replayed(data)
        folds = {id(w): named_fold(stream, w) for w in (*windows.each(), windows.refit)}
        full = SubstanceIndex.load()

        def run(model: str, fold: int) -> Trial:
            progress.update(task, description=f"{model}, fold {fold + 1}")
            index: SubstanceIndex | ExactOnly = full
            if model == "exact names":
                index = ExactOnly(full)
            elif model == "unlisted":
                index = SubstanceIndex(
                    tuple(
                        row
                        for row in substances()
                        if row.group.value not in WATCHED
                        or row.group is Group.OTHER_CONTROLLED
                        or fold_of(row.name) != fold
                    ),
                    benign_chemicals(),
                )
            held = model in ("unseen", "unlisted")
            score = scores(
                stream,
                windows,
                index,
                lambda window: folds[id(window)] == fold if held else folds[id(window)] < -1,
                seed=options.seed,
                threads=options.threads,
            )
            progress.advance(task)
            return Trial(model, fold, score)

        trials = [run("exact names", 0), run("all features", 0)]
        trials += [run(model, fold) for model in ("unseen", "unlisted") for fold in range(FOLDS)]
    truth = data.truth_of_shipment()
    assert truth is not None
    report(console, trials, truth[windows.test.shipments].any(axis=1), folds[id(windows.test)])


def report(console: Console, trials: list[Trial], find: Bools, fold: NDArray[np.int64]) -> None:
    """Recall of finds that name a watched substance, and of all finds, at shares of traffic inspected."""
    rate = sum(DEFAULT_BASE_RATES.values())
    table = Table(title="Recall on the test window (truth), by share of traffic inspected", title_justify="left")
    table.add_column("model")
    table.add_column("finds")
    table.add_column("n", justify="right")
    for share in SHARES:
        table.add_column(f"{share:.1%}", justify="right")
    for model in MODELS:
        own = [trial for trial in trials if trial.model == model]
        for what in ("naming a substance of the fold", "all"):
            found: list[list[float]] = []
            counts: list[int] = []
            for number in range(FOLDS):
                trial = own[min(number, len(own) - 1)]
                chosen = find & ((fold == number) if what != "all" else True)
                if not chosen.any():
                    continue
                kept = chosen | ~find
                curve = Ranking(trial.score[kept], chosen[kept]).curve()
                found.append([curve.at_share(share, rate)[0] for share in SHARES])
                counts.append(int(chosen.sum()))
            pooled = np.average(np.array(found), axis=0, weights=counts)
            n = sum(counts) if what != "all" else counts[0]
            table.add_row(model, what, str(n), *(f"{value:.3f}" for value in pooled))
    console.print(table)


if __name__ == "__main__":
    main()
