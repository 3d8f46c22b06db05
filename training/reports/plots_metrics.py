"""Plots that need metrics only: calibration, slices, baselines, ablation, and the cost of a limited ratio."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from textwrap import shorten
from typing import TYPE_CHECKING, Any, Final

from models.scoring import RISK
from training.reports.flat import labels_of, part
from training.reports.words import labels_text, name_text, slice_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: (name, value, low, high)
Row = tuple[str, float, float, float]

_SHARE: Final = "0.005"
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
    return _row(name, part(figures, "at_inspected_share", _SHARE, "recall"), 100.0)


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
                part(one, "recall", _SHARE),
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
