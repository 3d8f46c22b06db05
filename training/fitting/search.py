"""Choice of boosting parameters for an office's own label, and of the weight of the prior for the manifest's own labels.

The default parameters are tuned for simulated trade, with a few hundred finds in a million rows. An office's data may have ten
thousand or a million rows, and one find per five or per thousand rows. Therefore a few settings are compared on the stop window.
The comparison does not use later windows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import numpy as np

from models.scoring import RISK
from training.arrays import Bools, Floats
from training.fitting.boosting import HeadFit, fit_heads, raw_score
from training.fitting.examples import LEAST_STOP_FINDS, Examples, any_head
from training.fitting.linear import SHARES, STRENGTHS, LinearRows
from training.fitting.params import BoosterSpec, BoostingParams
from training.fitting.residual import combined, intercept

#: Alternatives to the default parameters. A fourth setting, with 15 leaves, a fifth of the features and half of the rows per tree,
#: was rejected: on repeated declarations, its loss on the stop window was the largest in each of three runs.
_ALTERNATIVES: Final = (
    {"num_leaves": 31, "min_data_in_leaf": 20, "feature_fraction": 0.5, "lambda_l2": 1.0},
    {"num_leaves": 15, "min_data_in_leaf": 100, "feature_fraction": 0.5, "lambda_l2": 20.0},
)
#: Number of settings: the given one and the alternatives.
MOST_SEARCHES: Final = 1 + len(_ALTERNATIVES)
#: Minimum number of finds for larger trees. With fewer, they would memorise the finds.
_LEAST_FINDS: Final = 200
#: Maximum number of rows for the comparison of settings. The best setting is then fitted to all rows.
_COMPARED_ROWS: Final = 60_000
#: Largest number of trees for the quick comparison.
_COMPARED_TREES: Final = 150
#: Share of the regression if there are too few finds for a choice.
_USUAL_SHARE: Final = 0.5

_Choice = TypeVar("_Choice")


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Boosters with the best parameters, these parameters, and a note on the comparison."""

    fits: dict[str, HeadFit]
    params: BoostingParams
    note: str


def fit_searched(
    spec: BoosterSpec,
    train: Examples,
    stop: Examples,
    searches: int = MOST_SEARCHES,
    *,
    new: Bools | None = None,
    quick: bool = False,
) -> SearchResult:
    """Fit heads (`training.fitting.boosting.fit_heads`) with the best of a few parameters.

    The best has the smallest weighted logarithmic loss on ``stop``, summed over heads. The given setting stays unless another is
    better by more than a standard error.

    Args:
        searches: number of settings to compare, at most `MOST_SEARCHES`; the first setting is that of ``spec``.
        new: whether each stop row (n,) is a declaration that ``train`` does not have. With enough finds among them, only these
            are compared.
        quick: limits the trees in the comparison.
    """
    rows = _judged(stop, new)
    finds, stop_finds = int(any_head(train.find).sum()), int(any_head(stop.find).sum())
    lacking = None
    if searches == 1:
        lacking = "--searches is 1"
    elif finds < _LEAST_FINDS:
        lacking = f"{finds} finds in the fit window; a choice needs {_LEAST_FINDS}"
    elif not stop_finds:
        lacking = "no find in the stop window; a choice needs 1"
    if lacking is not None:
        chosen, linear = _with_linear(spec, fit_heads(spec, train, stop), train, stop, rows)
        return SearchResult(chosen, spec.params, f"One setting of the boosters: {lacking}.{linear}")
    alternatives = _ALTERNATIVES[: searches - 1]
    settings = [spec.params, *(replace(spec.params, **changes) for changes in alternatives)]  # type: ignore[arg-type]
    specs = [replace(spec, params=params) for params in settings]
    sample = _sample(train, spec.seed)
    fits = [fit_heads(_for_sample(one) if quick else one, sample, stop) for one in specs]
    losses = {number: _heads_losses(spec, fit, stop, rows) for number, fit in enumerate(fits)}
    best = _best(losses, 0)
    compared = ", ".join(f"{p.num_leaves} leaves {losses[number].sum():.4f}" for number, p in enumerate(settings))
    chosen = fits[best]
    if quick or sample is not train:
        # Free the bins of the comparison, because those of all rows need the memory.
        sample.drop_bins()
        stop.drop_bins()
        del sample, fits
        chosen = fit_heads(specs[best], train, stop)
    chosen, linear = _with_linear(spec, chosen, train, stop, rows)
    note = f"Settings of the boosters, by loss on the stop window: {compared}.{linear}"
    return SearchResult(chosen, settings[best], note)


