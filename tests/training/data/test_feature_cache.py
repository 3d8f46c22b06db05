"""Cached features equal computed ones, and an entry is used only for the data it was computed from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training.data import window_features
from training.data.dataset import Dataset
from training.data.sources import simulated
from training.data.window_features import FeatureCache, FeatureSource, replay_history
from training.data.windows import NEVER, Window


@pytest.fixture(scope="module")
def data() -> Dataset:
    return simulated(2000, 4)


def window(name: str, start: int, end: int) -> Window:
    return Window(name, 0, 0, NEVER, np.arange(start, end, dtype=np.int64))


FIT, LATER = window("fit", 0, 600), window("stop", 600, 900)


def test_cached_features_equal_computed_ones(data: Dataset, tmp_path: Path) -> None:
    plain_values, plain_history = replay_history(data)
    plain = FeatureSource(data, plain_values)
    plain_space, plain_fit = plain.fit(FIT, 1)
    plain_later = plain.transform(LATER, plain_space, FIT)
    for hits in (0, 3):
        cache = FeatureCache(tmp_path / "cache", data, 1)
        values, history = replay_history(data, cache)
        source = FeatureSource(data, values, cache=cache)
        space, fit = source.fit(FIT, 1)
        later = source.transform(LATER, space, FIT)
        assert (cache.hits, cache.misses) == (hits, 3 - hits)
        np.testing.assert_array_equal(values, plain_values)
        np.testing.assert_array_equal(fit.matrix, plain_fit.matrix)
        np.testing.assert_array_equal(later.matrix, plain_later.matrix)
        np.testing.assert_array_equal(plain.transform(LATER, space, FIT).matrix, plain_later.matrix)
        for name, array in plain_history.to_arrays().items():
            np.testing.assert_array_equal(history.to_arrays()[name], array)


def test_other_labels_windows_seeds_and_code_use_other_entries(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values, _ = replay_history(data)
    cache = FeatureCache(tmp_path, data, 1)
    FeatureSource(data, values, cache=cache).fit(FIT, 1)
    relabelled = replace(data, labels=replace(data.labels, known_s=data.labels.known_s + 1))
    others = [FeatureCache(tmp_path, relabelled, 1), FeatureCache(tmp_path, data, 2)]
    monkeypatch.setattr(window_features, "code_digest", lambda: "changed")
    others.append(FeatureCache(tmp_path, data, 1))
    for other in others:
        FeatureSource(data, values, cache=other).fit(FIT, 1)
        assert (other.hits, other.misses) == (0, 1)
    FeatureSource(data, values, cache=cache).fit(window("fit", 0, 599), 1)
    assert (cache.hits, cache.misses) == (0, 2)


def test_an_interrupted_entry_is_computed_again_and_leaves_no_files(data: Dataset, tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, data, 1)

    def failing() -> window_features.Entry:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.get("some", failing)
    cache.get("some", lambda: ({"a": 1}, {"b": np.arange(3)}))
    state, arrays = FeatureCache(tmp_path, data, 1).get("some", failing)
    assert state == {"a": 1}
    assert arrays["b"].tolist() == [0, 1, 2]
    assert len(list(tmp_path.iterdir())) == 1
