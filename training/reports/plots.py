"""Plots of a training run: recall and precision by inspected share, reliability, feature importance and confusion."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from models.scoring import RISK
from training.data.outcome import Outcome
from training.evaluation.evaluation import Scored
from training.evaluation.metrics import MIN_FINDS, SHARES, Curve, Ranking
from training.reports.plots_metrics import metric_figures, new_figure
from training.reports.words import labels_text, name_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

_TOP_FEATURES: Final = 30
#: The red lane, red and yellow together, and an office with twice that capacity.
_CAPACITIES: Final = (0.005, 0.025, 0.05)


def run_figures(
    scored: Scored,
    outcomes: Mapping[str, Outcome],
    metrics: Mapping[str, Any],
    gain: Mapping[str, float],
    groups: Mapping[str, str],
) -> dict[str, Figure]:
    """Return the plots by name, without those for which the window has too few finds.

    ``gain`` maps each feature to its share of the gain, and ``groups`` to its group.
    """
    figures = {"feature_importance": importance(gain, groups)}
    for kind, outcome in outcomes.items():
        if outcome.any.sum() < MIN_FINDS or outcome.any.all():
            continue
        figures[f"inspected_share_{kind}"] = inspected_share(scored, outcome, kind)
        figures[f"reliability_{kind}"] = reliability_plot(metrics["labels"][kind], kind)
        figures[f"confusion_at_capacity_{kind}"] = confusion(scored, outcome, kind)
    return figures | metric_figures(metrics)


def write_png(figures: Mapping[str, Figure], folder: Path) -> list[Path]:
    """Write each figure as ``<name>.png`` and return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, figure in figures.items():
        paths.append(folder / f"{name}.png")
        # Omit the software version, so that the same run gives the same bytes.
        figure.savefig(paths[-1], dpi=110, metadata={"Software": None})
    return paths


def svg_uri(figure: Figure, name: str) -> str:
    """Return a figure as a ``data:`` URI. Equal figures with equal names give equal text."""
    import matplotlib as mpl

    stream = io.StringIO()
    # Draw letters as outlines, so that the page does not depend on installed fonts.
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "path"}):
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return "data:image/svg+xml;base64," + base64.b64encode(stream.getvalue().encode()).decode()


def _scores(scored: Scored, outcome: Outcome) -> list[tuple[str, Floats, NDArray[np.bool_]]]:
    named = [(RISK, scored.risk, outcome.any)]
    if scored.heads != (RISK,):
        named += [(head, scored.of_head[:, k], outcome.find[:, k]) for k, head in enumerate(scored.heads)]
    return [(name, score, find) for name, score, find in named if find.sum() >= MIN_FINDS]


def inspected_share(scored: Scored, outcome: Outcome, kind: str) -> Figure:
    """Plot recall and precision against the inspected share of base-rate traffic, on a logarithmic axis."""
    figure, (left, right) = new_figure(11, 4.5, 2)
    shares = np.geomspace(1e-4, 1.0, 120)
    total = sum(scored.base_rates.values())
    for name, score, find in _scores(scored, outcome):
        rate = total if name == RISK else scored.base_rates[name]
        curve: Curve = Ranking(score, find, outcome.weight).curve()
        recall, precision, _ = zip(*(curve.at_share(float(share), rate) for share in shares), strict=True)
        left.plot(shares, recall, label=f"{name_text(name)} ({int(find.sum())} finds)")
        right.plot(shares, precision, label=f"{name_text(name)}, base rate {rate:.2g}")
    left.plot(shares, shares, color="grey", linestyle=":", label="at random")
    for axis in (left, right):
        axis.set_xscale("log")
        axis.set_xlabel("share of traffic inspected")
        axis.grid(alpha=0.3)
        for share in SHARES:
            axis.axvline(share, color="grey", linewidth=0.5)
        axis.legend(fontsize=8)
    left.set_ylabel("recall")
    right.set_ylabel("precision at the base rate")
    right.set_yscale("log")
    figure.suptitle(f"Recall and precision against inspected share (against {labels_text(kind)})")
    return figure


def reliability_plot(figures: Mapping[str, Any], kind: str) -> Figure:
    """Plot observed against predicted log-odds, with the number of finds of each bin."""
    figure, (axis,) = new_figure(5.5, 5)
    ends: list[float] = []
    for name, one in figures.items():
        bins: Sequence[Mapping[str, float]] = one["reliability"]
        if not bins:
            continue
        x = [b["predicted_log_odds"] for b in bins]
        y = [b["observed_log_odds"] for b in bins]
        axis.plot(x, y, marker="o", markersize=4, label=f"{name_text(name)} ({one['finds']} finds)")
        ends += [*x, *y]
    if ends:
        span = [min(ends), max(ends)]
        axis.plot(span, span, color="grey", linestyle=":", label="perfect")
    axis.set_xlabel("predicted log-odds")
    axis.set_ylabel("observed log-odds")
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
    figure.suptitle(f"Reliability at the base rate (against {labels_text(kind)})")
    return figure


def importance(gain: Mapping[str, float], groups: Mapping[str, str]) -> Figure:
    """Plot the share of gain by feature group, and of the thirty most important features."""
    figure, (left, right) = new_figure(12, 7, 2)
    by_group: dict[str, float] = {}
    for name, share in gain.items():
        by_group[groups[name]] = by_group.get(groups[name], 0.0) + share
    ordered = sorted(by_group.items(), key=lambda pair: pair[1])
    left.barh([name for name, _ in ordered], [share for _, share in ordered])
    left.set_xlabel("share of gain, equal weight per head")
    top = sorted(gain.items(), key=lambda pair: pair[1])[-_TOP_FEATURES:]
    right.barh([name for name, _ in top], [share for _, share in top])
    right.tick_params(axis="y", labelsize=7)
    right.set_xlabel("share of gain, equal weight per head")
    figure.suptitle("Feature importance")
    return figure


def confusion(scored: Scored, outcome: Outcome, kind: str) -> Figure:
    """Plot the shares of finds and of clean shipments above and below each capacity."""
    figure, axes = new_figure(11, 3.8, len(_CAPACITIES))
    is_find = outcome.any
    for axis, capacity in zip(axes, _CAPACITIES, strict=True):
        threshold = np.quantile(scored.risk[~is_find], 1.0 - capacity)
        inspected = scored.risk > threshold
        cells = np.array(
            [
                [np.sum(is_find & inspected), np.sum(is_find & ~inspected)],
                [np.sum(~is_find & inspected), np.sum(~is_find & ~inspected)],
            ]
        )
        shares = cells / np.maximum(cells.sum(axis=1, keepdims=True), 1)
        axis.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
        for i in range(2):
            for j in range(2):
                colour = "white" if shares[i, j] > 0.5 else "black"
                axis.text(j, i, f"{cells[i, j]:,}\n{shares[i, j]:.2%}", ha="center", va="center", color=colour)
        axis.set_xticks([0, 1], ["inspected", "not inspected"])
        axis.set_yticks([0, 1], ["find", "clean"])
        axis.set_title(f"capacity {capacity:.1%}")
    figure.suptitle(f"Confusion at capacity (against {labels_text(kind)})")
    return figure
