"""Flat, stable metric names for MLflow and for comparisons of runs, and the acceptance bars for models of simulated data.

Names are ``<labels>.<score>.<metric>`` for the model and ``baseline.<name>.<labels>.<metric>`` for baselines. Other names start
with their section: ``calibration.truth.top_ratio``, ``misses.<baseline>.0.5pct``, ``ceiling.share``,
``slice.<slice>.<value>.recall_at_1pct``, ``capacity.<level>.<declarations>.recall_at_1pct``, ``left_out.average_ratio``. Those of a
holdout file start with ``holdout.``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from training.evaluation.metrics import percent, share_for
from training.reports.words import estimate_text, labels_text, name_text, share_text

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


def has_own_label(metrics: Mapping[str, Any]) -> bool:
    """Return whether the metrics are those of an office's own label."""
    return any(set(scores) == {"risk"} for scores in labels_of(metrics).values())


def quoted_share(metrics: Mapping[str, Any]) -> str:
    """Return the inspected share, as a key, for metrics quoted in sentences and plots (`share_for`)."""
    rates = [part(scores, "risk").get("base_rate") for scores in labels_of(metrics).values()]
    return f"{share_for(max((rate for rate in rates if rate is not None), default=0.0)):g}"


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
    for name, one in part(metrics, "pr_auc_against").items():
        named[f"pr_auc_over.{name}"] = part(one, "ratio")
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
    for level, slices in part(metrics, "capacity").items():
        for name, one in slices.items():
            for share, at in part(one, "at_capacity").items():
                for figure in ("precision", "recall"):
                    named[f"capacity.{level}.{name}.{figure}_at_{percent(share)}"] = at[figure]
    for use in ("learning", "figures"):
        for name in ("effective", "effective_finds"):
            named[f"selection.{use}.{name}"] = part(metrics, "selection", use).get(name)
    named["red_rate_ratio_between_origins"] = part(metrics, "false_positives_by_origin").get("ratio")
    for lane, share in part(metrics, "lanes").items():
        named[f"lane.{lane}.clean_traffic"] = share.get("clean_traffic")
    estimates = {_UNUSUAL.sub("_", name): _estimate(value) for name, value in named.items()}
    known = {name: value for name, value in estimates.items() if value is not None}
    of_holdout = flat_estimates(holdout) if (holdout := part(metrics, "holdout")) else {}
    return known | {f"holdout.{name}": value for name, value in of_holdout.items()}


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
#: Maximum ratio of the model's to the baseline's misses. Keys are parts of baseline names. Rules of the watch list know nothing of
#: an office's own label.
MISSES: Final = {"lightgbm": 0.7, "watch_list": 0.5}
OWN_MISSES: Final = {"lightgbm": 1.0}
TOP_RATIO: Final = (0.85, 1.18)
OWN_TOP_RATIO: Final = (0.8, 1.25)
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
    own_label = has_own_label(metrics)
    judged_bars = [
        *_ceiling_bars(part(metrics, "ceiling")),
        *_rank_bars(metrics),
        *_miss_bars(metrics, OWN_MISSES if own_label else MISSES),
        *_calibration_bars(metrics, own_label=own_label),
    ]
    left_out = part(metrics, "left_out_typologies", "average_ratio")
    if left_out:
        judged_bars.append(
            _bar("Left-out typologies: recall at 1 % without over with training on them", left_out, least=LEFT_OUT)
        )
    origins = part(metrics, "false_positives_by_origin")
    # An office's own label may legitimately differ between origins, as fraud does.
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
) -> Bar:
    """Return the bar of an estimate with one limit."""
    required = f"at least {least:g}" if least is not None else f"at most {most:g}"
    value = estimate.get("value")
    met = None if value is None else (least is None or value >= least) and (most is None or value <= most)
    return Bar(name, estimate_text(estimate), required, met)


def _ratio_bar(name: str, ratio: Mapping[str, Any], least: float, most: float) -> Bar:
    """Return the bar of a ratio whose whole interval must lie from ``least`` to ``most``.

    An interval that is wider than these limits cannot meet them. It tells nothing, unless it lies outside.
    """
    value, measured = ratio.get("value"), estimate_text(ratio)
    met: bool | None = None
    if value is not None:
        low, high = (float(value if ratio.get(end) is None else ratio[end]) for end in ("low", "high"))
        met = least <= low and high <= most
        if low <= most and high >= least and high * least > low * most:
            met, measured = None, f"{measured}, too few finds to tell"
    return Bar(name, measured, f"{least:g} to {most:g}, with its interval", met)


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


def _rank_bars(metrics: Mapping[str, Any]) -> list[Bar]:
    """Return a bar per part and baseline: the whole must not rank worse, within the paired interval."""
    result = []
    for name, one in part(metrics, "pr_auc_against").items():
        ratio = part(one, "ratio")
        value, high = ratio.get("value"), ratio.get("high")
        met = None if value is None else max(float(value), float(value if high is None else high)) >= 1.0
        alone = f"{name_text(name)} alone" if name in ("prior", "trees") else name_text(name)
        result.append(Bar(f"PR-AUC over that of {alone}", estimate_text(ratio), "at least 1 within the interval", met))
    return result


def _miss_bars(metrics: Mapping[str, Any], limits: Mapping[str, float]) -> list[Bar]:
    result = []
    for name, shares in part(metrics, "misses_against").items():
        most = next((limit for word, limit in limits.items() if word in name), None)
        share, one = next(iter(shares.items()), ("", {}))
        ratio = part(one, "ratio")
        if most is None or not ratio:
            continue
        bar = _bar(f"Misses at {share_text(float(share))} inspected over those of {name_text(name)}", ratio, most=most)
        # The model is significantly better if the interval of the ratio lies below 1.
        apart = ratio.get("high") is None or float(ratio["high"]) < 1.0
        result.append(Bar(bar.name, bar.measured, f"{bar.required}, interval below 1", bar.met and apart))
    return result


def _calibration_bars(metrics: Mapping[str, Any], *, own_label: bool) -> list[Bar]:
    result = []
    low, high = BIN_RATIO
    for section, where in (("calibration", ""), ("calibration_tenth", ", a tenth of the illicit traffic")):
        for kind in part(metrics, section):
            one = part(metrics, section, kind)
            if not one:
                continue
            top = part(one, "top", "ratio")
            least, most = OWN_TOP_RATIO if own_label else TOP_RATIO
            name = f"Predicted over observed finds, top 1 %, against {labels_text(kind)}{where}"
            result.append(_ratio_bar(name, top, least, most))
            ratios = [part(b, "ratio").get("value") for b in one.get("bins", []) if b.get("finds", 0) >= BIN_FINDS]
            values = [float(value) for value in ratios if value is not None]
            if values:
                name = f"Predicted over observed finds, each bin, against {labels_text(kind)}{where}"
                measured = f"{min(values):.2f} to {max(values):.2f} in {len(values)} bins of {BIN_FINDS} finds or more"
                result.append(Bar(name, measured, f"{low:g} to {high:g}", low <= min(values) and max(values) <= high))
    return result
