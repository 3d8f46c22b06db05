"""Features of windows: what learns nothing is worked out once for all of them, and changes nothing by that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.groups.base import FloatArray
from features.groups.party.group import PartyGroup
from features.table.table import ManifestTable
from tests.training.small_data import rows, write
from training.data.dataset import Dataset, from_file
from training.data.feature_cache import FeatureCache
from training.data.stream import Kept, Unlearned, fitted, part_of, replayed
from training.data.windows import NEVER, Window


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return from_file(write(tmp_path_factory.mktemp("stream") / "labelled.csv", rows(1500)))


def window(name: str, shipments: Any) -> Window:
    return Window(name, 0, 0, NEVER, np.asarray(shipments, dtype=np.int64))


FIT, STOP, REFIT = window("fit", range(600)), window("stop", range(650, 800)), window("refit", range(1000))
#: As windows are without times.
SCATTERED = window("stop", range(1, 1000, 7))
BEYOND = window("lanes", range(900, 1100))


@pytest.fixture
def party_rows(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows of each table that a group which learns nothing is asked about."""
    asked: list[int] = []
    real = PartyGroup.fill

    def fill(self: PartyGroup, table: ManifestTable, history: FloatArray, out: FloatArray) -> None:
        asked.append(table.n_rows)
        real(self, table, history, out)

    monkeypatch.setattr(PartyGroup, "fill", fill)
    return asked


def test_what_learns_nothing_is_asked_once_about_each_row(data: Dataset, party_rows: list[int]) -> None:
    stream, _ = replayed(data)
    unlearned = Unlearned(stream, REFIT)
    space, fit = fitted(stream, FIT, 1, unlearned=unlearned)
    parts = [part_of(stream, one, space, unlearned=unlearned) for one in (STOP, SCATTERED)]
    before = fit.matrix.copy()
    final, refit = fitted(stream, REFIT, 1, unlearned=unlearned)
    assert sum(party_rows) == len(stream.rows(REFIT))
    # Nobody's features are overwritten by what the next window learned.
    np.testing.assert_array_equal(fit.matrix, before)
    plain_space, plain_fit = fitted(stream, FIT, 1)
    np.testing.assert_array_equal(fit.matrix, plain_fit.matrix)
    np.testing.assert_array_equal(refit.matrix, fitted(stream, REFIT, 1)[1].matrix)
    for part, one in zip(parts, (STOP, SCATTERED), strict=True):
        np.testing.assert_array_equal(part.matrix, part_of(stream, one, plain_space).matrix)
    np.testing.assert_array_equal(
        part_of(stream, BEYOND, final, unlearned=unlearned).matrix, part_of(stream, BEYOND, final).matrix
    )


def test_large_windows_are_worked_out_in_parts(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    stream, _ = replayed(data)
    space, whole = fitted(stream, REFIT, 1)
    later = part_of(stream, BEYOND, space)
    monkeypatch.setattr("training.data.stream._ROWS_AT_A_TIME", 70)
    np.testing.assert_array_equal(fitted(stream, REFIT, 1)[1].matrix, whole.matrix)
    np.testing.assert_array_equal(part_of(stream, BEYOND, space).matrix, later.matrix)


def test_nothing_is_asked_about_windows_that_were_kept(data: Dataset, tmp_path: Path, party_rows: list[int]) -> None:
    made: list[FloatArray] = []
    plain, _ = replayed(data)
    for _ in range(2):
        cache = FeatureCache(tmp_path, data, 1)
        stream, _ = replayed(data, cache)
        unlearned = Unlearned(stream, REFIT)
        space, fit = fitted(stream, FIT, 1, cache, unlearned)
        stop = part_of(stream, STOP, space, Kept(cache, FIT), unlearned)
        made += [fit.matrix, stop.matrix, fitted(stream, REFIT, 1, cache, unlearned)[1].matrix]
    assert sum(party_rows) == len(plain.rows(REFIT))
    for first, second in zip(made[:3], made[3:], strict=True):
        np.testing.assert_array_equal(first, second)
