"""Precision, recall and lift of the highest scores that an office has the capacity to inspect."""

from __future__ import annotations

import numpy as np
import pytest

from training.arrays import Bools, Floats
from training.data.labels import KnownLabels
from training.evaluation.capacity import capacity_figures, lines_and_shipments


def test_precision_recall_and_lift_of_the_top_are_counts_of_its_rows() -> None:
    find = np.zeros(1000, dtype=bool)
    # 30 of the 50 highest scores are finds, and 20 finds have lower scores.
    find[:30] = True
    find[500:520] = True
    figures = capacity_figures(-np.arange(1000.0), find)
    top = figures["at_capacity"]["0.05"]
    assert (figures["rows"], figures["finds"], top["rows"]) == (1000, 50, 50)
    assert top["precision"] == pytest.approx(0.6)
    assert top["recall"] == pytest.approx(0.6)
    assert top["lift"] == pytest.approx(12.0)
    assert (top["best_precision"], top["best_recall"]) == (1.0, 1.0)
    small = figures["at_capacity"]["0.01"]
    assert (small["rows"], small["best_precision"], small["best_recall"]) == (10, 1.0, 0.2)


def test_rows_with_equal_scores_count_as_randomly_ordered() -> None:
    find = np.arange(1000) % 10 == 0
    top = capacity_figures(np.zeros(1000), find)["at_capacity"]["0.05"]
    assert top["precision"] == pytest.approx(0.1)
    assert top["lift"] == pytest.approx(1.0)


def test_too_few_finds_give_the_count_instead_of_figures() -> None:
    find = np.zeros(1000, dtype=bool)
    find[:9] = True
    figures = capacity_figures(np.zeros(1000), find)
    assert figures["reason"] == "9 finds among 1,000 rows; at least 10 finds and a clean row are needed"
    assert "at_capacity" not in figures


def known(find: Bools, weight: Floats) -> KnownLabels:
    nobody = np.zeros(len(weight), dtype=bool)
    return KnownLabels(find[:, None], nobody, weight, nobody)


def test_shipments_with_other_contraband_do_not_count() -> None:
    # 40 shipments of two items; those with other contraband, of the weight 0, have the highest scores of all.
    find, weight = np.arange(80) % 4 == 0, np.ones(40)
    weight[1::4] = 0.0
    score = np.where(np.repeat(weight, 2) > 0.0, find.astype(float), 9.0)
    figures = lines_and_shipments(score, known(find, weight), np.ones(80, dtype=bool), np.arange(0, 80, 2))
    assert [figures[one]["all"]["rows"] for one in ("lines", "shipments")] == [60, 30]
    assert [figures[one]["all"]["pr_auc"] for one in ("lines", "shipments")] == [1.0, 1.0]


def test_a_shipment_is_new_if_one_of_its_items_is_new() -> None:
    # 40 shipments of two items; the second item of every other shipment is new, and is the find.
    first_row = np.arange(0, 80, 2)
    find, seen = np.zeros(80, dtype=bool), np.ones(80, dtype=bool)
    find[1::4] = True
    seen[1::4] = False
    figures = lines_and_shipments(find.astype(float), known(find, np.ones(40)), seen, first_row)
    assert [figures["lines"][name]["rows"] for name in ("all", "seen before", "never seen")] == [80, 60, 20]
    assert [figures["shipments"][name]["rows"] for name in ("all", "seen before", "never seen")] == [40, 20, 20]
    assert [figures["shipments"][name]["finds"] for name in ("seen before", "never seen")] == [0, 20]
    assert figures["shipments"]["all"]["roc_auc"] == 1.0
