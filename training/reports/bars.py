"""Acceptance bars for models of simulated data, and the verdict on a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from training.reports.flat import labels_of, part
from training.reports.words import estimate_text, labels_text, name_text

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
    judged_bars = [*_ceiling(part(metrics, "ceiling")), *_misses(metrics), *_calibration(metrics)]
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


def _ceiling(ceiling: Mapping[str, Any]) -> list[Bar]:
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


def _misses(metrics: Mapping[str, Any]) -> list[Bar]:
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


def _calibration(metrics: Mapping[str, Any]) -> list[Bar]:
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
