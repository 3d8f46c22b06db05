"""Paired comparison of a candidate with the adapted champion on the latest labelled weeks."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from training.arrays import Floats
from training.data.dataset import Outcome
from training.evaluation.metrics import RESAMPLES, Curve, Ranking, interval, lacking, poisson_times

#: Share of the traffic that is opened.
SHARE: Final = 0.01


def compared(
    ours: Floats, theirs: Floats, outcome: Outcome, base_rate: float, learned_from: int, seed: int
) -> dict[str, Any]:
    """Return recall at `SHARE` and PR-AUC of both, their differences with intervals, and a verdict, as JSON values.

    A candidate is recommended if its recall is higher or, if recalls are equal, its PR-AUC. ``recommended`` is None if there are
    too few finds to tell, or if there was no find to learn from.

    Args:
        ours, theirs: (n,) risk log-odds of the candidate and of the adapted champion.
        outcome: outcome of the n shipments.
        learned_from: number of own finds before these weeks.
    """
    find = outcome.any
    about: dict[str, Any] = {
        "share": SHARE,
        "finds": int(find.sum()),
        "shipments": len(find),
        "learned_from": learned_from,
    }
    none = lacking(find)
    if none is not None or not learned_from:
        missing = f"{none['reason']} in the latest weeks" if none is not None else "no find before the latest weeks"
        text = f"Too few finds to tell whether it beats the adapted champion: {missing}."
        return {**about, "recommended": None, "text": text}

    def figures(curve: Curve) -> tuple[float, float]:
        return curve.at_share(SHARE, base_rate)[0], curve.pr_auc()

    rankings = [Ranking(score, find, outcome.weight) for score in (ours, theirs)]
    value = np.array([figures(ranking.curve()) for ranking in rankings])
    draws = np.array(
        [
            [figures(one) for one in pair]
            for times in poisson_times(len(find), RESAMPLES, seed)
            for pair in zip(*(ranking.curves(times) for ranking in rankings), strict=True)
            if pair[0] is not None and pair[1] is not None
        ]
    )
    for number, name in enumerate(("recall", "pr_auc")):
        of_both, drawn = value[:, number], draws[:, :, number]
        about[name] = {
            "ours": interval(float(of_both[0]), drawn[:, 0].tolist()),
            "theirs": interval(float(of_both[1]), drawn[:, 1].tolist()),
            "difference": interval(float(of_both[0] - of_both[1]), (drawn[:, 0] - drawn[:, 1]).tolist()),
        }
    gain, in_area = value[0] - value[1]
    recommended = bool(gain > 0.0 or (gain == 0.0 and in_area > 0.0))
    low, high = (about["recall"]["difference"][side] for side in ("low", "high"))
    text = (
        f"On the latest labelled weeks ({len(find):,} shipments, {about['finds']} finds), the riskiest {SHARE:.0%} hold "
        f"{value[0, 0]:.1%} of them after learning from {learned_from} finds, and {value[1, 0]:.1%} with the adapted champion: "
        f"a difference of {gain:+.1%} ({low:+.1%} to {high:+.1%})."
    )
    if not recommended:
        text += " The candidate does not beat the adapted champion and is not recommended: keep `tidewaiter adapt`."
    return {**about, "recommended": recommended, "text": text}
