"""Parameters of boosters for an office's own label, chosen on the stop window.

The parameters of the simulated trade suit some hundred finds among a million rows. An office's data may hold one find in
five rows or one in a thousand, ten thousand rows or a million, so a few settings are tried: what fits best on the stop window
stays. Nothing later is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from training.fitting.boosting import BoostingParams, Examples, Floats, HeadFit, fit_heads

#: What is tried besides the given parameters, leaves, rows per leaf, features per tree, ridge.
_TRIED: Final = (
    {"num_leaves": 31, "min_data_in_leaf": 20, "feature_fraction": 0.5, "lambda_l2": 1.0},
    {"num_leaves": 15, "min_data_in_leaf": 100, "feature_fraction": 0.5, "lambda_l2": 20.0},
)
#: With fewer finds than this supple trees only memorise.
_LEAST_FINDS: Final = 200
#: Rows that the comparison is made on; the setting that wins is fitted to all.
_COMPARED_ROWS: Final = 60_000


def fit_searched(
    heads: Sequence[str],
    train: Examples,
    stop: Examples,
    names: Sequence[str],
    monotone: Sequence[int],
    params: BoostingParams,
    *,
    seed: int,
    threads: int,
) -> tuple[dict[str, HeadFit], BoostingParams, str]:
    """`training.fitting.boosting.fit_heads` under the best of a few parameters, these parameters, and what was compared.

    Best is the smallest weighted logarithmic loss on ``stop``, summed over heads; of equal ones the first.
    """

    def fitted(examples: Examples, tried: BoostingParams) -> dict[str, HeadFit]:
        return fit_heads(heads, examples, stop, names, monotone, tried, seed=seed, threads=threads)

    few = train.find.any(axis=1).sum() < _LEAST_FINDS or not stop.find.any()
    settings = [params] if few else [params, *(replace(params, **setting) for setting in _TRIED)]  # type: ignore[arg-type]
    if len(settings) == 1:
        return fitted(train, params), params, "one setting: there are too few finds to choose"
    part = _part(train, seed)
    fits = [fitted(part, tried) for tried in settings]
    losses = [sum(_loss(fit[head], stop, k, threads) for k, head in enumerate(heads)) for fit in fits]
    best = int(np.argmin(losses))
    told = ", ".join(f"{p.num_leaves} leaves {loss:.4f}" for p, loss in zip(settings, losses, strict=True))
    chosen = fits[best] if part is train else fitted(train, settings[best])
    return chosen, settings[best], f"loss on the stop window: {told}"


def _part(examples: Examples, seed: int) -> Examples:
    """The examples, or of many a random part, in their order."""
    n = len(examples.matrix)
    if n <= _COMPARED_ROWS:
        return examples
    rows = np.sort(np.random.default_rng(seed).permutation(n)[:_COMPARED_ROWS])
    return Examples(examples.matrix[rows], examples.find[rows], examples.weight[rows])


def _loss(fit: HeadFit, stop: Examples, k: int, threads: int) -> float:
    raw: Floats = np.asarray(fit.booster.predict(stop.matrix, raw_score=True, num_threads=threads), dtype=np.float64)
    # log(1 + exp(x)) without overflow.
    loss = np.logaddexp(0.0, np.where(stop.find[:, k], -raw, raw))
    return float(np.average(loss, weights=stop.weight))
