"""Simulated data: an office's labels, and the truth that models never learn from."""

from __future__ import annotations

import numpy as np
import pytest

from training.data.sources import simulated


def test_an_office_finds_a_part_of_the_illicit_goods_and_nothing_else() -> None:
    data = simulated(4_000, 4)
    assert data.table.n_rows == 4_000
    assert data.truth is not None
    assert not (data.labels.find & ~data.truth).any()
    assert 0 < data.labels.find.sum() < data.truth.sum()
    assert np.all(np.diff(data.table.declared_s) >= 0)
    assert data.rows_refused == 0


@pytest.mark.long
def test_the_same_seed_gives_the_same_data_and_another_seed_other_data() -> None:
    assert simulated(2000, 1).digest == simulated(2000, 1).digest
    assert simulated(2000, 1).digest != simulated(2000, 2).digest
