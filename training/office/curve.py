"""The learning curve: ``python -m training.office.curve --folder DIR --page docs/learning.md``.

Each open world plays an office with more and more finds (`training.office.playing`). Recall is that of the later shipments if 1 %
of them are opened, for the adapted champion and the model after learning, on the same draws. The folder keeps all scores, so that a
run continues where it ended.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import lightgbm as lgb
import numpy as np

from training.arrays import Floats
from training.authors.comparison import INTERVAL, Resamples, recalls
from training.authors.learning import ResidualParams
from training.authors.leaving_out import Authors
from training.authors.lessons_file import StoredLessons, read_lessons
from training.authors.views import SEALED
from training.fitting.residual import shrinkage
from training.office.joint import PARAMS, JointParams
from training.office.playing import LESSONS, Drawn, Office, Scored, Worlds
from training.worlds.writer import author_names

#: Numbers of own finds.
SIZES: Final = (5, 20, 50, 200, 1000)
#: Share of wrong results in the second curve.
WRONG: Final = 0.01
#: Fits that are compared: the joint fit, the joint fit with wrong results, and trees of own rows alone.
LEARNED, WITH_WRONG, ALONE = "learned", "wrong", "alone"
#: Number of trees of own rows alone.
_ALONE_TREES: Final = 150


@dataclass(frozen=True)
class Player:
    """A world that plays an office. Its lessons, its champion and its shipments are made when they are first used."""

    folder: Path
    name: str
    weights: JointParams = PARAMS
    threads: int = 1

    @cached_property
    def worlds(self) -> Worlds:
        return Worlds.of(read_lessons(self.folder / "lessons"), ResidualParams(threads=self.threads))

    @cached_property
    def lessons(self) -> StoredLessons:
        return self.worlds.others(self.name).sampled(LESSONS)

    @cached_property
    def champion(self) -> lgb.Booster:
        path = self.folder / f"{self.name}-champion.txt"
        if not path.is_file():
            self.worlds.teacher(self.worlds.others(self.name)).learned(None).save_model(path)
        return lgb.Booster(model_file=path)

    @cached_property
    def office(self) -> Office:
        return Office.of(self.name)

    def scored(self, kind: str, finds: int, seed: int) -> Scored:
        """Return the scores of a draw, read from the folder if they are there."""
        of = "" if kind == ALONE else f"-{self.weights.find:g}-{self.weights.presumed:g}"
        path = self.folder / f"{self.name}-{finds}-{seed}-{kind}{of}.npz"
        if not path.is_file():
            drawn = self.office.draw(finds, seed, WRONG if kind == WITH_WRONG else 0.0)
            drawn.scored(self.worlds, self.champion, self._fit(kind, drawn) if finds else self.champion).save(path)
        return Scored.read(path)

    def _fit(self, kind: str, drawn: Drawn) -> lgb.Booster:
        teacher, params, own = self.worlds.teacher(self.lessons), self.worlds.params, drawn.own(self.worlds)
        if kind != ALONE:
            return teacher.learned(own, self.weights)
        few = ResidualParams(common_trees=_ALONE_TREES, num_leaves=15, min_data_in_leaf=20, threads=params.threads)
        return teacher.fit(own.lessons(self.lessons, params.slope, self.weights), few)

    def recalls(self, kind: str, finds: int, draws: int) -> tuple[Floats, Floats]:
        """Return the recall of the adapted champion and that after learning, of the world and of its resamples, over the draws."""
        both: list[tuple[Floats, Floats]] = []
        for seed in range(draws):
            scored, params = self.scored(kind, finds, seed), ResidualParams()
            # Trees of own rows alone have a shrinkage of their own instead of the champion's.
            alone = shrinkage(int(scored.finds[0])) / params.shrinkage * scored.learned
            trees = alone if kind == ALONE else scored.blended(self.weights)
            resamples = Resamples.from_groups(scored.consignor)
            champion, learned = (
                recalls(scored.risk(one, params), scored.illicit, resamples) for one in (scored.champion, trees)
            )
            both.append((champion, learned))
        return np.mean([one for one, _ in both], axis=0), np.mean([one for _, one in both], axis=0)


@dataclass(frozen=True)
class Curve:
    """Recalls of a world per number of finds: of the adapted champion, and per kind of fit."""

    name: str
    finds: list[int]
    champion: list[Floats]
    learned: dict[str, list[Floats]]


def curve_of(player: Player, draws: dict[str, int]) -> Curve:
    """Return the curve of a world. ``draws`` is the number of draws per kind of fit."""
    curve = Curve(player.name, [0, *SIZES], [player.recalls(LEARNED, 0, 1)[0]], {kind: [] for kind in draws})
    for finds in SIZES:
        for kind, count in draws.items():
            champion, learned = player.recalls(kind, finds, count)
            curve.learned[kind].append(learned)
            if kind == LEARNED:
                curve.champion.append(champion)
    return curve


def mean_of(curves: Sequence[Curve]) -> Curve:
    """Return the mean of the worlds."""
    first = curves[0]
    champion = [np.mean(of_size, axis=0) for of_size in zip(*(one.champion for one in curves), strict=True)]
    learned = {
        kind: [np.mean(of_size, axis=0) for of_size in zip(*(one.learned[kind] for one in curves), strict=True)]
        for kind in first.learned
    }
    return Curve("mean", first.finds, champion, learned)


_NAMES: Final = {LEARNED: "after learning", WITH_WRONG: f"with {WRONG:.0%} wrong results", ALONE: "own rows alone"}


def table_of_finds(curve: Curve) -> Iterator[str]:
    """Yield the lines of a table with a row per number of finds."""
    kinds = [*curve.learned]
    yield f"| finds | adapted champion | {' | '.join(_NAMES[kind] for kind in kinds)} | gain by learning |"
    yield f"|---:|---:|{'---:|' * len(kinds)}---|"
    yield f"| 0 | {_short(curve.champion[0])} |{' |' * len(kinds)} |"
    for at, finds in enumerate(curve.finds[1:]):
        cells = [_short(curve.learned[kind][at]) for kind in kinds]
        yield f"| {finds:,} | {_short(curve.champion[at + 1])} | {' | '.join(cells)} | {_gain(curve, at)} |"


def table_of_worlds(curves: Sequence[Curve]) -> Iterator[str]:
    """Yield the lines of a table with a row per world: recall of the champion without finds, then the gains by learning."""
    sizes = curves[0].finds[1:]
    yield f"| world | without finds | {' | '.join(f'{finds:,} finds' for finds in sizes)} |"
    yield f"|---|---:|{'---:|' * len(sizes)}"
    for curve in curves:
        gains = (_gain(curve, at).partition(" ")[0] for at in range(len(sizes)))
        yield f"| {curve.name} | {_short(curve.champion[0])} | {' | '.join(gains)} |"


def _gain(curve: Curve, at: int) -> str:
    """Return the difference between learning and the adapted champion, with half of its 90 % interval."""
    gain = curve.learned[LEARNED][at] - curve.champion[at + 1]
    low, high = np.percentile(gain[1:], INTERVAL)
    return f"{gain[0]:+.3f} ± {(high - low) / 2:.3f}".replace("0.", ".")


def _short(recall: Floats) -> str:
    return f"{recall[0]:.3f}".removeprefix("0")


def page(curves: Sequence[Curve]) -> str:
    """Return the tables of docs/learning.md: the mean of the worlds, then the worlds."""
    return "\n".join([*table_of_finds(mean_of(curves)), "", *table_of_worlds(curves), ""])


def main() -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.office.curve", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--folder", type=Path, required=True, help="folder of lessons and scores, made by the first run"
    )
    parser.add_argument(
        "--page", type=Path, help="also write the tables below the line `<!-- figures -->` of this page"
    )
    parser.add_argument("--draws", type=int, default=2, help="number of draws of finds")
    parser.add_argument("--processes", type=int, default=2, help="number of worlds at a time, with one thread each")
    options = parser.parse_args()
    names = [name for name in author_names() if name not in SEALED]
    lessons: Path = options.folder / "lessons"
    if not lessons.is_dir():
        StoredLessons.of(Authors.load(names)).save(lessons)
    players = [Player(options.folder, name) for name in names]
    draws = {LEARNED: options.draws, WITH_WRONG: 1, ALONE: 1}
    with ProcessPoolExecutor(options.processes) as pool:
        curves = [*pool.map(curve_of, players, [draws] * len(players))]
    if options.page is not None:
        above, line, _ = options.page.read_text(encoding="utf-8").partition("<!-- figures -->\n")
        options.page.write_text(f"{above}{line}\n{page(curves)}", encoding="utf-8")
    sys.stdout.write(page(curves))
    return 0


if __name__ == "__main__":
    sys.exit(main())
