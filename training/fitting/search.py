"""Choice of boosting parameters for an office's own label.

The default parameters are tuned for simulated trade, with a few hundred finds in a million rows. An office's data may have ten
thousand or a million rows, and one find per five or per thousand rows. Therefore a few settings are compared on the stop window.
The comparison does not use later windows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from training.fitting.boosting import HeadFit, fit_heads, raw_score
from training.fitting.examples import Examples, any_head
from training.fitting.params import BoosterSpec, BoostingParams
from training.fitting.residual import intercept

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


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Boosters with the best parameters, these parameters, and a note on the comparison."""

    fits: dict[str, HeadFit]
    params: BoostingParams
    note: str


def fit_searched(
    spec: BoosterSpec, train: Examples, stop: Examples, searches: int = MOST_SEARCHES, *, quick: bool = False
) -> SearchResult:
    """Fit heads (`training.fitting.boosting.fit_heads`) with the best of a few parameters.

    The best has the smallest weighted logarithmic loss on ``stop``, summed over heads; ties go to the first. ``searches`` is the
    number of settings to compare, at most `MOST_SEARCHES`; the first setting is that of ``spec``. ``quick`` limits the trees in the
    comparison.
    """
    finds, stop_finds = int(any_head(train.find).sum()), int(any_head(stop.find).sum())
    lacking = None
    if searches == 1:
        lacking = "--searches is 1"
    elif finds < _LEAST_FINDS:
        lacking = f"{finds} finds in the fit window; a choice needs {_LEAST_FINDS}"
    elif not stop_finds:
        lacking = "no find in the stop window; a choice needs 1"
    if lacking is not None:
        return SearchResult(fit_heads(spec, train, stop), spec.params, f"One setting of the boosters: {lacking}.")
    alternatives = _ALTERNATIVES[: searches - 1]
    settings = [spec.params, *(replace(spec.params, **changes) for changes in alternatives)]  # type: ignore[arg-type]
    specs = [replace(spec, params=params) for params in settings]
    sample = _sample(train, spec.seed)
    fits = [fit_heads(_for_sample(one) if quick else one, sample, stop) for one in specs]
    losses = [
        sum(_loss(fit[head], stop, k, spec.threads) for k, head in enumerate(spec.heads)) for fit in fits
    ]  # fmt: skip
    best = int(np.argmin(losses))
    compared = ", ".join(f"{p.num_leaves} leaves {loss:.4f}" for p, loss in zip(settings, losses, strict=True))
    chosen = fits[best]
    if quick or sample is not train:
        # Free the bins of the comparison, because those of all rows need the memory.
        sample.drop_bins()
        stop.drop_bins()
        del sample, fits
        chosen = fit_heads(specs[best], train, stop)
    return SearchResult(chosen, settings[best], f"Settings of the boosters, by loss on the stop window: {compared}.")


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


def _loss(fit: HeadFit, stop: Examples, k: int, threads: int) -> float:
    raw = raw_score(fit.booster, stop.matrix, threads)
    if stop.prior is not None:
        # The only intercept is that of the prior, whose base rate differs from that of these rows.
        raw = raw + stop.prior[:, k]
        raw = raw + intercept(raw, stop.find[:, k], stop.weight)
    # logaddexp computes log(1 + exp(x)) without overflow.
    loss = np.logaddexp(0.0, np.where(stop.find[:, k], -raw, raw))
    return float(np.average(loss, weights=stop.weight))
