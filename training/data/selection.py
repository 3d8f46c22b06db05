"""How labels were selected, and what they are worth after the correction for it.

An office inspects what it suspects. Each inspected shipment therefore has the inverse of the probability with which it was
selected as its weight, capped at `MOST_LEARNING_WEIGHT` when learning and at `MOST_WEIGHT` in figures.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from features.table.table import ManifestTable
from training.arrays import Floats
from training.data.labels import MOST_LEARNING_WEIGHT, MOST_WEIGHT, Labels


def effective(weight: Floats) -> float:
    """Return the effective sample size (Kish) of weights (n,): the number of equal weights with as precise a mean."""
    return float(weight.sum() ** 2 / (weight**2).sum()) if len(weight) else 0.0


def selection_figures(labels: Labels, table: ManifestTable) -> dict[str, Any]:
    """Return numbers of inspected shipments and effective sample sizes, as JSON values with a ``text``."""
    inspected = labels.inspected
    find = np.asarray(labels.shipment_find(table).any(axis=1))[inspected]
    weight = labels.weight[inspected]
    figures: dict[str, Any] = {
        "inspected": int(inspected.sum()),
        "finds": int(find.sum()),
        "stated": int(labels.stated.sum()),
    }
    for use, cap in (("learning", MOST_LEARNING_WEIGHT), ("figures", MOST_WEIGHT)):
        capped = weight.clip(max=cap)
        figures[use] = {
            "cap": cap,
            "capped": int((weight >= cap).sum()),
            "effective": round(effective(capped), 1),
            "effective_finds": round(effective(capped[find]), 1),
        }
    return figures | {"text": _text(figures)}


def _text(figures: dict[str, Any]) -> str:
    if not figures["stated"]:
        return (
            f"{figures['inspected']:,} inspected shipments, {figures['finds']:,} with a find. The probability with which they were "
            "selected is unknown, so all have the same weight."
        )
    worth = " and ".join(
        f"{one['effective']:,.0f} ({one['effective_finds']:,.0f} with a find) {use} with weights of at most {one['cap']:g}"
        for use, one in (("when learning", figures["learning"]), ("in figures", figures["figures"]))
    )
    return (
        f"{figures['inspected']:,} inspected shipments, {figures['finds']:,} with a find; the probability of selection is known "
        f"for {figures['stated']:,}. Weighted by its inverse, they are worth as many as {worth}."
    )
