"""Contribution of the substance features, also for substances that are missing in the training data or on the lists.

Simulated traffic is split in time as in training. Every watched substance belongs to one of three folds. For each
fold, a model learns from data without any shipment that names one of its substances. It is evaluated on the later
shipments that name one. Four models are compared on the same rows:

- ``exact names``: the index recognises substances only by exact name and CAS number;
- ``all features``: as trained;
- ``unseen``: without the fold's substances in the training data;
- ``unlisted``: also without the fold's substances on any list, so that only structure and composition count.
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
from features.reference import benign_chemicals, substances
from features.reference.unii import unii_names
from features.space import FeatureSpace
from features.substances import WATCHED, Match, Substances
from features.substances.rows import resolve
from models.calibration import combine
from models.scoring import DEFAULT_BASE_RATES
from training.data.dataset import Dataset
from training.data.planning import plan
from training.data.sources import simulated
from training.data.window_features import FeatureSource, WindowFeatures, replay_history
from training.data.windows import Window, Windows
from training.evaluation.metrics import SHARES, Ranking
from training.fitting.boosting import fit_heads, refit_heads
from training.fitting.examples import Examples, examples_of, keep_for_prevalence
from training.fitting.params import BoosterSpec, BoostingParams

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
FOLDS = 3
MODELS = ("exact names", "all features", "unseen", "unlisted")


class ExactOnly:
    """An index that recognises a substance only by exact name or registry number."""

    def __init__(self, index: Substances) -> None:
        self._index = index

    def match(self, text: str, *, chemical: bool = False) -> Match | None:
        """See `Substances.match`."""
        match = self._index.match(text, chemical=chemical)
        return match if match is not None and match.kind in ("exact", "identifier", "mention") else None

    def match_cas(self, cas: str) -> Match | None:
        """See `Substances.match_cas`."""
        return self._index.match_cas(cas)


@dataclass(frozen=True, slots=True)
class Trial:
    """Test-window scores (n_shipments,) of one model."""

    model: str
    fold: int
    score: Floats


def fold_of(substance: str) -> int:
    """Return the fold of a substance, derived from its name."""
    return crc32(substance.encode()) % FOLDS


def named_fold(data: Dataset, window: Window) -> NDArray[np.int64]:
    """Return the fold of the watched substance that a shipment of the window names, -1 for none, shape (n_shipments,)."""
    table = data.window_table(window)
    folds = np.full(table.n_shipments, -1, dtype=np.int64)
    for row, match in enumerate(resolve(table)):
        if match is not None and match.group in WATCHED:
            folds[table.shipment[row]] = fold_of(match.substance)
    return folds


def examples(part: WindowFeatures, left_out: Bools, seed: int) -> Examples:
    """Return training rows without the shipments ``left_out``, with clean shipments sampled as in training."""
    outcome = part.outcome
    keep, _ = keep_for_prevalence(outcome.any, outcome.weight, seed=seed)
    return examples_of(part, keep & ~left_out)


def without(fold: int) -> Substances:
    """Return an index without the names and structures of a fold's watched substances."""
    rows = [row for row in substances() if row.group.value not in WATCHED or fold_of(row.name) != fold]
    return Substances(rows, benign_chemicals(), [name for name in unii_names() if name.kind != "class"])


@dataclass(frozen=True, slots=True)
class Parts:
    """The windows' features for one index, with the names and monotone constraints of the features."""

    fit: WindowFeatures
    stop: WindowFeatures
    refit: WindowFeatures
    test: WindowFeatures
    space: FeatureSpace


def parts(source: FeatureSource, windows: Windows, index: Substances | ExactOnly) -> Parts:
    """Return the features of all windows, computed with ``index`` in place of the bundled index."""
    assert windows.test is not None
    with patch.object(Substances, "load", staticmethod(lambda: index)):
        space = FeatureSpace().fit(source.data.window_table(windows.fit))
        fit, stop = (source.transform(window, space, windows.fit) for window in (windows.fit, windows.stop))
        space = FeatureSpace().fit(source.data.window_table(windows.refit))
        refit, test = (source.transform(window, space, windows.refit) for window in (windows.refit, windows.test))
    return Parts(fit, stop, refit, test, space)


def scores(seen: Parts, heads: tuple[str, ...], left_out: Callable[[str], Bools], *, seed: int, threads: int) -> Floats:
    """Return the risk of the test window's shipments (n_shipments,), as log-odds before calibration.

    ``left_out`` returns, for a window's name, the shipments to exclude from learning.
    """
    spec = BoosterSpec(heads, seen.space.names, seen.space.monotone, BoostingParams(), seed, threads)
    fit, stop = examples(seen.fit, left_out("fit"), seed), examples(seen.stop, left_out("stop"), seed + 1)
    first = fit_heads(spec, fit, stop)
    refit = examples(seen.refit, left_out("refit"), seed)
    final = refit_heads(spec, refit, first)
    raw = [
        np.asarray(final[head].booster.predict(seen.test.matrix, raw_score=True, num_threads=threads), dtype=np.float64)
        for head in heads
    ]
    return np.maximum.reduceat(combine(np.stack(raw, axis=1)), seen.test.first_row)


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
        source = FeatureSource(data, replay_history(data)[0])
        planned = {"fit": windows.fit, "stop": windows.stop, "refit": windows.refit, "test": windows.test}
        folds = {name: named_fold(data, window) for name, window in planned.items()}
        full = Substances.load()

        def run(model: str, seen: Parts, fold: int) -> Trial:
            progress.update(task, description=f"{model}, fold {fold + 1}")
            left_out = fold if model in ("unseen", "unlisted") else -2
            score = scores(
                seen,
                data.labels.heads,
                lambda window: folds[window] == left_out,
                seed=options.seed,
                threads=options.threads,
            )
            progress.advance(task)
            return Trial(model, fold, score)

        trials = [run("exact names", parts(source, windows, ExactOnly(full)), 0)]
        seen = parts(source, windows, full)
        trials += [run("all features", seen, 0), *(run("unseen", seen, fold) for fold in range(FOLDS))]
        for fold in range(FOLDS):
            trials.append(run("unlisted", parts(source, windows, without(fold)), fold))
    truth = data.truth_of_shipment()
    assert truth is not None
    report(console, trials, np.asarray(truth[windows.test.shipments].any(axis=1)), folds["test"])


def report(console: Console, trials: list[Trial], find: Bools, fold: NDArray[np.int64]) -> None:
    """Print the recall of finds that name a watched substance, and of all finds, by share of traffic inspected."""
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
            recalls: list[list[float]] = []
            counts: list[int] = []
            for number in range(FOLDS):
                trial = own[min(number, len(own) - 1)]
                chosen = find & ((fold == number) if what != "all" else True)
                if not chosen.any():
                    continue
                ranked = chosen | ~find
                curve = Ranking(trial.score[ranked], chosen[ranked]).curve()
                recalls.append([curve.at_share(share, rate)[0] for share in SHARES])
                counts.append(int(chosen.sum()))
            pooled = np.average(np.array(recalls), axis=0, weights=counts)
            n = sum(counts) if what != "all" else counts[0]
            table.add_row(model, what, str(n), *(f"{value:.3f}" for value in pooled))
    console.print(table)


if __name__ == "__main__":
    main()
