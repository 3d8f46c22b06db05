"""Plots of each left-out world: precision against recall, and recall against the share inspected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np
from sklearn.metrics import precision_recall_curve

from training.authors.figures import ranked
from training.authors.world_data import Bools, Floats
from training.reports.plots_metrics import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Shares inspected, on a logarithmic axis.
_SHARES: Final = np.geomspace(1e-3, 1.0, 90)


def recall_at(score: Floats, illicit: Bools, shares: Floats) -> Floats:
    """Return the share of finds (k,) inside each of the top ``shares`` (k,) of scores (s,)."""
    finds = np.concatenate([[0], np.cumsum(illicit[ranked(score)])])
    inspected = np.round(shares * len(score)).astype(np.int64)
    return np.asarray(finds[inspected] / max(1, illicit.sum()), dtype=np.float64)


def curves_of(name: str, scores: Mapping[str, Floats], illicit: Bools) -> Figure:
    """Draw the two curves of each kind of score (s,) in one world."""
    figure, (left, right) = new_figure(11, 4.5, 2)
    for kind, score in scores.items():
        precision, recall, _ = precision_recall_curve(illicit, score)
        left.plot(recall, precision, label=kind)
        right.plot(_SHARES, recall_at(score, illicit, _SHARES), label=kind)
    left.set(xlabel="recall", ylabel="precision", title=f"{name}, left out", xlim=(0, 1), ylim=(0, 1))
    right.set(xlabel="share inspected", ylabel="recall", xscale="log", xlim=(_SHARES[0], 1), ylim=(0, 1))
    right.axvline(0.01, color="grey", linewidth=0.8, linestyle=":")
    right.legend()
    return figure
