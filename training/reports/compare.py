"""Comparison of two runs: stored scores of the test window, metrics, and differences in data, windows and parameters.

Two models that are tested on the same shipments share the sampling error, so the interval of their difference is narrower than
their separate intervals suggest. A run therefore stores the risk of each shipment beside its outcome.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from training.arrays import Bools, Floats, Hashes
from training.data.dataset import Outcome
from training.evaluation.evaluation import Scored
from training.evaluation.metrics import MIN_FINDS, SHARES, Curve, Estimate, Ranking, percent
from training.reports.flat import flat_estimates, part

FILE_NAME: Final = "test_scores.npz"
#: Approximate maximum number of stored shipments, for files below 2 MB. Clean shipments are sampled by key, so runs on the same
#: shipments store the same sample.
MOST_SHIPMENTS: Final = 120_000
RESAMPLES: Final = 200


class BadScores(ValueError):
    """Error for an unreadable file of stored scores; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class KeptScores:
    """Stored scores of n shipments.

    ``key`` (n,) uint64 contains hashes of the shipment ids, ascending. ``score`` (n,) contains log-odds. ``find`` and ``weight``
    (n,) exist per kind of label. One of ``step`` clean shipments is stored, with the weight of all of them.
    """

    key: Hashes
    score: Floats
    find: dict[str, Bools]
    weight: dict[str, Floats]
    base_rate: float
    step: int

    @classmethod
    def of(cls, shipment_ids: list[str | None], scored: Scored, outcomes: Mapping[str, Outcome]) -> KeptScores:
        """Select the scores to store, given the ids (n,) of the shipments in ``scored`` and ``outcomes``.

        All finds under any kind of label are stored. Other shipments are stored if their key is divisible by ``step``; their
        weights also represent the omitted ones.
        """
        key = pd.util.hash_array(np.array(shipment_ids, dtype=object), categorize=False)
        is_find = np.zeros(len(key), dtype=np.bool_)
        for outcome in outcomes.values():
            is_find |= outcome.any
        step = max(1, math.ceil(len(key) / MOST_SHIPMENTS))
        stored = np.flatnonzero(is_find | (key % np.uint64(step) == 0))
        stored = stored[np.argsort(key[stored], kind="stable")]
        stands_for = np.where(is_find[stored], 1.0, float(step))
        return cls(
            key[stored],
            scored.risk[stored],
            {kind: outcome.any[stored] for kind, outcome in outcomes.items()},
            {kind: outcome.weight[stored] * stands_for for kind, outcome in outcomes.items()},
            sum(scored.base_rates.values()),
            step,
        )

    def write(self, path: Path) -> None:
        """Write a compressed file of 32-bit numbers."""
        arrays: dict[str, NDArray[np.generic]] = {
            "key": self.key,
            "score": self.score.astype(np.float32),
            "base_rate": np.array(self.base_rate),
            "step": np.array(self.step),
            "kinds": np.array(sorted(self.find)),
        }
        for kind in self.find:
            arrays[f"find_{kind}"] = self.find[kind]
            arrays[f"weight_{kind}"] = self.weight[kind].astype(np.float32)
        np.savez_compressed(path, allow_pickle=False, **arrays)

    @classmethod
    def read(cls, path: Path) -> KeptScores:
        """Read a file of stored scores; raise `BadScores` if it is damaged."""
        try:
            with np.load(path, allow_pickle=False) as arrays:
                kinds = [str(kind) for kind in arrays["kinds"]]
                return cls(
                    arrays["key"].astype(np.uint64),
                    arrays["score"].astype(np.float64),
                    {kind: arrays[f"find_{kind}"].astype(np.bool_) for kind in kinds},
                    {kind: arrays[f"weight_{kind}"].astype(np.float64) for kind in kinds},
                    float(arrays["base_rate"]),
                    int(arrays["step"]),
                )
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise BadScores(f"{path.name}: cannot be read: {error}") from error


def why_unpaired(one: KeptScores | None, other: KeptScores | None) -> str | None:
    """Return the reason why two runs cannot be compared shipment by shipment, or None if they can."""
    if one is None or other is None:
        return "at least one run has no stored scores of its test window"
    if not np.array_equal(one.key, other.key):
        return "the runs were tested on different shipments"
    if one.base_rate != other.base_rate:
        return "the base rates differ"
    shared = one.find.keys() & other.find.keys()
    same = all(
        np.array_equal(one.find[kind], other.find[kind]) and np.array_equal(one.weight[kind], other.weight[kind])
        for kind in shared
    )
    return None if shared and same else "the runs have different labels"


def paired_differences(
    one: KeptScores, other: KeptScores, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Estimate]:
    """Return ``other`` minus ``one`` per flat metric name, with 95 % intervals of a paired Poisson bootstrap.

    Kinds of label with too few finds or no clean shipment are omitted.
    """
    out: dict[str, Estimate] = {}
    for kind in sorted(one.find.keys() & other.find.keys()):
        find, weight = one.find[kind], one.weight[kind]
        if find.sum() < MIN_FINDS or find.all():
            continue
        left, right = (Ranking(scores.score, find, weight) for scores in (one, other))
        point = _difference(left.curve(), right.curve(), one.base_rate)
        rng = np.random.default_rng(seed)
        draws: list[Floats] = []
        for _ in range(resamples):
            times = rng.poisson(1.0, (1, len(find)))
            [before], [after] = left.curves(times), right.curves(times)
            if before is not None and after is not None:
                draws.append(_difference(before, after, one.base_rate))
        low, high = np.percentile(np.array(draws), (2.5, 97.5), axis=0)
        names = ("pr_auc", *(f"recall_at_{percent(share)}" for share in SHARES))
        for name, value, least, most in zip(names, point, low, high, strict=True):
            out[f"{kind}.risk.{name}"] = {"value": float(value), "low": float(least), "high": float(most)}
    return out


def _difference(one: Curve, other: Curve, base_rate: float) -> Floats:
    """Return the differences (1 + shares,) of the PR-AUC and of recall at each share."""
    before, after = (
        np.array([curve.pr_auc(), *(curve.at_share(share, base_rate)[0] for share in SHARES)], dtype=np.float64)
        for curve in (one, other)
    )
    return np.asarray(after - before)


@dataclass(frozen=True, slots=True)
class Side:
    """One of two compared runs: its name, its document (metrics and their origin) and its stored scores."""

    name: str
    document: Mapping[str, Any]
    scores: KeptScores | None = None

    @property
    def model(self) -> Mapping[str, Any]:
        return part(self.document, "model")


def compare(one: Side, other: Side) -> dict[str, Any]:
    """Return the comparison of two runs as JSON values.

    ``figures`` contains per flat name the values ``a`` and ``b``, their ``difference`` (b - a, with an interval if the runs are
    paired), and ``apart``. ``apart`` is true if the intervals of a and b are disjoint, and None without two intervals. ``differs``
    lists differences in data, windows and parameters. ``warnings`` lists reasons why a difference may not be due to the model.
    """
    unpaired = why_unpaired(one.scores, other.scores)
    paired = {}
    if unpaired is None and one.scores is not None and other.scores is not None:
        paired = paired_differences(one.scores, other.scores)
    left, right = flat_estimates(one.document), flat_estimates(other.document)
    figures = []
    for name in dict.fromkeys((*left, *right)):
        a, b = left.get(name), right.get(name)
        difference: dict[str, Any] | None = None
        if a is not None and b is not None:
            difference = {"value": float(b["value"]) - float(a["value"])}
            if name in paired:
                difference |= {"low": paired[name]["low"], "high": paired[name]["high"]}
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
