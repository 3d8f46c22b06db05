"""Faults of the program inside the history, for tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from features.groups.history import history as module
from features.groups.history.history import History
from features.groups.history.keys import history_keys
from features.groups.history.state import KeyRow
from features.manifest.records import read_record
from features.table.table import ManifestTable


def reference_keys(*references: str) -> list[int]:
    """Return the history keys of the references."""
    records = [{"shipment_id": reference, "items": [{"goods_description": "x"}]} for reference in references]
    keys: list[int] = history_keys(ManifestTable.from_records(list(map(read_record, records))))[
        KeyRow.REFERENCE
    ].tolist()
    return keys


def make_history_fail(monkeypatch: pytest.MonkeyPatch, *references: str, halfway: bool = False) -> None:
    """Make every history fail on the shipments with the given references.

    Args:
        halfway: whether it fails after it has counted the shipments, which only an uncompiled pass may do, instead of before.
    """
    working, faulty = History._pass, reference_keys(*references)

    def failing(history: History, keys: Any, values: Any, late: Any, *, update: bool) -> None:
        is_faulty = bool(np.isin(keys[KeyRow.REFERENCE], faulty).any())
        if halfway or not is_faulty:
            working(history, keys, values, late, update=update)
        if is_faulty:
            raise OverflowError("math range error")

    monkeypatch.setattr(History, "_pass", failing)
    if halfway:
        monkeypatch.setattr(module, "IS_COMPILED", False)
