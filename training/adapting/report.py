"""Report of an adaptation, as JSON values.

It covers lanes, features, history, missing data, top scores, distances, calibration and concentration.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from features.manifest.fields import CHANNELS, LABEL_NAMES, MANIFEST_NAMES
from features.table.table import ManifestTable
from models.calibration import ReferenceScores, probability, shift
from models.lanes import GREEN, RED, YELLOW, Lanes
from models.scoring import RISK, RiskModel
from training.adapting.scoring import MOST, Concentration, LaneCodes, Scored
from training.adapting.traffic import Traffic
from training.arrays import Floats

#: Shares of traffic with the highest scores that are compared before and after.
_TOPS: Final = (0.001, 0.005, 0.01, 0.025)
#: Bounds of the bins of reference traffic for the population stability index, finer towards the highest scores.
_BINS: Final = (0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995)
#: A population stability index above this is usually called a large shift.
_LARGE_SHIFT: Final = 0.25
#: Fewest shipments from which usual trade and lanes of a channel can be judged.
LEAST_OF_CHANNEL: Final = 500
#: Fewest shipments for a red threshold with a relative standard error below a sixth: 40 of them are red.
LEAST_FOR_RED: Final = 8_000
#: Bounds of the ratio of mean risk to base rate. Values outside contradict the base rate or the calibration.
_MEAN_RISK: Final = (1 / 3, 3.0)
#: Number of features in the report: those that moved most.
_FEATURES_SHOWN: Final = 20
_EMPTY_BIN: Final = 1e-6
#: Reason why a field could not be judged.
NEVER_FILLED: Final = "never filled"


@dataclass(frozen=True, slots=True)
class Measured:
    """Subjects of the report.

    Attributes:
        scored: scores before and after.
        lanes: the new lanes.
        known: number of entities per kind in the new history.
        entities: maximum number of these that the bundle keeps.
    """

    concentration: Concentration
    scored: Scored
    lanes: Lanes
    known: Mapping[str, int]
    entities: int


def report(parent: RiskModel, traffic: Traffic, measured: Measured) -> dict[str, Any]:
    """Return the report on adapting ``parent`` to the traffic."""
    scored, table = measured.scored, traffic.table
    first, last = traffic.span
    distance = _distances(parent.reference, scored)
    not_judged = _not_judged(table, len(scored.after))
    return {
        "parent": {"name": parent.name, "version": parent.version, "digest": parent.digest},
        "data": {
            "files": [{"name": file.name, "sha256": file.sha256, "rows": file.rows} for file in traffic.files],
            "shipments": table.n_shipments,
            "goods_items": table.n_rows,
            "rows_refused": traffic.rows_refused,
            "shipments_repeated": traffic.repeated,
            "first_day": first,
            "last_day": last,
        },
        "moved": {
            "scored_shipments": len(scored.after),
            "thresholds": {
                "red": {"before": parent.lanes.red, "after": measured.lanes.red},
                "yellow": {"before": parent.lanes.yellow, "after": measured.lanes.yellow},
            },
            "lanes": {
                "designed": parent.lanes.designed,
                "before": _shares(parent.lanes.assign(scored.before), scored.floor),
                "after": _shares(measured.lanes.assign(scored.after), scored.floor),
                "without_score": _shares(np.full_like(scored.floor, GREEN), scored.floor),
            },
            "features": _features(parent, scored),
        },
        "history": {
            "at_most": measured.entities,
            "kinds": [
                {"kind": kind, "known": known, "kept": min(known, measured.entities)}
                for kind, known in measured.known.items()
            ],
        },
        "not_judged": not_judged,
        "top": _tops(scored),
        "distance": distance,
        "calibration": _calibration(parent, scored, distance, not_judged),
        "concentration": [
            {"role": party.role, "name": party.name, "share": party.share, "counts_as": MOST}
            for party in measured.concentration.large
        ],
    }


def _shares(by_score: LaneCodes, floor: LaneCodes) -> dict[str, float]:
    """Return the share of shipments per lane. ``floor`` contains the lanes that rules and unread items require."""
    codes = np.maximum(by_score, floor)
    return {name: float((codes == code).mean()) for name, code in (("red", RED), ("yellow", YELLOW), ("green", GREEN))}


def _features(parent: RiskModel, scored: Scored) -> list[dict[str, Any]]:
    """Return the features that compare with usual trade, sorted by the change in their share of known values and their mean."""
    learned = {group.name for group in parent.space.groups if group.learns}
    rows = [
        {
            "feature": feature.name,
            "meaning": feature.meaning,
            "known_before": float(scored.known[0, column]),
            "known_after": float(scored.known[1, column]),
            "mean_before": float(scored.mean[0, column]),
            "mean_after": float(scored.mean[1, column]),
        }
        for column, feature in enumerate(parent.space.features)
        if feature.group in learned
    ]
    moved = [
        row for row in rows if (row["known_before"], row["mean_before"]) != (row["known_after"], row["mean_after"])
    ]
    moved.sort(key=lambda row: -_movement(row))
    return moved[:_FEATURES_SHOWN]


def _movement(row: dict[str, Any]) -> float:
    return float(
        abs(row["known_after"] - row["known_before"])
        + abs(row["mean_after"] - row["mean_before"]) / (abs(row["mean_before"]) + 1.0)
    )


def _not_judged(table: ManifestTable, scored: int) -> list[dict[str, Any]]:
    """Return the channels, the fields and the red threshold for which the files have too little data."""
    too_little: list[dict[str, Any]] = []
    channel = table.text("channel").take(table.first_row)
    counts = np.bincount(channel.codes[channel.codes >= 0], minlength=len(channel.values))
    of_channel = dict(zip(channel.values, counts.tolist(), strict=True))
    for name in CHANNELS:
        if of_channel.get(name, 0) < LEAST_OF_CHANNEL:
            too_little.append({"what": f"channel {name}", "shipments": int(of_channel.get(name, 0)), "least": LEAST_OF_CHANNEL,
                          "why": "too few shipments to learn its usual trade"})  # fmt: skip
    for name in MANIFEST_NAMES:
        if name not in LABEL_NAMES and not (table.declared(name).codes >= 0).any():
            too_little.append({"what": f"field {name}", "shipments": 0, "least": 1, "why": NEVER_FILLED})
    if scored < LEAST_FOR_RED:
        too_little.append({"what": "red threshold", "shipments": scored, "least": LEAST_FOR_RED,
                      "why": "its share of later traffic may differ by more than a sixth"})  # fmt: skip
    return too_little


def _tops(scored: Scored) -> list[dict[str, Any]]:
    """Return per share how many of the highest scores before are among the highest after."""
    orders = [np.argsort(-scores, kind="stable") for scores in (scored.before, scored.after)]
    tops = []
    for share in _TOPS:
        count = max(1, round(share * len(scored.after)))
        kept = len(np.intersect1d(orders[0][:count], orders[1][:count]))
        tops.append({"share": share, "shipments": count, "kept": kept, "new": count - kept})
    return tops


def _distances(reference: ReferenceScores, scored: Scored) -> dict[str, Any]:
    """Return the distances of the scores from the parent's reference: population stability index and Kolmogorov-Smirnov."""
    return {
        "reference": "the parent's",
        "before": {"psi": _psi(reference, scored.before), "ks": _ks(reference, scored.before)},
        "after": {"psi": _psi(reference, scored.after), "ks": _ks(reference, scored.after)},
    }


