"""Precision, recall and lift if an office inspects a given share of a file, and the best values that a model could reach.

Unlike `training.evaluation.metrics`, these figures count each row of a file once, without weights and base rates. Goods items and
shipments have separate figures, each also for declarations that occur in the training data and for new ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from features.groups.own.keys import OwnFields, declaration_hashes
from features.manifest.fields import MANIFEST_NAMES
from features.table.table import ManifestTable
from training.arrays import Bools, Floats, Ints
from training.data.dataset import Dataset
from training.data.labels import KnownLabels
from training.data.windows import Window
from training.evaluation.metrics import MIN_FINDS, Ranking
from training.fitting.examples import any_head


def repeated(data: Dataset, learned: Window, table: ManifestTable) -> Bools:
    """Return whether each row (n,) of a table repeats a declaration of the window ``learned``.

    A model can memorise the results of such rows, so reports give their figures separately.
    """
    own = data.own
    if own is None:
        own = OwnFields((), tuple(name for name in MANIFEST_NAMES if name in data.table.raw))
    in_window, in_table = declaration_hashes(data.window_table(learned), own), declaration_hashes(table, own)
    return np.asarray((in_table != 0) & np.isin(in_table, in_window))


#: Shares of the file that an office may be able to inspect.
CAPACITIES: Final = (0.001, 0.01, 0.05, 0.1)
#: Names of the subsets of rows.
ALL, SEEN, NEW = "all", "seen before", "never seen"


def capacity_figures(score: Floats, find: Bools) -> dict[str, Any]:
    """Return the counts of rows and finds, the areas under the curves and the figures per capacity, as JSON values.

    Rows with equal scores count as randomly ordered. With fewer than `MIN_FINDS` finds, or without a clean row, the result contains
    a reason instead of figures.

    Args:
        score: (n,) score of each row.
        find: (n,) whether each row is a find.
    """
    n, finds = len(find), int(find.sum())
    out: dict[str, Any] = {"rows": n, "finds": finds, "prevalence": finds / n if n else None}
    if finds < MIN_FINDS or finds == n:
        lacking = f"{finds} finds" if finds < MIN_FINDS else "no clean row"
        return out | {"reason": f"{lacking} among {n:,} rows; at least {MIN_FINDS} finds and a clean row are needed"}
    curve = Ranking(score, find).curve()
    taken = curve.finds + curve.clean
    at: dict[str, Any] = {}
    for share in CAPACITIES:
        rows = max(1.0, round(share * n))
        finds_taken = float(np.interp(rows, taken, curve.finds))
        at[f"{share:g}"] = {
            "rows": int(rows),
            "precision": finds_taken / rows,
            "recall": finds_taken / finds,
            "lift": finds_taken / rows / (finds / n),
            "best_precision": min(1.0, finds / rows),
            "best_recall": min(1.0, rows / finds),
        }
    return out | {"roc_auc": curve.roc_auc(), "pr_auc": curve.pr_auc(), "at_capacity": at}


def by_declaration(score: Floats, find: Bools, seen: Bools) -> dict[str, Any]:
    """Return `capacity_figures` of all rows (n,), of rows whose declaration was seen in training (``seen``), and of the others."""
    subsets: Mapping[str, Bools] = {ALL: np.ones(len(find), dtype=np.bool_), SEEN: seen, NEW: ~seen}
    return {name: capacity_figures(score[rows], find[rows]) for name, rows in subsets.items()}


def lines_and_shipments(score: Floats, labels: KnownLabels, seen: Bools, first_row: Ints) -> dict[str, Any]:
    """Return `by_declaration` of the goods items (n,), and of the shipments that begin at the rows ``first_row``.

    A shipment has the largest score of its items. It is a find if any item is a find, and new if any item is new. Shipments of
    the weight 0, which have other contraband, are left out.
    """
    find = any_head(labels.find)
    counts = labels.weight > 0.0
    lines = np.repeat(counts, np.diff(first_row, append=len(score)))
    return {
        "lines": by_declaration(score[lines], find[lines], seen[lines]),
        "shipments": by_declaration(
            np.maximum.reduceat(score, first_row)[counts],
            np.logical_or.reduceat(find, first_row)[counts],
            np.logical_and.reduceat(seen, first_row)[counts],
        ),
    }
