"""Check the worlds by other authors: ``python -m tools.check_worlds [NAME ...]``.

In a world, the author's best must find clearly more than an officer's points system, and no raw field alone may identify the finds.
Only the numbers of shipments, finds and hard negatives of sealed worlds are checked, because their other figures stay unseen.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from training.arrays import Bools, Floats
from training.authors.comparison import best_of_author, ranked
from training.authors.views import SEALED, SHIPMENTS, load_author
from training.worlds.writer import World, author_names, build_world

#: Weight of the overall rate in the rate of a value, in rows.
_SHRINK: Final = 20
_SHARE: Final = 0.01
PREVALENCE: Final = (0.004, 0.009)
BEST: Final = (0.55, 0.90)
BELOW_BEST: Final = 0.15
TELLING: Final = 0.75
#: Least numbers in a world of full size.
LEAST_FINDS: Final = 200
LEAST_HARD: Final = 500
LONGEST_S: Final = 60


@dataclass(frozen=True, slots=True)
class WorldFigures:
    """Figures of the scored shipments of one world, or of several worlds of one author with different seeds.

    Attributes:
        best, points: recall at 1 % of the author's best and of the points system; None for a sealed world or if not measured.
        area, field: the largest ROC-AUC of a raw field, and the field; None for a sealed world.
    """

    name: str
    shipments: int
    finds: int
    hard: int
    best: float | None = None
    points: float | None = None
    area: float | None = None
    field: str | None = None

    def faults(self, errors: float = 0.0) -> list[str]:
        """Return the checks that do not hold.

        Args:
            errors: tolerance in standard errors of a figure, because a small world has few finds.
        """
        tolerance = errors * 0.5 / max(1, self.finds) ** 0.5
        # Rates of values are measured on half of the finds.
        area_tolerance = tolerance * 2**0.5
        scale = self.shipments / SHIPMENTS
        checks = {
            "prevalence .4 to .9 %": PREVALENCE[0] <= self.finds / self.shipments <= PREVALENCE[1],
            "at least 200 finds per 40,000 shipments": self.finds >= LEAST_FINDS * scale * 0.95,
            "at least 500 hard negatives per 40,000 shipments": self.hard >= LEAST_HARD * scale * 0.95,
        }
        if self.best is not None:
            checks["best recall .55 to .90"] = BEST[0] - tolerance <= self.best <= BEST[1] + tolerance
        if self.points is not None:
            # If the author's best was not measured, use its upper bound.
            best = BEST[1] if self.best is None else self.best
            checks["points .15 below"] = self.points <= best - BELOW_BEST + tolerance
        if self.area is not None:
            checks["no raw field at .75"] = self.area < TELLING + area_tolerance
        return [check for check, holds in checks.items() if not holds]

    def __str__(self) -> str:
        counts = f"{self.name}: {self.finds} finds ({self.finds / self.shipments:.2%}), {self.hard} hard"
        if self.best is None or self.points is None:
            return counts
        return f"{counts}; recall at 1 % best {self.best:.3f}, points {self.points:.3f}; {self.field} {self.area:.3f}"


def main() -> int:
    """Check the named worlds at full size, by default all; return the exit status."""
    faults = 0
    for name in sys.argv[1:] or author_names():
        start = time.perf_counter()
        build_world(name, SHIPMENTS, 1)
        seconds = time.perf_counter() - start
        figures = measure(name, SHIPMENTS)
        print(f"{figures}; built in {seconds:.0f} s", flush=True)
        failed = figures.faults() + ([] if seconds < LONGEST_S else ["built in under a minute"])
        for check in failed:
            print(f"  does not hold: {check}", flush=True)
        faults += len(failed)
    return 1 if faults else 0


def measure(name: str, shipments: int, seeds: Sequence[int] = (1,), *, with_best: bool = True) -> WorldFigures:
    """Return the figures of a world with this number of shipments. Worlds of several seeds are counted together.

    Args:
        with_best: also train the author's best. A world of 3,000 shipments has about twenty finds, too few for this.
    """
    worlds = [load_author(name, shipments, seed) for seed in seeds]
    illicit = np.concatenate([data.illicit[data.scored] for data in worlds])
    hard = int(sum(data.hard[data.scored].sum() for data in worlds))
    if name in SEALED:
        return WorldFigures(name, len(illicit), int(illicit.sum()), hard)
    best = (
        float(np.mean([_recall(best_of_author(data, 1), data.illicit[data.scored]) for data in worlds]))
        if with_best
        else None
    )
    points = np.mean([_recall(data.points[data.scored], data.illicit[data.scored]) for data in worlds])
    area, field = most_telling_field([build_world(name, shipments, seed) for seed in seeds])
    return WorldFigures(name, len(illicit), int(illicit.sum()), hard, best, float(points), area, field)


def _recall(score: Floats, illicit: Bools) -> float:
    return float(illicit[ranked(score)[: round(_SHARE * len(score))]].sum() / illicit.sum())


def most_telling_field(worlds: Sequence[World]) -> tuple[float, str]:
    """Return the largest ROC-AUC of a raw field in worlds of one author, and its name.

    Rates of values are fitted on one half of the shipments and measured on the other.
    """
    parts = [_scored_rows(world) for world in worlds]
    rows = pd.concat([part for part, _ in parts], ignore_index=True)
    illicit = np.concatenate([truth for _, truth in parts])
    half = pd.util.hash_array(rows["shipment_id"].to_numpy(dtype=object), categorize=False) % 2 == 0
    areas = []
    for column in rows.columns.drop("shipment_id"):
        for kind, measured in _measures(rows[column].fillna("").astype(str), illicit, half):
            if len(np.unique(measured)) > 1:
                area = float(roc_auc_score(illicit[~half], measured))
                areas.append((max(area, 1.0 - area), f"{column} ({kind})"))
    return max(areas)


def _scored_rows(world: World) -> tuple[pd.DataFrame, Bools]:
    """Return the scored rows of a world, and whether each belongs to an illicit shipment."""
    truth = world.truth.set_index("shipment_id")
    rows = world.items[~world.items["shipment_id"].map(truth["warmup"]).to_numpy(bool)]
    return rows, (rows["shipment_id"].map(truth["content"]) != "none").to_numpy()


def _measures(text: pd.Series, illicit: Bools, half: Bools) -> Iterator[tuple[str, Floats]]:
    """Yield measures of the rows outside ``half``: the rate of illicit rows with this value, its length, whether it is missing."""
    of_value = (
        pd.DataFrame({"value": text[half], "illicit": illicit[half]}).groupby("value")["illicit"].agg(["sum", "count"])
    )
    rate = (of_value["sum"] + illicit.mean() * _SHRINK) / (of_value["count"] + _SHRINK)
    yield "value", text[~half].map(rate).fillna(illicit.mean()).to_numpy(float)
    yield "length", np.asarray(text[~half].str.len(), dtype=np.float64)
    yield "gap", np.asarray(text[~half] == "", dtype=np.float64)


if __name__ == "__main__":
    sys.exit(main())
