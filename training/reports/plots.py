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

from models.lanes import RED, YELLOW
from models.scoring import RISK
from training.data.dataset import Outcome
from training.evaluation.evaluation import Scored, targets
from training.evaluation.metrics import MIN_FINDS, SHARES, Curve, Ranking
from training.reports.flat import has_own_label, labels_of, part, quoted_share
from training.reports.words import labels_text, name_text, share_text, slice_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: (name, value, low, high)
Row = tuple[str, float, float, float]

#: A calibration plot of fewer points says nothing. From the second rate on, both axes are linear.
_LEAST_BINS: Final = 3
_LINEAR_FROM: Final = 0.01
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
            if len(bins) < _LEAST_BINS and section == "calibration" and (kind == "truth" or has_own_label(metrics)):
                # Smaller bins. They include uninspected shipments, of which neither the truth nor most own labels have any.
                bins = part(labels_of(metrics), kind, RISK).get("reliability") or ()
            if len(bins) >= _LEAST_BINS:
                figures[f"{section}_{kind}"] = calibration(bins, kind, tenth=section != "calibration")
    kind = "truth" if "truth" in labels_of(metrics) else next(iter(labels_of(metrics)), "")
    drawn = {
        "baselines": _baselines(metrics, kind),
        "contributions": _contributions(metrics),
        "slices": _slices(metrics),
        "ablation": _ablation(metrics),
        "cost_of_ratio": _cost(metrics),
    }
    return figures | {name: figure for name, figure in drawn.items() if figure is not None}


def calibration(bins: Sequence[Mapping[str, Any]], kind: str, *, tenth: bool) -> Figure:
    """Plot the observed against the predicted rate of finds per bin, with an interval and the number of finds."""
    figure, (axis,) = new_figure(6.5, 5)
    ends: list[float] = []
    for one in bins:
        x, y, finds = float(one["predicted"]), float(one["observed"]), int(one.get("finds", 0))
        ratio = part(one, "ratio")
        if ratio.get("low") and ratio.get("high"):
            low, high = (x / max(float(ratio[end]), 1e-9) for end in ("high", "low"))
        else:
            # The interval of a Poisson count, roughly.
            low, high = (y * math.exp(sign * 1.96 / math.sqrt(max(finds, 1))) for sign in (-1.0, 1.0))
        axis.plot([x, x], [low, min(high, 1.0)], color=_INK, linewidth=1.2)
        axis.plot(x, y, marker="o", color=_INK, markersize=5)
        axis.annotate(f"{finds:,}", (x, y), xytext=(6, -9), textcoords="offset points", fontsize=7)
        ends += [x, y]
    span = [0.7 * min(ends), min(1.0, 1.4 * max(ends))]
    axis.plot(span, span, color=_GREY, linestyle=":", label="as predicted")
    if min(ends) < _LINEAR_FROM:
        axis.set_xscale("log")
        axis.set_yscale("log")
    axis.set_xlabel("predicted rate of finds, at the base rate")
    axis.set_ylabel("observed rate of finds, at the base rate")
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


def _baselines(metrics: Mapping[str, Any], kind: str) -> Figure | None:
    of_baselines = part(metrics, "baselines")
    named = {
        "this model": part(labels_of(metrics), kind, RISK),
        **{f"{name} alone": part(metrics, "parts", name, kind) for name in ("prior", "trees")},
        **{name_text(name): part(kinds, kind) for name, kinds in of_baselines.items()},
    }
    known = [row for name, one in named.items() if (row := _row(name, part(one, "pr_auc"))) is not None]
    if not of_baselines or len(known) < 2:
        return None
    label = f"PR-AUC against {labels_text(kind)}, with 95 % intervals"
    return forest({"": known}, label, "This model, its parts and baselines on the same split")


def _slices(metrics: Mapping[str, Any]) -> Figure | None:
    groups: dict[str, list[Row]] = {}
    share = quoted_share(metrics)
    for name, values in part(metrics, "slices").items():
        rows = [
            _row(
                f"{shorten(slice_text(name, value), _MAX_ROW_NAME, placeholder=' ...')} ({one.get('finds', 0):,})",
                part(one, "recall", share),
                100.0,
            )
            for value, one in values.items()
        ]
        known = [row for row in rows if row is not None]
        # A single value is not compared with any other.
        if len(known) > 1:
            groups[name_text(name)] = known
    if not groups:
        return None
    label = f"recall in % at {share_text(float(share))} inspected (finds in brackets)"
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
        figures[f"pr_curve_{kind}"] = pr_curve(scored, outcome, kind)
        figures[f"score_histogram_{kind}"] = score_histogram(scored, outcome, kind)
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
        # A logarithmic axis has no place for 0.
        right.plot(shares, [value or math.nan for value in precision], label=f"{name_text(name)}, base rate {rate:.2g}")
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


