"""Flat, stable metric names for MLflow and for comparisons of runs, and the acceptance bars for models of simulated data.

Names are ``<labels>.<score>.<metric>`` for the model and ``baseline.<name>.<labels>.<metric>`` for baselines. Other names start
with their section: ``calibration.truth.top_ratio``, ``misses.<baseline>.0.5pct``, ``ceiling.share``,
``slice.<slice>.<value>.recall_at_1pct``, ``left_out.average_ratio``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from training.evaluation.metrics import percent
from training.reports.words import estimate_text, labels_text, name_text

#: MLflow accepts letters, digits, underscores, hyphens, dots, spaces, colons and slashes in a name.
_UNUSUAL: Final = re.compile(r"[^\w.-]+", re.ASCII)


def part(source: Any, *keys: str) -> Mapping[str, Any]:
    """Return the mapping below ``keys``, or an empty one if a key is missing or its value is not a mapping."""
    for key in keys:
        source = source.get(key) if isinstance(source, Mapping) else None
    return source if isinstance(source, Mapping) else {}


def labels_of(metrics: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return metrics per kind of label, from a run (``labels``) or from `evaluate` (``metrics``)."""
    return part(metrics, "labels") or part(metrics, "metrics")


def flat_estimates(metrics: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the metrics with a value by flat name, as ``{"value"}`` or ``{"value", "low", "high"}``."""
    named: dict[str, Any] = {}
    for kind, scores in labels_of(metrics).items():
        for name, figures in scores.items():
            named |= {f"{kind}.{name}.{key}": value for key, value in _ranking(figures).items()}
    for name, kinds in part(metrics, "baselines").items():
        for kind, figures in kinds.items():
            named |= {f"baseline.{name}.{kind}.{key}": value for key, value in _ranking(figures).items()}
    for name, kinds in part(metrics, "parts").items():
        for kind, figures in kinds.items():
            named |= {f"part.{name}.{kind}.{key}": value for key, value in _ranking(figures).items()}
    for section in ("calibration", "calibration_tenth"):
        for kind, one in part(metrics, section).items():
            named[f"{section}.{kind}.top_ratio"] = part(one, "top", "ratio")
    for name, shares in part(metrics, "misses_against").items():
        for share, one in shares.items():
            named[f"misses.{name}.{percent(share)}"] = part(one, "ratio")
    ceiling = part(metrics, "ceiling")
    for figure in ("share", "pr_auc", "recall_0.005"):
        named[f"ceiling.{_flat_name(figure)}"] = ceiling.get(figure)
    for name, one in part(metrics, "left_out_typologies").items():
        named[f"left_out.{name}"] = one if name == "average_ratio" else part(one, "ratio")
    for group, one in part(metrics, "ablation").items():
        named[f"without.{group}.pr_auc_change"] = one.get("pr_auc_change")
    for name, values in part(metrics, "slices").items():
        for value, one in values.items():
            for share, estimate in part(one, "recall").items():
                named[f"slice.{name}.{value}.recall_at_{percent(share)}"] = estimate
    named["red_rate_ratio_between_origins"] = part(metrics, "false_positives_by_origin").get("ratio")
    for lane, share in part(metrics, "lanes").items():
        named[f"lane.{lane}.clean_traffic"] = share.get("clean_traffic")
    estimates = {_UNUSUAL.sub("_", name): _estimate(value) for name, value in named.items()}
    return {name: value for name, value in estimates.items() if value is not None}


def flat_metrics(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return the values by flat name, without intervals."""
    return {name: float(estimate["value"]) for name, estimate in flat_estimates(metrics).items()}


def _estimate(value: Any) -> Mapping[str, Any] | None:
    if isinstance(value, int | float):
        return {"value": float(value)}
    return value if isinstance(value, Mapping) and value.get("value") is not None else None


def _flat_name(figure: str) -> str:
    name, _, share = figure.rpartition("_")
    return f"{name}_at_{percent(share)}" if share.startswith("0.") else figure


def _ranking(figures: Mapping[str, Any]) -> dict[str, Any]:
    named = {name: figures.get(name) for name in ("finds", "prevalence", "pr_auc", "roc_auc")}
    for rate, value in part(figures, "pr_auc_at").items():
        named[f"pr_auc_at_{float(rate):g}"] = value
    for share, values in part(figures, "at_inspected_share").items():
        named[f"recall_at_{percent(share)}"] = values.get("recall")
        named[f"precision_at_{percent(share)}"] = values.get("precision_at_base_rate")
    for rate, value in part(figures, "recall_at_false_positive_rate").items():
        named[f"recall_at_fpr_{float(rate):g}"] = value
    return named


CEILING_RECALL: Final = 0.5
TREE_OF_CEILING: Final = 0.5
SHARE_OF_CEILING: Final = 0.90
#: Maximum ratio of the model's to the baseline's misses at 0.5 % inspected. Keys are parts of baseline names.
MISSES: Final = {"lightgbm": 0.7, "watch_list": 0.5}
TOP_RATIO: Final = (0.85, 1.18)
BIN_RATIO: Final = (0.75, 1.33)
BIN_FINDS: Final = 200
LEFT_OUT: Final = 0.6
ORIGINS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Bar:
    """Acceptance bar with its measured and required value as text. ``met`` is None if the value was not measured."""

    name: str
    measured: str
    required: str
    met: bool | None


def bars(metrics: Mapping[str, Any]) -> list[Bar]:
    """Return the bars whose metrics are available."""
    judged_bars = [*_ceiling_bars(part(metrics, "ceiling")), *_miss_bars(metrics), *_calibration_bars(metrics)]
    left_out = part(metrics, "left_out_typologies", "average_ratio")
    if left_out:
        judged_bars.append(
            _bar("Left-out typologies: recall at 1 % without over with training on them", left_out, least=LEFT_OUT)
        )
    origins = part(metrics, "false_positives_by_origin")
    # An office's own label may legitimately differ between origins, as fraud does.
    own_label = any(set(scores) == {"risk"} for scores in labels_of(metrics).values())
    if origins and not own_label:
        ratio = {"value": origins.get("ratio"), "reason": origins.get("reason"), "cause": origins.get("cause")}
        judged_bars.append(_bar("False alarms in red, highest over lowest origin", ratio, most=ORIGINS))
    easy = [one.get("ok") is True for one in part(metrics, "too_easy").get("bars", ())]
    compared = [one for one in metrics.get("margins") or () if one.get("simulated") is not None]
    published = [one.get("ok") is True for one in compared]
    for name, holds in (
        ("The simulated world is not too easy", easy),
        ("Simulated figures match published ones", published),
    ):
        if holds:
            judged_bars.append(Bar(name, f"{sum(holds)} of {len(holds)} hold", "all", all(holds)))
    return judged_bars


def _bar(
    name: str,
    estimate: Mapping[str, Any],
    *,
    least: float | None = None,
    most: float | None = None,
    with_interval: bool = False,
) -> Bar:
    """Return the bar of an estimate with its limits. If ``with_interval``, its interval must also lie within them."""
    if least is not None and most is not None:
        required = f"{least:g} to {most:g}" + (", with its interval" if with_interval else "")
    else:
        required = f"at least {least:g}" if least is not None else f"at most {most:g}"
    value = estimate.get("value")
    met: bool | None = None
    if value is not None:
        ends = [value, *(estimate[end] for end in ("low", "high") if with_interval and estimate.get(end) is not None)]
        met = all((least is None or end >= least) and (most is None or end <= most) for end in ends)
    return Bar(name, estimate_text(estimate), required, met)


def _ceiling_bars(ceiling: Mapping[str, Any]) -> list[Bar]:
    if not ceiling:
        return []
    recall = part(ceiling, "recall_0.005")
    result = [_bar("Ceiling: recall at 0.5 % inspected", recall, least=CEILING_RECALL)]
    tree = part(ceiling, "depth_2_tree", "recall_0.005")
    if tree.get("value") is not None and recall.get("value"):
        share = {"value": float(tree["value"]) / float(recall["value"])}
        result.append(_bar("Ceiling: recall of a depth-2 tree over that of the ceiling", share, most=TREE_OF_CEILING))
    return [
        *result,
        _bar("PR-AUC from office labels over the ceiling's", part(ceiling, "share"), least=SHARE_OF_CEILING),
    ]


def _miss_bars(metrics: Mapping[str, Any]) -> list[Bar]:
    result = []
    for name, shares in part(metrics, "misses_against").items():
        most = next((limit for word, limit in MISSES.items() if word in name), None)
        ratio = part(shares, "0.005", "ratio")
        if most is None or not ratio:
            continue
        bar = _bar(f"Misses at 0.5 % inspected over those of {name_text(name)}", ratio, most=most)
        # The model is significantly better if the interval of the ratio lies below 1.
        apart = ratio.get("high") is None or float(ratio["high"]) < 1.0
        result.append(Bar(bar.name, bar.measured, f"{bar.required}, interval below 1", bar.met and apart))
    return result


def _calibration_bars(metrics: Mapping[str, Any]) -> list[Bar]:
    result = []
    low, high = BIN_RATIO
    for section, where in (("calibration", ""), ("calibration_tenth", ", a tenth of the illicit traffic")):
        for kind in part(metrics, section):
            one = part(metrics, section, kind)
            if not one:
                continue
            top = part(one, "top", "ratio")
            least, most = TOP_RATIO
            name = f"Predicted over observed finds, top 1 %, against {labels_text(kind)}{where}"
            result.append(_bar(name, top, least=least, most=most, with_interval=True))
            ratios = [part(b, "ratio").get("value") for b in one.get("bins", []) if b.get("finds", 0) >= BIN_FINDS]
            values = [float(value) for value in ratios if value is not None]
            if values:
                name = f"Predicted over observed finds, each bin, against {labels_text(kind)}{where}"
                measured = f"{min(values):.2f} to {max(values):.2f} in {len(values)} bins of {BIN_FINDS} finds or more"
                result.append(Bar(name, measured, f"{low:g} to {high:g}", low <= min(values) and max(values) <= high))
    return result
