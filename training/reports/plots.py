"""Plots of a training run."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.scoring import RISK
from training.data.dataset import Outcome
from training.evaluation.evaluation import Scored, targets
from training.evaluation.metrics import MIN_FINDS, SHARES, Curve, Ranking
from training.reports.flat import labels_of, part
from training.reports.words import labels_text, name_text, slice_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: (name, value, low, high)
Row = tuple[str, float, float, float]

_QUOTED_SHARE: Final = "0.005"
_INK: Final = "#0b5394"
_SECOND_INK: Final = "#b45f06"
_GREY: Final = "#7a8694"
_ROW_HEIGHT: Final = 0.24
#: Maximum length of a row name in a plot, in characters. Tables contain the whole name.
_MAX_ROW_NAME: Final = 40


def new_figure(width: float, height: float, columns: int = 1) -> tuple[Figure, Any]:
    """Return a figure and its axes in a row. Pyplot is not used, because it has global state and needs a display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, columns, squeeze=False)[0]
    return figure, axes


def metric_figures(metrics: Mapping[str, Any]) -> dict[str, Figure]:
    """Return the plots by name, without those that lack metrics."""
    figures: dict[str, Figure] = {}
    for section in ("calibration", "calibration_tenth"):
        for kind in part(metrics, section):
            bins = part(metrics, section, kind).get("bins") or ()
            if bins:
                figures[f"{section}_{kind}"] = calibration(bins, kind, tenth=section != "calibration")
    kind = "truth" if "truth" in labels_of(metrics) else next(iter(labels_of(metrics)), "")
    drawn = {
        "baselines": _baselines(metrics, kind),
        "slices": _slices(metrics),
        "ablation": _ablation(metrics),
        "cost_of_ratio": _cost(metrics),
    }
    return figures | {name: figure for name, figure in drawn.items() if figure is not None}


def calibration(bins: Sequence[Mapping[str, Any]], kind: str, *, tenth: bool) -> Figure:
    """Plot observed against predicted log-odds per bin, with the interval of their ratio and the number of finds."""
    figure, (axis,) = new_figure(6.5, 5)
    ends: list[float] = []
    for one in bins:
        x, y = float(one["predicted_log_odds"]), float(one["observed_log_odds"])
        ratio = part(one, "ratio")
        if ratio.get("low") and ratio.get("high"):
            # The ratio is predicted divided by observed. At these rates, odds and probabilities are nearly equal.
            low, high = (x - math.log(max(float(ratio[end]), 1e-9)) for end in ("high", "low"))
            axis.plot([x, x], [low, high], color=_INK, linewidth=1.2)
        axis.plot(x, y, marker="o", color=_INK, markersize=5)
        axis.annotate(f"{one.get('finds', 0):,}", (x, y), xytext=(6, -9), textcoords="offset points", fontsize=7)
        ends += [x, y]
    span = [min(ends), max(ends)]
    axis.plot(span, span, color=_GREY, linestyle=":", label="as predicted")
    axis.set_xlabel("predicted log-odds")
    axis.set_ylabel("observed log-odds")
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
    where = ", a tenth of the illicit traffic" if tenth else ""
    figure.suptitle(f"Calibration against {labels_text(kind)}{where} (finds beside the points)", fontsize=10)
    return figure


def forest(groups: Mapping[str, Sequence[Row]], label: str, title: str, *, zero: bool = False) -> Figure:
    """Plot one point with its interval per row, grouped under headings. ``zero`` draws a line at 0, for changes."""
    n = sum(len(rows) + 1 for rows in groups.values())
    figure, (axis,) = new_figure(8.5, max(1.8, 0.9 + _ROW_HEIGHT * n))
    at, ticks, names = 0, [], []
    for heading, rows in groups.items():
        if heading:
            axis.annotate(heading, (0, at), xycoords=("axes fraction", "data"), xytext=(4, 0), fontsize=8,
                          textcoords="offset points", va="center", fontweight="bold")  # fmt: skip
            axis.axhline(at + 0.5, color="#e4e8ed", linewidth=0.8)
        at -= 1 if heading else 0
        for name, value, low, high in rows:
            axis.plot([low, high], [at, at], color=_INK, linewidth=1.4)
            axis.plot(value, at, marker="s", color=_INK, markersize=4)
            ticks.append(at)
            names.append(name)
            at -= 1
    if zero:
        axis.axvline(0.0, color=_GREY, linestyle=":")
    axis.set_yticks(ticks, names, fontsize=8)
    axis.set_ylim(at + 0.3, 0.9)
    axis.set_xlabel(label)
    axis.grid(axis="x", alpha=0.3)
    figure.suptitle(title, fontsize=10)
    return figure


