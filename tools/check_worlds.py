"""Check the worlds by other authors at full size: ``python -m tools.check_worlds [NAME ...]``.

A world must leave room between an officer's points system and what its author could find at best, and no raw field may give the
finds away.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from training.authors.figures import best_of_author, figures
from training.authors.views import AuthorViews
from training.authors.world_data import SHIPMENTS, load_author
from training.worlds.files import author_names, build_world
from training.worlds.writer import World

#: Weight of the overall rate in the rate of a value, in rows.
_SHRINK = 20


def main() -> int:
    """Check the named worlds, by default all; return the exit status."""
    faults = 0
    for name in sys.argv[1:] or author_names():
        start = time.perf_counter()
        world = build_world(name, SHIPMENTS, 1)
        seconds = time.perf_counter() - start
        data = load_author(name)
        views = AuthorViews.of(data)
        best = figures(best_of_author(views, 2), views.illicit, views.hard)
        points = figures(data.points[data.scored], views.illicit, views.hard)
        area, field = most_telling_field(world)
        checks = {
            "built in under a minute": seconds < 60,
            "prevalence .4 to .9 %": 0.004 <= views.illicit.mean() <= 0.009,
            "at least 200 finds": views.illicit.sum() >= 200,
            "at least 500 hard negatives": views.hard.sum() >= 500,
            "best recall .55 to .90": 0.55 <= best["recall_0.01"] <= 0.90,
            "points .15 below": points["recall_0.01"] <= best["recall_0.01"] - 0.15,
            "no raw field at .75": area < 0.75,
        }
        print(
            f"{name}: {seconds:.0f} s, {views.illicit.sum()} finds ({views.illicit.mean():.2%}), {views.hard.sum()} hard; "
            f"recall at 1 % best {best['recall_0.01']:.3f}, points {points['recall_0.01']:.3f}; {field} {area:.3f}"
        )
        for check, holds in checks.items():
            if not holds:
                faults += 1
                print(f"  does not hold: {check}")
    return 1 if faults else 0


def most_telling_field(world: World) -> tuple[float, str]:
    """Return the largest ROC-AUC of a raw field, and its name. Rates of values are fitted on one half and measured on the other."""
    truth = world.truth.set_index("shipment_id")
    rows = world.items[~world.items["shipment_id"].map(truth["warmup"]).to_numpy(bool)]
    illicit = (rows["shipment_id"].map(truth["content"]) != "none").to_numpy()
    half = pd.util.hash_array(rows["shipment_id"].to_numpy(dtype=object), categorize=False) % 2 == 0
    found = []
    for column in rows.columns.drop("shipment_id"):
        text = rows[column].fillna("").astype(str)
        of_value = (
            pd.DataFrame({"value": text[half], "illicit": illicit[half]})
            .groupby("value")["illicit"]
            .agg(["sum", "count"])
        )
        rate = (of_value["sum"] + illicit.mean() * _SHRINK) / (of_value["count"] + _SHRINK)
        measures = {
            "value": text[~half].map(rate).fillna(illicit.mean()).to_numpy(float),
            "length": text[~half].str.len().to_numpy(float),
            "gap": (text[~half] == "").to_numpy(float),
        }
        for kind, measure in measures.items():
            if len(np.unique(measure)) > 1:
                area = float(roc_auc_score(illicit[~half], measure))
                found.append((max(area, 1.0 - area), f"{column} ({kind})"))
    return max(found)


if __name__ == "__main__":
    sys.exit(main())
