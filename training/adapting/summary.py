"""The report of an adaptation in a few lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from training.adapting.report import NEVER_FILLED

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
    distance = report["distance"]
    yield (
        f"Distance of the scores from the reference: PSI {distance['before']['psi']:.3f} before, "
        f"{distance['after']['psi']:.3f} now; KS {distance['before']['ks']:.3f}, {distance['after']['ks']:.3f}."
    )
    yield from _not_judged(report["not_judged"])
    for doubt in report["calibration"]["doubts"]:
        yield f"Calibration: {doubt}"
    for party in report["concentration"][:_LINES]:
        yield (
            f"Concentration: {party['role']} {party['name']!r} has {party['share']:.1%} of the shipments "
            f"and counts as {party['counts_as']:.0%}."
        )


def _not_judged(entries: list[dict[str, Any]]) -> Iterator[str]:
    fields = [one["what"].removeprefix("field ") for one in entries if one["why"] == NEVER_FILLED]
    if fields:
        yield f"Not judged, because never filled: {', '.join(fields)}."
    for one in entries:
        if one["why"] != NEVER_FILLED:
            yield f"Not judged: {one['what']}, {one['shipments']:,} shipments of at least {one['least']:,}: {one['why']}."
