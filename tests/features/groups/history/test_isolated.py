"""A shipment on which the history fails is reported and not counted, and the others are counted as if it had not arrived."""

from __future__ import annotations

import numpy as np
import pytest

from features.groups.history import history as module
from features.groups.history import store
from features.groups.history.history import History
from features.manifest.records import read_record
from features.table.table import ManifestTable
from tests.features.groups.history.faults import make_history_fail
from tests.service.store.kills import differences

FAULTY = (3, 7, 8)
RECEIPT = 1_777_887_000


def table(*numbers: int) -> ManifestTable:
    """Return shipments of three consignors. Every fifth is dated far in the future, and every sixth is late."""
    records = [
        {
            "shipment_id": f"HB-{number}",
            "declared_at": "9999-01-01"
            if number % 5 == 4
            else f"2026-05-0{2 if number % 6 == 5 else 3}T00:{number // 60:02}:{number % 60:02}Z",
            "consignor": {"name": f"Sender {number % 3}", "country": "CN"},
            "consignee": {"name": "Receiver", "country": "US"},
            "items": [{"goods_description": "phone case", "hs_code": "392690", "net_mass_kg": 1}],
        }
        for number in numbers
    ]
    return ManifestTable.from_records([read_record(record) for record in records], receipt=RECEIPT)


@pytest.fixture(params=[False, True], ids=["before counting", "halfway"])
def halfway(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.mark.parametrize("chunk", [4096, 5, 1])
@pytest.mark.parametrize("update", [True, False])
def test_others_get_the_values_and_the_state_that_they_get_without_the_faulty_shipments(
    monkeypatch: pytest.MonkeyPatch, halfway: bool, chunk: int, update: bool
) -> None:
    history, expected = History.empty(), History.empty()
    for one in (history, expected):
        one.advance(table(100, 101))
    others = [number for number in range(20) if number not in FAULTY]
    wanted = expected.advance(table(*others), update=update)
    with monkeypatch.context() as patch:
        make_history_fail(patch, *(f"HB-{number}" for number in FAULTY), halfway=halfway)
        patch.setattr(module, "_CHUNK", chunk)
        rows = history.advance(table(*range(20)), update=update, isolate=True)
    assert sorted(rows.faults) == list(FAULTY)
    assert {type(error) for error in rows.faults.values()} == {OverflowError}
    assert np.isnan(rows.values[list(FAULTY)]).all()
    kept = rows.take(np.array(others))
    assert np.array_equal(kept.values, wanted.values, equal_nan=True)
    assert np.array_equal(kept.late, wanted.late)
    assert kept.late.any()
    assert differences(history, expected) == []
    later = table(*range(30, 40))
    assert np.array_equal(history.advance(later).values, expected.advance(later).values, equal_nan=True)


@pytest.mark.parametrize("update", [True, False])
def test_without_isolation_the_fault_is_raised_and_the_state_stays_whole(
    monkeypatch: pytest.MonkeyPatch, halfway: bool, update: bool
) -> None:
    history = History.empty()
    history.advance(table(0, 1, 2))
    before = history.copy()
    with monkeypatch.context() as patch:
        make_history_fail(patch, "HB-8", halfway=halfway)
        for faulty in (table(8), table(6, 7, 8)):
            with pytest.raises(OverflowError):
                history.advance(faulty, update=update)
    assert differences(history, before) == []
    assert np.array_equal(history.advance(table(6, 8)).values, before.advance(table(6, 8)).values, equal_nan=True)


def test_exhausted_memory_is_no_fault_of_a_shipment(monkeypatch: pytest.MonkeyPatch) -> None:
    history = History.empty()

    def full(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(store, "_resized", full)
    with pytest.raises(MemoryError):
        history.advance(table(*(number for number in range(100) if number % 5 != 4)), isolate=True)
    assert history.sequence == 0
