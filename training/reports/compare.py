"""Comparison of two runs for `tidewaiter compare`: metrics, and differences in data, windows and parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from training.evaluation.paired import KeptScores, paired_differences, why_unpaired
from training.reports.flat import flat_estimates, part


@dataclass(frozen=True, slots=True)
class Side:
    """One of two compared runs: its name, its document (metrics and their origin) and its stored scores."""

    name: str
    document: Mapping[str, Any]
    scores: KeptScores | None = None

    @property
    def model(self) -> Mapping[str, Any]:
        return part(self.document, "model")


def compare(one: Side, other: Side, *, seed: int = 0) -> dict[str, Any]:
    """Return the comparison of two runs as JSON values.

    ``figures`` contains per flat name the values ``a`` and ``b``, their ``difference`` (b - a, with an interval if the runs are
    paired), and ``apart``. ``apart`` is true if the intervals of a and b are disjoint, and None without two intervals. ``differs``
    lists differences in data, windows and parameters. ``warnings`` lists reasons why a difference may not be due to the model.
    """
    unpaired = why_unpaired(one.scores, other.scores)
    paired = {}
    if unpaired is None and one.scores is not None and other.scores is not None:
        paired = paired_differences(one.scores, other.scores, seed=seed)
    left, right = flat_estimates(one.document), flat_estimates(other.document)
    figures = []
    for name in dict.fromkeys((*left, *right)):
        a, b = left.get(name), right.get(name)
        difference: dict[str, Any] | None = None
        if a is not None and b is not None:
            difference = {"value": float(b["value"]) - float(a["value"])}
            if name in paired:
                difference |= {"low": paired[name].low, "high": paired[name].high}
        figures.append(
            {"figure": name, "a": a, "b": b, "difference": difference, "apart": _intervals_are_disjoint(a, b)}
        )
    return {
        "a": _about(one),
        "b": _about(other),
        "warnings": _warnings(one.document, other.document),
        "paired": unpaired is None,
        **({"not_paired_because": unpaired} if unpaired is not None else {}),
        "figures": figures,
        "differs": {
            section: _differing(part(one.document, section), part(other.document, section))
            for section in ("data", "windows", "training")
        },
    }


def _about(side: Side) -> dict[str, Any]:
    return {
        "run": side.name,
        "version": side.model.get("version"),
        "digest": side.model.get("digest"),
        "evaluated_on": side.document.get("evaluated_on"),
    }


def _intervals_are_disjoint(a: Mapping[str, Any] | None, b: Mapping[str, Any] | None) -> bool | None:
    if a is None or b is None:
        return None
    ends = [float(one[end]) for one in (a, b) for end in ("low", "high") if one.get(end) is not None]
    if len(ends) < 4:
        return None
    low_a, high_a, low_b, high_b = ends
    return high_a < low_b or high_b < low_a


def _warnings(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    warnings = []
    sums = [part(document, "data").get("sha256") for document in (one, other)]
    if sums[0] is None or sums[1] is None:
        warnings.append("At least one of the runs does not name its data.")
    elif sums[0] != sums[1]:
        warnings.append("The runs use different data: differences may come from the data and not from the model.")
    tests = [part(document, "windows", "windows", "test") for document in (one, other)]
    if sums[0] == sums[1] and tests[0] != tests[1]:
        warnings.append("The runs were evaluated on different windows of the same data.")
    on = [document.get("evaluated_on") for document in (one, other)]
    if on[0] != on[1]:
        warnings.append(f"A was evaluated on {on[0] or 'an unnamed set'}, B on {on[1] or 'an unnamed set'}.")
    return warnings


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[dict[str, Any]]:
    left, right = _flat(one), _flat(other)
    return [
        {"name": name, "a": left.get(name), "b": right.get(name)}
        for name in dict.fromkeys((*left, *right))
        if left.get(name) != right.get(name)
    ]


def _flat(value: Mapping[str, Any], under: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, one in value.items():
        if isinstance(one, Mapping):
            out |= _flat(one, f"{under}{key}.")
        else:
            out[f"{under}{key}"] = ", ".join(map(str, one)) if isinstance(one, list) else one
    return out