def _psi(reference: ReferenceScores, scores: Floats) -> float:
    percentile = reference.percentile(scores)
    counts = np.bincount(np.searchsorted(_BINS, percentile, side="right"), minlength=len(_BINS) + 1)
    observed = np.maximum(counts / len(scores), _EMPTY_BIN)
    expected = np.diff(np.array([0.0, *_BINS, 1.0]))
    return float(((observed - expected) * np.log(observed / expected)).sum())


def _ks(reference: ReferenceScores, scores: Floats) -> float:
    observed = np.searchsorted(np.sort(scores), reference.log_odds, side="left") / len(scores)
    return float(np.abs(observed - reference.below).max())


def _calibration(
    parent: RiskModel, scored: Scored, distance: dict[str, Any], not_judged: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Return signs that the parent's calibrators, which adaptation keeps, do not hold for this traffic."""
    rate = sum(parent.base_rates.values())
    mean = float(probability(shift(scored.after, parent.prevalence[RISK], rate)).mean())
    beyond = float((scored.after > parent.reference.log_odds[-1]).mean())
    ratio = mean / rate
    doubts = []
    if not _MEAN_RISK[0] <= ratio <= _MEAN_RISK[1]:
        doubts.append(
            f"The mean risk is {ratio:.2g} times the base rate: the base rate or the odds of the model do not hold."
        )
    if distance["after"]["psi"] > _LARGE_SHIFT:
        doubts.append(
            f"The distribution of scores differs from the reference (PSI {distance['after']['psi']:.2f}): read risk as a rank "
            "until results of inspections confirm it."
        )
    if beyond > 0.0:
        doubts.append(f"{beyond:.2%} of the shipments score higher than all reference traffic.")
    channels = [one["what"].removeprefix("channel ") for one in not_judged if one["what"].startswith("channel ")]
    if channels:
        doubts.append(f"Channels with too few shipments were not checked: {', '.join(channels)}.")
    return {
        "mean_risk": mean,
        "base_rate": rate,
        "mean_over_base_rate": ratio,
        "beyond_reference": beyond,
        "doubts": doubts,
    }


_LINES: Final = 5


def summary(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a report's summary."""
    data, moved = report["data"], report["moved"]
    yield (
        f"Learned from {data['shipments']:,} shipments ({data['goods_items']:,} goods items) "
        f"of {data['first_day']} to {data['last_day']}. Score later files with it, never these."
    )
    for when, words in (("before", "With the previous lanes and statistics"), ("after", "Now")):
        lanes = moved["lanes"][when]
        yield (
            f"{words}, {lanes['red']:.2%} of the last {moved['scored_shipments']:,} are red and {lanes['yellow']:.2%} yellow"
            f" (designed: {moved['lanes']['designed']['red']:.2%} and {moved['lanes']['designed']['yellow']:.2%})."
        )
    alone = moved["lanes"]["without_score"]
    yield f"Of these, rules and unread items alone make {alone['red']:.2%} red and {alone['yellow']:.2%} yellow."
    for feature in moved["features"][:_LINES]:
        yield (
            f"Moved: {feature['feature']} known for {feature['known_before']:.0%} -> {feature['known_after']:.0%} of the items, "
            f"mean {feature['mean_before']:.3g} -> {feature['mean_after']:.3g}."
        )
    for top in report["top"]:
        yield f"Of the {top['shipments']:,} highest scores ({top['share']:.1%}), {top['new']:,} are new."
    cut = [kind for kind in report["history"]["kinds"] if kind["kept"] < kind["known"]]
    if cut:
        most = max(cut, key=lambda kind: kind["known"])
        yield (
            f"History: {len(cut)} kinds of entities have more than the {most['kept']:,} that the bundle keeps (most: "
            f"{most['known']:,} of kind {most['kind']}); --entities N keeps more."
        )
    distance = report["distance"]
    yield (
        f"Distance of the scores from the reference: PSI {distance['before']['psi']:.3f} before, "
        f"{distance['after']['psi']:.3f} now; KS {distance['before']['ks']:.3f}, {distance['after']['ks']:.3f}."
    )
    yield from _not_judged_lines(report["not_judged"])
    for doubt in report["calibration"]["doubts"]:
        yield f"Calibration: {doubt}"
    for party in report["concentration"][:_LINES]:
        yield (
            f"Concentration: {party['role']} {party['name']!r} has {party['share']:.1%} of the shipments "
            f"and counts as {party['counts_as']:.0%}."
        )


def _not_judged_lines(entries: list[dict[str, Any]]) -> Iterator[str]:
    fields = [one["what"].removeprefix("field ") for one in entries if one["why"] == NEVER_FILLED]
    if fields:
        yield f"Not judged, because never filled: {', '.join(fields)}."
    for one in entries:
        if one["why"] != NEVER_FILLED:
            yield f"Not judged: {one['what']}, {one['shipments']:,} shipments of at least {one['least']:,}: {one['why']}."
