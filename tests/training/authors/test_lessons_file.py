"""The file of lessons: sums, samples with unchanged totals, and values that no split of the trees tells from the original ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.models.small_model import train
from tests.training.authors.conftest import QUICK
from training.authors.learning import UNSEEN, fit_residual, hide_unseen
from training.authors.leaving_out import Authors
from training.authors.lessons_file import MISSING, MOST_VALUES, LessonsRefused, StoredLessons, read_lessons
from training.fitting.residual import combined


@pytest.fixture(scope="module")
def stored(authors: Authors) -> StoredLessons:
    return StoredLessons.of(authors).sampled(4_000)


def test_a_file_gives_the_same_lessons_and_the_same_bytes(stored: StoredLessons, tmp_path: Path) -> None:
    digest = stored.save(tmp_path / "one")
    assert stored.save(tmp_path / "two") == digest
    assert (tmp_path / "one" / "lessons.npz").read_bytes() == (tmp_path / "two" / "lessons.npz").read_bytes()
    again = read_lessons(tmp_path / "one")
    assert (again.digest, again.names, again.worlds) == (digest, stored.names, stored.worlds)
    np.testing.assert_array_equal(again.values[:, :MISSING], stored.values[:, :MISSING])
    np.testing.assert_array_equal(again.codes, stored.codes)
    np.testing.assert_allclose(again.weight, stored.weight, rtol=1e-6)
    np.testing.assert_array_equal(again.find, stored.find)


def test_all_finds_are_kept_and_totals_of_each_author_stay(authors: Authors, stored: StoredLessons) -> None:
    whole = StoredLessons.of(authors)
    assert len(whole.weight) > 1.5 * len(stored.weight)
    assert stored.find.sum() == whole.find.sum() > 100
    for number in range(len(authors.taught)):
        for find in (True, False):
            totals = [
                one.weight[(one.author == number) & (one.find.any(axis=1) == find)].sum() for one in (stored, whole)
            ]
            assert totals[0] == pytest.approx(totals[1], rel=1e-9 if find else 0.05)


def test_values_are_rounded_to_the_nearest_kept_one_and_missing_ones_stay_missing(
    authors: Authors, stored: StoredLessons
) -> None:
    seen = [column for column, name in enumerate(stored.names) if name not in UNSEEN]
    rows = stored.lessons(authors.prior, QUICK.slope).matrix
    np.testing.assert_array_equal(stored.rounded(rows)[:, seen], rows[:, seen])
    moved = stored.rounded(rows + 1e-9)
    np.testing.assert_array_equal(np.isnan(moved), np.isnan(rows))
    assert max(len(np.unique(column[~np.isnan(column)])) for column in rows.T) <= MOST_VALUES < MISSING


def test_trees_start_where_those_of_the_champion_do(authors: Authors) -> None:
    whole, lessons = StoredLessons.of(authors), authors.lessons(slope=QUICK.slope)
    again = whole.lessons(authors.prior, QUICK.slope)
    find = np.asarray(lessons.find.any(axis=1))
    np.testing.assert_array_equal(again.find, lessons.find)
    # Values are rounded, and runs of an author share an intercept.
    difference = again.prior[:, 0] - combined(lessons.prior)
    assert np.median(np.abs(difference)) < 0.15
    for number in range(len(whole.worlds)):
        rows = whole.author == number
        weight = again.weight[rows] / again.weight[rows].sum()
        assert (weight / (1.0 + np.exp(-again.prior[rows, 0]))).sum() == pytest.approx(weight[find[rows]].sum())


def test_no_split_of_the_trees_tells_a_row_from_its_rounded_values(authors: Authors, stored: StoredLessons) -> None:
    lessons = stored.lessons(authors.prior, QUICK.slope)
    trees = fit_residual(lessons, ("any",), authors.names, authors.monotone, QUICK)
    matrix = authors.views["northpost"].settled[:3_000].copy()
    hide_unseen(matrix, authors.names)
    np.testing.assert_array_equal(trees.raw(matrix), trees.raw(stored.rounded(matrix)))
    assert not np.array_equal(matrix, stored.rounded(matrix), equal_nan=True)


@pytest.mark.parametrize("damage", ["flipped", "missing", "protocol", "lacking"])
def test_damaged_lessons_are_refused_with_the_command_that_writes_them_again(
    stored: StoredLessons, damage: str, tmp_path: Path
) -> None:
    stored.save(tmp_path)
    arrays, about = tmp_path / "lessons.npz", json.loads((tmp_path / "lessons.json").read_text())
    if damage == "flipped":
        content = bytearray(arrays.read_bytes())
        content[len(content) // 2] ^= 1
        arrays.write_bytes(content)
    elif damage == "missing":
        arrays.unlink()
    else:
        about = {**about, "protocol": 2} if damage == "protocol" else {k: v for k, v in about.items() if k != "worlds"}
        (tmp_path / "lessons.json").write_text(json.dumps(about))
    with pytest.raises(LessonsRefused, match=r"python -m training\.authors --lessons"):
        read_lessons(tmp_path)


def test_lessons_with_other_features_than_the_model_are_refused(stored: StoredLessons) -> None:
    model = train()
    stored.check(model)
    fewer = replace(stored, names=stored.names[1:])
    with pytest.raises(
        LessonsRefused, match=rf"other features than model 1 .{stored.names[0]}.*training\.authors --lessons"
    ):
        fewer.check(model)
