"""Features kept for later runs are those that would be computed, and are never taken for others'."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training.data import feature_cache
from training.data.dataset import Dataset, simulated
from training.data.feature_cache import FeatureCache
from training.data.stream import Kept, fitted, part_of, replayed
from training.data.windows import NEVER, Window


@pytest.fixture(scope="module")
def data() -> Dataset:
    return simulated(2000, 4)


def window(name: str, start: int, end: int) -> Window:
    return Window(name, 0, 0, NEVER, np.arange(start, end, dtype=np.int64))


FIT, LATER = window("fit", 0, 600), window("stop", 600, 900)


def test_what_is_kept_is_what_would_be_computed(data: Dataset, tmp_path: Path) -> None:
    plain_stream, plain_history = replayed(data)
    plain_space, plain_fit = fitted(plain_stream, FIT, 1)
    plain_later = part_of(plain_stream, LATER, plain_space)
    for used in (0, 3):
        cache = FeatureCache(tmp_path / "kept", data, 1)
        stream, history = replayed(data, cache)
        space, fit = fitted(stream, FIT, 1, cache)
        later = part_of(stream, LATER, space, Kept(cache, FIT))
        assert (cache.used, cache.made) == (used, 3 - used)
        np.testing.assert_array_equal(stream.history, plain_stream.history)
        np.testing.assert_array_equal(fit.matrix, plain_fit.matrix)
        np.testing.assert_array_equal(later.matrix, plain_later.matrix)
        np.testing.assert_array_equal(part_of(stream, LATER, space).matrix, plain_later.matrix)
        for name, array in plain_history.to_arrays().items():
            np.testing.assert_array_equal(history.to_arrays()[name], array)


def test_other_labels_windows_seeds_and_code_have_entries_of_their_own(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream, _ = replayed(data, FeatureCache(tmp_path, data, 1))
    cache = FeatureCache(tmp_path, data, 1)
    fitted(stream, FIT, 1, cache)
    relabelled = replace(data, labels=replace(data.labels, known_s=data.labels.known_s + 1))
    others = [FeatureCache(tmp_path, relabelled, 1), FeatureCache(tmp_path, data, 2)]
    monkeypatch.setattr(feature_cache, "code_digest", lambda: "changed")
    others.append(FeatureCache(tmp_path, data, 1))
    for other in others:
        fitted(stream, FIT, 1, other)
        assert (other.used, other.made) == (0, 1)
    fitted(stream, window("fit", 0, 599), 1, cache)
    assert (cache.used, cache.made) == (0, 2)


def test_an_entry_that_was_broken_off_is_made_again_and_leaves_nothing_behind(data: Dataset, tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, data, 1)

    def failing() -> feature_cache.Entry:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.get("some", failing)
    cache.get("some", lambda: ({"a": 1}, {"b": np.arange(3)}))
    state, arrays = FeatureCache(tmp_path, data, 1).get("some", failing)
    assert state == {"a": 1}
    assert arrays["b"].tolist() == [0, 1, 2]
    assert len(list(tmp_path.iterdir())) == 1