def pr_curve(scored: Scored, outcome: Outcome, kind: str) -> Figure:
    """Plot precision in the window against recall, with the precision of a random order and the points of the lanes."""
    figure, (axis,) = new_figure(6.5, 5)
    for name, score, find, _ in targets(scored, outcome):
        if find.sum() < MIN_FINDS:
            continue
        ranking = Ranking(score, find, outcome.weight)
        curve = ranking.curve()
        recall = curve.finds[1:] / curve.finds[-1]
        precision = curve.finds[1:] / np.maximum(curve.finds[1:] + curve.clean[1:], 1e-300)
        label = f"{name_text(name)} ({int(find.sum())} finds, PR-AUC {curve.pr_auc():.3f})"
        (line,) = axis.plot(recall, precision, drawstyle="steps-post", label=label, linewidth=2 if name == RISK else 1)
        axis.axhline(ranking.prevalence, color=line.get_color(), linestyle=":", linewidth=0.8)
    find, weight = outcome.any, outcome.weight
    for text, _, limit in _lane_limits(scored):
        inside = scored.risk >= limit
        found = float(weight[inside & find].sum())
        at = found / float(weight[find].sum()), found / max(float(weight[inside].sum()), 1e-300)
        axis.plot(*at, marker="o", color=_INK)
        axis.annotate(text, at, xytext=(6, 4), textcoords="offset points", fontsize=8)
    axis.set_xlim(0.0, 1.02)
    axis.set_ylim(0.0, 1.02)
    axis.set_xlabel("recall")
    axis.set_ylabel("precision at the prevalence of the window")
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
    figure.suptitle(f"Precision and recall against {labels_text(kind)} (dotted: in random order)", fontsize=10)
    return figure


def _lane_limits(scored: Scored) -> list[tuple[str, str, float]]:
    """Return the name, the colour and the lowest risk of red, and of red and yellow together."""
    lane = scored.lane
    if lane is None:
        return []
    lanes = (("red", "#b00020", lane >= RED), ("red and yellow", "#b8860b", lane >= YELLOW))
    return [(name, colour, float(scored.risk[inside].min())) for name, colour, inside in lanes if inside.any()]


def score_histogram(scored: Scored, outcome: Outcome, kind: str) -> Figure:
    """Plot the distribution of the risk among finds and among clean shipments, with the limits of the lanes."""
    figure, (axis,) = new_figure(8, 4)
    low, high = (float(end) for end in np.quantile(scored.risk, (0.0005, 1.0)))
    for members, label, colour in ((outcome.clean, "clean", _GREY), (outcome.any, "finds", _INK)):
        weight = outcome.weight[members] / outcome.weight[members].sum()
        values = np.clip(scored.risk[members], low, high)
        text = f"{label} ({int(members.sum()):,})"
        axis.hist(
            values,
            bins=60,
            range=(low, high),
            weights=weight,
            color=colour,
            alpha=0.5,
            label=text,
            histtype="stepfilled",
        )
    for name, colour, limit in _lane_limits(scored):
        axis.axvline(limit, color=colour, linewidth=1, label=f"{name}: right of the line")
    axis.set_yscale("log")
    axis.set_xlabel("risk at the base rate, in log-odds")
    axis.set_ylabel("share of the class")
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
    figure.suptitle(f"Scores of finds and of clean shipments (against {labels_text(kind)})", fontsize=10)
    return figure


#: Classes of explained shipments, with their texts and colours, and the number of groups shown.
_CLASSES: Final = {
    "finds": ("finds", _INK), "red_clean": ("clean, in red", _SECOND_INK), "clean": ("all clean", _GREY)
}  # fmt: skip
_TOP_GROUPS: Final = 12


def _contributions(metrics: Mapping[str, Any]) -> Figure | None:
    """Plot mean contributions to the raw log-odds by group of features, from evidence and from trees."""
    parts = part(metrics, "contributions")
    largest: dict[str, float] = {}
    for groups in parts.values():
        for group, means in groups.items():
            largest[group] = max([largest.get(group, 0.0), *(abs(mean) for mean in means.values())])
    if not largest:
        return None
    shown = sorted(largest, key=lambda group: -largest[group])[:_TOP_GROUPS]
    figure, axes = new_figure(11, 1.2 + 0.42 * len(shown), len(parts))
    height = 0.8 / len(_CLASSES)
    for axis, (name, groups) in zip(axes, parts.items(), strict=True):
        for k, (of_class, (text, colour)) in enumerate(_CLASSES.items()):
            values = [float(part(groups, group).get(of_class, 0.0)) for group in shown]
            axis.barh(np.arange(len(shown)) + (k - 1) * height, values, height, color=colour, label=text)
        axis.axvline(0.0, color="black", linewidth=0.6)
        axis.sharex(axes[-1])
        axis.set_yticks(range(len(shown)), [name_text(group) for group in shown] if axis is axes[0] else [])
        axis.invert_yaxis()
        axis.set_title(f"from {name}", fontsize=9)
        axis.set_xlabel("mean contribution to the raw log-odds")
        axis.grid(axis="x", alpha=0.3)
    axes[-1].legend(fontsize=8)
    figure.suptitle("What raises and lowers the score, by group of features", fontsize=10)
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
