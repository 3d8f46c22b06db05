"""The bundled lessons belong to the bundled champion."""

from __future__ import annotations

from tests.champion import load_champion, serves_champion
from training.authors.lessons_file import DEFAULT, ROWS, read_lessons


@serves_champion
def test_the_lessons_have_the_features_of_the_champion_and_are_small() -> None:
    lessons = read_lessons(DEFAULT)
    lessons.check(load_champion())
    assert 0.9 * ROWS < len(lessons.weight) < 1.1 * ROWS
    assert len(lessons.worlds) >= 6
    assert (DEFAULT / "lessons.npz").stat().st_size < 20e6
