"""Simulated data as the pipeline sees it: an office's labels beside a truth that is never trained on."""

from __future__ import annotations

import numpy as np

from training.data.dataset import simulated


def test_an_office_finds_only_what_is_there_and_not_all_of_it() -> None:
    data = simulated(12_000, 4)
    assert data.table.n_rows == 12_000
    assert data.truth is not None
    assert not (data.labels.find & ~data.truth).any()
    found, there = data.labels.find.sum(), data.truth.sum()
    assert 0 < found < there
    assert np.all(np.diff(data.table.declared_s) >= 0)
    assert data.rows_refused == 0


def test_the_same_seed_gives_the_same_data_and_another_seed_other_data() -> None:
    assert simulated(2000, 1).digest == simulated(2000, 1).digest
    assert simulated(2000, 1).digest != simulated(2000, 2).digest