def _judged(stop: Examples, new: Bools | None) -> Bools:
    """Return the stop rows (n,) that are new declarations; all rows if these have too few finds."""
    if new is None or any_head(stop.find)[new].sum() < LEAST_STOP_FINDS:
        return np.ones(len(stop.matrix), dtype=np.bool_)
    return new


def _best(losses: Mapping[_Choice, Floats], usual: _Choice) -> _Choice:
    """Return the choice with the least sum of `_losses`, or the usual one if it is worse by at most a standard error."""
    best = min(losses, key=lambda choice: float(losses[choice].sum()))
    gain = losses[usual] - losses[best]
    return best if gain.sum() > np.sqrt(np.square(gain).sum()) else usual


def _with_linear(
    spec: BoosterSpec, fits: dict[str, HeadFit], train: Examples, stop: Examples, rows: Bools
) -> tuple[dict[str, HeadFit], str]:
    """Return the fits with the best share of a logistic regression, and a note that begins with a blank.

    The best is that for the new declarations, ``rows`` (n,) of the stop window, among those that are not worse than trees alone on
    all of them. Its share and strength are the usual ones if finds cannot tell. Only an own label has a regression.
    """
    ((head, fit), *others) = fits.items()
    if others or head != RISK or fit.constant:
        return fits, ""
    learned = LinearRows.of(train, train.find[:, 0], None, spec.seed)
    usual, none = (_USUAL_SHARE, STRENGTHS[0]), (0.0, 1.0)
    finds = int(stop.find[rows].sum())
    if finds < LEAST_STOP_FINDS:
        blend = fit.with_linear(learned.fit(usual[1], spec.names, spec.threads), *usual)
        return {head: blend}, f" Logistic regression has its usual share: {finds} finds in the stop window."
    of_trees = raw_score(fit.booster, stop.matrix, spec.threads)
    everywhere = np.ones(len(of_trees), dtype=np.bool_)
    before = _head_losses(of_trees, stop, 0, everywhere)
    losses = {none: _head_losses(of_trees, stop, 0, rows)}
    regressions = {strength: learned.fit(strength, spec.names, spec.threads) for strength in STRENGTHS}
    for strength, regression in regressions.items():
        of_regression = fit.shrinkage * raw_score(regression, stop.matrix, spec.threads)
        for share in SHARES:
            raw = (1.0 - share) * of_trees + share * of_regression
            more = _head_losses(raw, stop, 0, everywhere) - before
            if more.sum() <= np.sqrt(np.square(more).sum()):
                losses[share, strength] = _head_losses(raw, stop, 0, rows)
    share, strength = _best(losses, usual if usual in losses else none)
    if not share:
        return fits, " Logistic regression has no share, as it raises the loss."
    compared = f"{losses[none].sum():.4f} becomes {losses[share, strength].sum():.4f}"
    note = f" Logistic regression (strength {strength:g}) has the share {share:g}: loss {compared}."
    return {head: fit.with_linear(regressions[strength], share, strength)}, note


def _for_sample(spec: BoosterSpec) -> BoosterSpec:
    """Return the settings for a quick comparison: fewer trees, each from the default share of the sample."""
    few, share = min(spec.params.most_trees, _COMPARED_TREES), BoostingParams().bagging_fraction
    return replace(spec, params=replace(spec.params, most_trees=few, bagging_fraction=share))


def _sample(examples: Examples, seed: int) -> Examples:
    """Return the examples, or an ordered random sample if there are more than `_COMPARED_ROWS`."""
    n = len(examples.matrix)
    if n <= _COMPARED_ROWS:
        return examples
    rows = np.sort(np.random.default_rng(seed).permutation(n)[:_COMPARED_ROWS])
    prior = None if examples.prior is None else examples.prior[rows]
    as_new = None if examples.as_new is None else examples.as_new.take(rows)
    return Examples(examples.matrix[rows], examples.find[rows], examples.weight[rows], prior=prior, as_new=as_new)


