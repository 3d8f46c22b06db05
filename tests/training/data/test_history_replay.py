"""The history of a simulated month: replayed at once for training equals updated day by day in the service."""

from __future__ import annotations

import numpy as np
import pytest

from features.groups.history.history import DAY, FEATURES, History
from training.data.dataset import Dataset, rows_of
from training.data.sources import simulated
from training.data.window_features import replay_history
from training.data.windows import NEVER


@pytest.fixture(scope="module")
def world() -> Dataset:
    return simulated(6_000, 5)


def test_a_replayed_month_equals_a_month_of_daily_updates(world: Dataset) -> None:
    replayed, after = replay_history(world)
    table, find, known = world.table, world.shipment_has_find(), world.labels.known_s
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
        # The last month is updated shipment by shipment, the time before it day by day.
        pieces = np.split(shipments, len(shipments)) if shipments[0] >= begin else [shipments]
        values += [history.advance(table.take(rows_of(table, piece))).values for piece in pieces]
    learn(int(day[-1]) + 10_000)
    updated = np.concatenate(values)
    month = slice(begin, None)
    finds = [feature.name for feature in FEATURES].index("consignor_clean")
    assert len(updated[month]) > 100
    assert np.nansum(updated[month, finds]) > 0
    assert np.array_equal(updated, replayed, equal_nan=True)
    mine, theirs = history.to_arrays(), after.to_arrays()
    assert all(np.array_equal(mine[name], theirs[name]) for name in mine)