def _row(name: str, estimate: Mapping[str, Any], scale: float = 1.0) -> Row | None:
    value = estimate.get("value")
    if value is None:
        return None
    low, high = (value if estimate.get(end) is None else estimate[end] for end in ("low", "high"))
    return name, scale * float(value), scale * float(low), scale * float(high)


def _recall(name: str, figures: Mapping[str, Any]) -> Row | None:
    return _row(name, part(figures, "at_inspected_share", _QUOTED_SHARE, "recall"), 100.0)


def _baselines(metrics: Mapping[str, Any], kind: str) -> Figure | None:
    of_baselines = part(metrics, "baselines")
    rows = [_recall("this model", part(labels_of(metrics), kind, RISK))]
    rows += [_recall(name_text(name), part(kinds, kind)) for name, kinds in of_baselines.items()]
    known = [row for row in rows if row is not None]
    if not of_baselines or len(known) < 2:
        return None
    label = f"recall in % at 0.5 % inspected, against {labels_text(kind)}"
    return forest({"": known}, label, "This model and baselines on the same split")


def _slices(metrics: Mapping[str, Any]) -> Figure | None:
    groups: dict[str, list[Row]] = {}
    for name, values in part(metrics, "slices").items():
        rows = [
            _row(
                f"{shorten(slice_text(name, value), _MAX_ROW_NAME, placeholder=' ...')} ({one.get('finds', 0):,})",
                part(one, "recall", _QUOTED_SHARE),
                100.0,
            )
            for value, one in values.items()
        ]
        known = [row for row in rows if row is not None]
        if known:
            groups[name_text(name)] = known
    if not groups:
        return None
    label = "recall in % at 0.5 % inspected (finds in brackets)"
    return forest(groups, label, "Recall by slice of the window")


def _ablation(metrics: Mapping[str, Any]) -> Figure | None:
    rows = [
        _row(f"{name_text(group)} ({one.get('features', 0)})", part(one, "pr_auc_change"))
        for group, one in part(metrics, "ablation").items()
    ]
    known = sorted((row for row in rows if row is not None), key=lambda row: row[1])
    if not known:
        return None
    label = "change of PR-AUC (features in brackets)"
    return forest({"": known}, label, "Change of PR-AUC without a group of features", zero=True)


def _cost(metrics: Mapping[str, Any]) -> Figure | None:
    cost = part(metrics, "false_positives_by_origin").get("cost") or ()
    points: dict[str, list[Row]] = {}
    for one in cost:
        for share, estimate in part(one, "recall").items():
            row = _row(str(one["max_ratio"]), estimate, 100.0)
            if row is not None:
                points.setdefault(share, []).append(row)
    if not points:
        return None
    figure, (axis,) = new_figure(6.5, 3.6)
    for (share, rows), colour in zip(points.items(), (_INK, _SECOND_INK, _GREY, "black"), strict=False):
        rows = sorted(rows, key=lambda row: float(row[0]))
        at = [float(row[0]) for row in rows]
        axis.plot(at, [row[1] for row in rows], marker="o", color=colour, label=f"{100 * float(share):g} % inspected")
        axis.fill_between(at, [row[2] for row in rows], [row[3] for row in rows], color=colour, alpha=0.12)
    axis.set_xlabel("maximum ratio of false alarms between two origins")
    axis.set_ylabel("recall in %")
    axis.set_ylim(bottom=0)
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
    figure.suptitle("Recall if the ratio is limited", fontsize=10)
    return figure


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


def inspected_share(scored: Scored, outcome: Outcome, kind: str) -> Figure:
    """Plot recall and precision against the inspected share of base-rate traffic, on a logarithmic axis."""
    figure, (left, right) = new_figure(11, 4.5, 2)
    shares = np.geomspace(1e-4, 1.0, 120)
    for name, score, find, rate in targets(scored, outcome):
        if find.sum() < MIN_FINDS:
            continue
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
