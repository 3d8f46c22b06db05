"""Flat, stable metric names for MLflow and for comparisons of runs.

Names are ``<labels>.<score>.<metric>`` for the model and ``baseline.<name>.<labels>.<metric>`` for baselines. Other names start
with their section: ``calibration.truth.top_ratio``, ``misses.<baseline>.0.5pct``, ``ceiling.share``,
``slice.<slice>.<value>.recall_at_1pct``, ``left_out.average_ratio``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from training.evaluation.metrics import percent

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
