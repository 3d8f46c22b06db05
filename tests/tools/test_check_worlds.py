"""Checks of the worlds by other authors: their numbers, and that no raw field alone identifies the finds."""

from __future__ import annotations

import numpy as np
import pytest

from tools.check_worlds import WorldFigures, measure, most_telling_field
from training.authors.views import SEALED
from training.worlds.writer import World, author_names, build_world

GOOD = WorldFigures("w", 40_000, 260, 700, 0.6, 0.3, 0.7, "f")


@pytest.mark.slow
@pytest.mark.parametrize("name", author_names())
def test_a_small_world_has_the_right_numbers_and_no_telling_field(name: str) -> None:
    figures = measure(name, 3_000, (1, 2), with_best=False)
    # Allow two standard errors, because there are only about forty finds.
    assert figures.faults(errors=2.0) == []
    assert (figures.points is None) == (name in SEALED)


def test_each_check_is_reported() -> None:
    def faults(**changed: float) -> list[str]:
        values = {key: getattr(GOOD, key) for key in WorldFigures.__slots__} | changed
        return WorldFigures(**values).faults()

    assert GOOD.faults() == []
    assert faults(finds=400) == ["prevalence .4 to .9 %"]
    assert faults(hard=400) == ["at least 500 hard negatives per 40,000 shipments"]
    assert faults(finds=170) == ["at least 200 finds per 40,000 shipments"]
    assert faults(best=0.95) == ["best recall .55 to .90"]
    assert faults(best=0.54) == ["best recall .55 to .90"]
    assert faults(points=0.5) == ["points .15 below"]
    assert faults(area=0.75) == ["no raw field at .75"]


def test_a_field_that_identifies_the_finds_is_reported() -> None:
    world = build_world("northpost", 800, 1)
    content = world.truth.set_index("shipment_id")["content"]
    illicit = (world.items["shipment_id"].map(content) != "none").to_numpy()
    items = world.items.assign(agent_name=np.where(illicit, "agent of some", "agent"))
    area, field = most_telling_field([World(items, world.truth, world.evidence, world.points)])
    assert area == 1.0
    assert field.startswith("agent_name")
