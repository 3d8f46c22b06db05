"""Feature matrices of windows: columns that need no fit are computed once and shared without changing any value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.groups.base import FloatArray, GroupInput
from features.groups.party import PartyGroup
from features.space import FeatureSpace
from tests.training.small_data import rows, write
from training.data.dataset import Dataset
from training.data.sources import from_file
from training.data.window_features import FeatureCache, FeatureSource, parts_of, replay_history
from training.data.windows import NEVER, Window


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return from_file(write(tmp_path_factory.mktemp("windows") / "labelled.csv", rows(1500)))


@pytest.fixture(scope="module")
def history(data: Dataset) -> FloatArray:
    return replay_history(data)[0]


def window(name: str, shipments: Any) -> Window:
    return Window(name, 0, 0, NEVER, np.asarray(shipments, dtype=np.int64))


FIT, STOP, REFIT = window("fit", range(600)), window("stop", range(650, 800)), window("refit", range(1000))
#: A window of a random split.
SCATTERED = window("stop", range(1, 1000, 7))
BEYOND = window("lanes", range(900, 1100))


@pytest.fixture
def party_rows(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Number of rows of each call of a group that learns nothing."""
    counts: list[int] = []
    real = PartyGroup.fill

    def fill(self: PartyGroup, source: GroupInput, history: FloatArray, out: FloatArray) -> None:
        counts.append(source.table.n_rows)
        real(self, source, history, out)

    monkeypatch.setattr(PartyGroup, "fill", fill)
    return counts


def plain_fit(data: Dataset, history: FloatArray, fitted_on: Window) -> tuple[FeatureSpace, FloatArray]:
    space, features = FeatureSource(data, history).fit(fitted_on, 1)
    return space, features.matrix


def test_columns_that_need_no_fit_are_computed_once_per_row(
    data: Dataset, history: FloatArray, party_rows: list[int]
) -> None:
    source = FeatureSource(data, history, reuse=REFIT)
    space, fit = source.fit(FIT, 1)
    parts = [source.transform(one, space, FIT) for one in (STOP, SCATTERED)]
    before = fit.matrix.copy()
    final, refit = source.fit(REFIT, 1)
    assert sum(party_rows) == len(data.window_rows(REFIT))
    # The fit of the next window leaves the matrices of earlier windows unchanged.
    np.testing.assert_array_equal(fit.matrix, before)
    plain_space, plain_matrix = plain_fit(data, history, FIT)
    np.testing.assert_array_equal(fit.matrix, plain_matrix)
    np.testing.assert_array_equal(refit.matrix, plain_fit(data, history, REFIT)[1])
    plain = FeatureSource(data, history)
    for part, one in zip(parts, (STOP, SCATTERED), strict=True):
        np.testing.assert_array_equal(part.matrix, plain.transform(one, plain_space, FIT).matrix)
    np.testing.assert_array_equal(
        source.transform(BEYOND, final, REFIT).matrix, plain.transform(BEYOND, final, REFIT).matrix
    )


def test_large_windows_are_computed_in_parts(
    data: Dataset, history: FloatArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = FeatureSource(data, history)
    space, whole = source.fit(REFIT, 1)
    later = source.transform(BEYOND, space, REFIT)
    monkeypatch.setattr("training.data.window_features._ROWS_AT_A_TIME", 70)
    np.testing.assert_array_equal(source.fit(REFIT, 1)[1].matrix, whole.matrix)
    np.testing.assert_array_equal(source.transform(BEYOND, space, REFIT).matrix, later.matrix)


def test_cached_windows_are_not_computed_again(data: Dataset, tmp_path: Path, party_rows: list[int]) -> None:
    matrices: list[FloatArray] = []
    for _ in range(2):
        cache = FeatureCache(tmp_path, data, 1)
        source = FeatureSource(data, replay_history(data, cache)[0], reuse=REFIT, cache=cache)
        space, fit = source.fit(FIT, 1)
        stop = source.transform(STOP, space, FIT)
        matrices += [fit.matrix, stop.matrix, source.fit(REFIT, 1)[1].matrix]
    assert sum(party_rows) == len(data.window_rows(REFIT))
    for first, second in zip(matrices[:3], matrices[3:], strict=True):
        np.testing.assert_array_equal(first, second)


def test_a_released_source_holds_no_history(data: Dataset, history: FloatArray) -> None:
    source = FeatureSource(data, history)
    space, _ = source.fit(FIT, 1)
    source.release()
    with pytest.raises(IndexError):
        source.transform(STOP, space, FIT)


def test_parts_cover_a_range_of_shipments_in_order(data: Dataset) -> None:
    table = data.table
    parts = list(parts_of(table, 100, 700, rows_at_a_time=150))
    assert len(parts) > 3
    assert np.concatenate([shipments for _, _, shipments in parts]).tolist() == list(range(100, 700))
    first = int(table.first_row[100])
    for of_part, part, shipments in parts:
        assert part.n_rows == of_part.stop - of_part.start
        np.testing.assert_array_equal(part.number("customs_value"), table.number("customs_value")[first:][of_part])
        np.testing.assert_array_equal(part.declared_s, table.declared_s[shipments])


def test_a_source_that_keeps_a_window_computes_it_and_no_other(data: Dataset, history: FloatArray) -> None:
    source = FeatureSource(data, history)
    space, _ = source.fit(FIT, 1)
    whole = source.transform(SCATTERED, space, FIT)
    source.keep(SCATTERED)
    np.testing.assert_array_equal(source.transform(SCATTERED, space, FIT).matrix, whole.matrix)
    with pytest.raises(IndexError, match="was freed"):
        source.transform(BEYOND, space, FIT)


def test_a_fit_frees_the_history_that_no_later_window_needs(data: Dataset, history: FloatArray) -> None:
    source = FeatureSource(data, history)
    space, whole = source.fit(FIT, 1)
    freeing = FeatureSource(data, history)
    _, fit = freeing.fit(FIT, 1, later=[SCATTERED])
    np.testing.assert_array_equal(fit.matrix, whole.matrix)
    expected = source.transform(SCATTERED, space, FIT).matrix
    np.testing.assert_array_equal(freeing.transform(SCATTERED, space, FIT).matrix, expected)
    with pytest.raises(IndexError, match="was freed"):
        freeing.transform(BEYOND, space, FIT)


def test_columns_that_need_no_fit_are_freed_when_the_last_window_has_them(data: Dataset, history: FloatArray) -> None:
    source = FeatureSource(data, history, reuse=REFIT)
    space, _ = source.fit(FIT, 1)
    unfitted = source._unfitted
    assert unfitted is not None
    assert sum(len(part) for part in unfitted.parts) == len(data.window_rows(REFIT))
    # The columns of the history and of groups that are fitted are not among them.
    assert len(unfitted.columns) < len(space.names) / 2
    source.fit(REFIT, 1)
    assert sum(part.size for part in unfitted.parts) == 0