def _heads_losses(spec: BoosterSpec, fits: Mapping[str, HeadFit], stop: Examples, rows: Bools) -> Floats:
    """Return `_losses` of the chosen stop rows, summed over heads."""
    of_heads = [
        _head_losses(raw_score(fits[head].booster, stop.matrix, spec.threads), stop, k, rows)
        for k, head in enumerate(spec.heads)
    ]
    return np.asarray(np.sum(of_heads, axis=0))


def _head_losses(raw: Floats, stop: Examples, k: int, rows: Bools) -> Floats:
    """Return `_losses` of the chosen stop rows for head ``k``, whose trees give ``raw`` (n,) on all stop rows."""
    raw, find, weight = raw[rows], stop.find[rows, k], stop.weight[rows]
    if stop.prior is not None:
        # The only intercept is that of the prior, whose base rate differs from that of these rows.
        raw = raw + stop.prior[rows, k]
        raw = raw + intercept(raw, find, weight)
    return _losses(raw, find, weight)


def _losses(log_odds: Floats, find: Bools, weight: Floats) -> Floats:
    """Return the contribution (n,) of each row to the weighted mean of the logarithmic loss."""
    # logaddexp computes log(1 + exp(x)) without overflow.
    return np.asarray(np.logaddexp(0.0, np.where(find, -log_odds, log_odds)) * (weight / weight.sum()))


#: Shares of the prior's log-odds from which trees may start, ascending. From all of them, trees mainly correct what the prior
#: overrates; from few, they lack what is known about finds that are too rare to learn from.
SLOPES: Final = (0.15, 0.3, 0.6, 1.0)
#: Minimum number of held-out finds for a choice.
_LEAST_HELD_OUT: Final = 20


@dataclass(frozen=True, slots=True)
class SlopeChoice:
    """Boosters that start from ``slope`` times the prior, and a note."""

    fits: dict[str, HeadFit]
    slope: float
    note: str


def fit_best_slope(spec: BoosterSpec, train: Examples, *held_out: Examples) -> SlopeChoice:
    """Fit heads that start from each of `SLOPES` times the prior, until the loss on ``held_out`` rises, and return the best.

    The loss is that of any find. The first ``held_out`` examples also stop the boosters. The best is the smallest slope whose loss
    exceeds the least by at most the standard error of the difference: where held-out finds cannot tell, trees may learn more. With
    too few held-out finds, trees start from the whole prior. The examples have the whole log-odds of the prior.
    """
    finds = sum(int(any_head(one.find).sum()) for one in held_out)
    slopes = SLOPES if finds >= _LEAST_HELD_OUT else (1.0,)
    best = slopes[0]
    fits: dict[float, dict[str, HeadFit]] = {}
    losses: dict[float, Floats] = {}
    for slope in slopes:
        starting, stopping = (rows.on(rows.prior, slope) for rows in (train, held_out[0]))
        fits[slope] = fit_heads(spec, starting, stopping)
        losses[slope] = np.concatenate([_any_losses(fits[slope], slope, one, spec.threads) for one in held_out])
        best = min(losses, key=lambda tried: float(losses[tried].sum()))
        if best != slope:
            break
    excess = {slope: loss - losses[best] for slope, loss in losses.items()}
    slope = next(tried for tried, more in excess.items() if more.sum() <= np.sqrt(np.square(more).sum()))
    compared = ", ".join(f"{tried:g} {loss.sum() / len(held_out):.4f}" for tried, loss in losses.items())
    note = f"Trees start from {slope:g} times the prior. Loss on {finds} held-out finds by factor: {compared}."
    if slopes != SLOPES:
        note = f"Trees start from the whole prior: {finds} held-out finds; a choice needs {_LEAST_HELD_OUT}."
    return SlopeChoice(fits[slope], slope, note)


def _any_losses(fits: dict[str, HeadFit], slope: float, rows: Examples, threads: int) -> Floats:
    """Return `_losses` of any find for prior and trees, at the scale of the trees and with the intercept of the rows."""
    assert rows.prior is not None
    trees = np.stack([raw_score(fit.booster, rows.matrix, threads) for fit in fits.values()], axis=1)
    log_odds, find = combined(slope * (rows.prior + trees)), any_head(rows.find)
    return _losses(log_odds + intercept(log_odds, find, rows.weight), find, rows.weight)
