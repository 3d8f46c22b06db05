"""A world that plays an office, and the figures of the learning curve."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.training.authors.conftest import QUICK
from training.authors.leaving_out import Authors
from training.authors.lessons_file import StoredLessons
from training.data.window_features import is_history
from training.office.curve import ALONE, LEARNED, SIZES, Player, curve_of, mean_of, page
from training.office.joint import PARAMS, JointParams, blended
from training.office.playing import Office, Scored, Worlds

NAME = "gateway_hub"


@pytest.fixture(scope="module")
def worlds(authors: Authors) -> Worlds:
    return Worlds.of(StoredLessons.of(authors), QUICK)


@pytest.fixture(scope="module")
def office(authors: Authors) -> Office:
    views = authors.views[NAME]
    earlier = np.arange(len(views.first_row)) < 0.6 * len(views.first_row)
    return Office(views, earlier, np.where(earlier, 1.0, 0.0))


def test_the_world_that_plays_the_office_gives_no_lessons(worlds: Worlds) -> None:
    others = worlds.others(NAME)
    number = [*worlds.lessons.worlds].index(NAME)
    assert number not in set(others.author)
    assert len(others.weight) == (worlds.lessons.author != number).sum()


def test_larger_draws_contain_the_smaller_ones_and_only_earlier_shipments(office: Office) -> None:
    few, more = office.draw(3, 0), office.draw(6, 0)
    assert (few.content.any(axis=1).sum(), more.content.any(axis=1).sum()) == (3, 6)
    assert (few.inspected <= more.inspected).all()
    assert more.inspected.sum() == 66
    assert not (more.inspected & ~office.earlier).any()
    assert (more.content <= office.views.content).all()
    assert not (office.draw(3, 1).inspected == few.inspected).all()


def test_finds_reach_the_history_of_later_shipments(office: Office, worlds: Worlds) -> None:
    none, some = office.draw(0, 0), office.draw(office.most, 0)
    rows = np.arange(len(office.views.settled))
    before, after = (one.matrix(rows, worlds.space) for one in (none, some))
    changed = np.flatnonzero(~np.isclose(before, after, equal_nan=True).all(axis=0))
    assert len(changed)
    assert set(changed) <= set(worlds.space.columns_of(is_history))


def test_wrong_results_are_finds_that_are_clean_and_the_reverse(office: Office) -> None:
    right, wrong = office.draw(10, 0), office.draw(10, 0, wrong=0.2)
    assert (right.inspected == wrong.inspected).all()
    differing = right.content.any(axis=1) != wrong.content.any(axis=1)
    assert differing.sum() == pytest.approx(22, abs=12)


def test_a_find_is_one_of_the_own_rows_and_others_are_presumed_clean(office: Office, worlds: Worlds) -> None:
    own = office.draw(6, 0).own(worlds)
    assert own.is_find.sum() == 6
    assert own.inspected.sum() >= 66
    assert len(own.matrix) >= office.earlier.sum() - 6


def test_the_curve_scores_what_a_bundle_would(worlds: Worlds, office: Office, tmp_path: Path) -> None:
    champion = worlds.teacher(worlds.others(NAME)).learned(None)
    weights = JointParams(half=5.0, growth=1.5)
    scored = replace(office.draw(2, 0).scored(worlds, champion, champion), finds=np.array([15]))
    assert len(scored.first) == len(scored.illicit) == len(scored.consignor) == (~office.earlier).sum()
    of_bundle = office.draw(2, 0).scored(worlds, champion, blended(champion, champion, 15, weights))
    np.testing.assert_allclose(of_bundle.learned, scored.blended(weights), atol=1e-9)
    scored.save(tmp_path / "scored.npz")
    np.testing.assert_array_equal(Scored.read(tmp_path / "scored.npz").prior, scored.prior)


def test_figures_of_worlds_become_tables(worlds: Worlds, office: Office, tmp_path: Path) -> None:
    player = Player(tmp_path, NAME)
    vars(player).update(worlds=worlds, office=office, lessons=worlds.others(NAME))
    curve = curve_of(player, {LEARNED: 2, ALONE: 1})
    assert len(curve.champion) == 1 + len(SIZES)
    assert curve.learned[LEARNED][0].shape == curve.learned[ALONE][-1].shape
    made = sorted(path.name for path in tmp_path.iterdir())
    assert f"{NAME}-20-1-learned-{PARAMS.find:g}-{PARAMS.presumed:g}.npz" in made
    # A second run reads the scores.
    again = curve_of(Player(tmp_path, NAME), {LEARNED: 2, ALONE: 1})
    np.testing.assert_array_equal(again.learned[LEARNED], curve.learned[LEARNED])
    mean = mean_of([curve, curve])
    np.testing.assert_allclose(mean.champion, curve.champion)
    lines = page([curve, curve]).splitlines()
    assert lines[0] == "| finds | adapted champion | after learning | own rows alone | gain by learning |"
    assert [line.split(" | ")[0] for line in lines[2:8]] == ["| 0", "| 5", "| 20", "| 50", "| 200", "| 1,000"]
    assert len([line for line in lines if line.startswith(f"| {NAME} |")]) == 2
