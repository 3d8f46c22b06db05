"""A simulated month, once replayed as training does and once lived through as a service does."""

from __future__ import annotations

import numpy as np
import pytest

from features.groups.history.history import DAY, FEATURES, History
from training.data.dataset import Dataset, rows_of, simulated
from training.data.stream import replayed
from training.data.windows import NEVER


@pytest.fixture(scope="module")
def world() -> Dataset:
    return simulated(12_000, 5)


def test_a_simulated_month_is_the_same_replayed_and_lived_through(world: Dataset) -> None:
    stream, after = replayed(world)
    table, find, known = world.table, world.found(), world.labels.known_s
    day = table.declared_s // DAY
    begin = int(np.searchsorted(day, day[-1] - 30))
    history, values, learned = History.empty(), [], np.zeros(table.n_shipments, dtype=bool)

    def learn(until: int) -> None:
        visible = np.maximum(known // DAY, day) < until
        now = np.flatnonzero((known != NEVER) & visible & ~learned)
        if len(now):
            history.learn(table.take(rows_of(table, now)), find[now])
            learned[now] = True

    for today in np.unique(day).tolist():
        learn(today)
        shipments = np.flatnonzero(day == today)
        # The month is lived through a shipment at a time, what was before it a day at a time.
        pieces = np.split(shipments, len(shipments)) if shipments[0] >= begin else [shipments]
        values += [history.advance(table.take(rows_of(table, piece))).values for piece in pieces]
    learn(int(day[-1]) + 10_000)
    lived = np.concatenate(values)
    month = slice(begin, None)
    finds = [feature.name for feature in FEATURES].index("consignor_clean")
    assert len(lived[month]) > 100
    assert np.nansum(lived[month, finds]) > 0
    assert np.array_equal(lived, stream.history, equal_nan=True)
    mine, theirs = history.to_arrays(), after.to_arrays()
    assert all(np.array_equal(mine[name], theirs[name]) for name in mine)
