"""Baselines that need no labels: watch-list rules with points, and a price rule.

Both read the model's features by name, so they have the same information about parties, substances and earlier finds as the model.
Nothing in them is fitted to results.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Rule:
    """Rule that gives ``points`` to goods items whose feature satisfies ``holds``. Missing values never satisfy it."""

    feature: str
    holds: Callable[[Floats], Bools]
    points: float


def _at_least(least: float) -> Callable[[Floats], Bools]:
    return lambda values: values >= least


def _at_most(most: float) -> Callable[[Floats], Bools]:
    return lambda values: values <= most


#: Published red flags with assumed weights. A watched name outweighs all circumstances together, and an earlier find comes second.
#: Circumstances weigh little, because each one alone is common in lawful trade.
WATCH_LIST: Final = (
    Rule("substance_opioid", _at_least(2), 10.0),
    Rule("substance_precursor", _at_least(2), 10.0),
    Rule("substance_opioid", _at_least(1), 3.0),
    Rule("substance_precursor", _at_least(1), 3.0),
    Rule("substance_class", _at_least(2), 6.0),
    Rule("substance_similarity", _at_least(0.8), 4.0),
    Rule("description_equipment", _at_least(1), 6.0),
    Rule("hs_fentanyl", _at_least(1), 6.0),
    Rule("hs_precursor", _at_least(1), 5.0),
    Rule("hs_equipment", _at_least(1), 4.0),
    Rule("consignor_finds", _at_least(1), 8.0),
    Rule("consignee_finds", _at_least(1), 8.0),
    Rule("address_finds", _at_least(1), 8.0),
    Rule("description_stop_word", _at_least(1), 1.0),
    Rule("description_uninformative", _at_least(1), 1.0),
    Rule("description_grade", _at_least(1), 0.5),
    Rule("account_age_days", _at_most(30), 1.5),
    Rule("consignee_forwarder", _at_least(1), 1.0),
    Rule("agent_present", _at_least(1), 0.5),
    Rule("consignor_chemical", _at_least(1), 1.0),
    Rule("consignor_contact", _at_most(0), 0.5),
    Rule("consignor_free_mail", _at_least(1), 0.5),
    Rule("phone_country_contradicts", _at_least(1), 1.0),
    Rule("gift_from_company", _at_least(1), 1.0),
    Rule("routing_third_country", _at_least(1), 1.0),
    Rule("package_industrial_parcel", _at_least(1), 1.0),
)
#: A trusted consignor and a permit lower the points.
_TRUST: Final = (Rule("consignor_known", _at_least(1), -2.0), Rule("permit_present", _at_least(1), -4.0))


def watch_list_rules(matrix: Floats, names: Sequence[str]) -> Floats:
    """Return the watch-list points (n_rows,) of features ``matrix`` (n_rows, F) with the column names ``names``.

    A rule without its feature gives no points; models of an office's own data may lack some features.
    """
    at = {name: k for k, name in enumerate(names)}
    points = np.zeros(len(matrix))
    for rule in (*WATCH_LIST, *_TRUST):
        if rule.feature in at:
            points += rule.points * rule.holds(matrix[:, at[rule.feature]])
    return points


#: Features of the price rule, and whether only high values are unusual.
PRICE_FEATURES: Final = {"value_per_kg_unusual": False, "freight_to_value": True}


def price_rule(train: Floats, matrix: Floats, names: Sequence[str]) -> Floats:
    """Return how unusual prices are (n_rows,): the deviation of the value per kilogram, plus that of a high freight-to-value ratio.

    Deviations are in median absolute deviations of the training rows ``train`` (m, F). Missing values count as 0.
    """
    return price_deviations(price_columns(train, names), matrix, names)


def price_columns(matrix: Floats, names: Sequence[str]) -> dict[str, Floats]:
    """Return the columns (n_rows,) of `PRICE_FEATURES` in a matrix (n_rows, F) with the column names ``names``."""
    return {name: matrix[:, at].copy() for at, name in enumerate(names) if name in PRICE_FEATURES}


def price_deviations(train: Mapping[str, Floats], matrix: Floats, names: Sequence[str]) -> Floats:
    """Return the scores of `price_rule` from the price columns (m,) of the training rows."""
    at = {name: k for k, name in enumerate(names)}
    score = np.zeros(len(matrix))
    for name, one_sided in PRICE_FEATURES.items():
        if name not in at:
            continue
        values = train[name]
        values = values[~np.isnan(values)]
        if not len(values):
            continue
        middle = float(np.median(values))
        # 1.4826 scales the median absolute deviation to the standard deviation of a normal distribution.
        spread = max(1.4826 * float(np.median(np.abs(values - middle))), 1e-6)
        distance = (matrix[:, at[name]] - middle) / spread
        score += np.nan_to_num(np.maximum(distance, 0.0) if one_sided else np.abs(distance))
    return score
