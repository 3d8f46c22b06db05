"""Shipments seen before: the exact store, the filter, and the change from one to the other."""

from __future__ import annotations

import numpy as np
import pytest

from service.files.chunk_scorer import SeenShipments


@pytest.mark.parametrize("exact", [0, 2, 3, 5, 1000])
def test_repeated_shipments_are_seen_across_calls_and_within_one(exact: int) -> None:
    seen = SeenShipments(exact=exact)
    assert seen.add(np.array([1, 2, 1])).tolist() == [False, False, True]
    assert seen.add(np.array([3, 2, -1])).tolist() == [False, True, False]
    assert seen.add(np.array([], dtype=np.int64)).tolist() == []
    assert seen.add(np.array([0, 1, 4, -1, 0])).tolist() == [False, True, False, True, True]


@pytest.mark.parametrize("exact", [0, 30_000, 1 << 20])
def test_many_different_shipments_are_not_mistaken_for_each_other(exact: int) -> None:
    hashes = np.random.default_rng(1).integers(-(2**63), 2**63, 50_000)
    # Neighbouring numbers must not collide either.
    hashes[:25_000] = np.arange(25_000)
    seen = SeenShipments(exact=exact)
    assert not seen.add(hashes[:20_000]).any()
    assert not seen.add(hashes[20_000:]).any()
    assert seen.add(hashes[::7].copy()).all()
