"""Tests of the timers around functions of the library."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic_core import to_json

from benchmarks import stages
from benchmarks.shipments import simulated
from benchmarks.stages import STAGES, Stopwatch, answered, find, scored_file, watched
from models.bundle import load


class Clock:
    """A clock that advances on command."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_names_an_existing_function(stage: str) -> None:
    assert all(find(target) for target in STAGES[stage]), STAGES[stage]


@pytest.mark.long
def test_every_stage_occurs_in_requests_or_a_file(small_bundle: Path) -> None:
    model = load(small_bundle)
    bodies = [to_json([record]) for record in simulated(60, 3)]
    answered_one_by_one = answered(model, bodies, warm_up=1, unit=1)
    of_file = scored_file(model, 300)
    assert set(answered_one_by_one["stages"]) | set(of_file["stages"]) == {
        *STAGES,
        "parse JSON",
        "write JSON",
        "the rest",
    }
    for figures in (answered_one_by_one, of_file):
        assert sum(figures["stages"].values()) == pytest.approx(figures["timed"])


def test_a_missing_function_is_not_found() -> None:
    assert find("no.such.module:Thing.name") is None
    assert find("features.table.table:ManifestTable.no_such_method") is None


def test_the_time_of_a_stage_excludes_nested_stages() -> None:
    clock = Clock()
    watch = Stopwatch(clock)
    with watch.timing("outer"):
        clock.now += 5
        with watch.timing("inner"):
            clock.now += 20
            with watch.timing("innermost"):
                clock.now += 1
        with watch.timing("inner"):
            clock.now += 3
        clock.now += 2
    assert watch.spent == {"outer": 7, "inner": 23, "innermost": 1}
    assert watch.calls == 4


def test_the_time_of_a_stage_that_raises_counts() -> None:
    clock = Clock()
    watch = Stopwatch(clock)

    def fail() -> None:
        clock.now += 4
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"), watch.timing("outer"):
        watch.around("inner", fail)()
    assert watch.spent == {"inner": 4, "outer": 0}


def test_the_time_of_a_generator_excludes_that_of_its_consumer() -> None:
    clock = Clock()
    watch = Stopwatch(clock)

    def pieces() -> Iterator[int]:
        for number in range(3):
            clock.now += 10
            yield number
        clock.now += 1

    taken = []
    for piece in watch.around("reader", pieces)():
        clock.now += 100
        taken.append(piece)
    assert taken == [0, 1, 2]
    assert watch.spent == {"reader": 31}


def test_functions_of_every_kind_work_while_timed_and_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    class Thing:
        computed = 0

        @classmethod
        def make(cls, value: int) -> Thing:
            thing = cls()
            thing.value = value
            return thing

        def plain(self) -> int:
            return self.value

        @property
        def shown(self) -> int:
            return self.value + 1

        @cached_property
        def cached(self) -> int:
            Thing.computed += 1
            return self.value + 2

        value = 0

    targets = {
        "make": ("fake:Thing.make",),
        "plain": ("fake:Thing.plain",),
        "shown": ("fake:Thing.shown",),
        "cached": ("fake:Thing.cached", "fake:Thing.missing"),
    }
    monkeypatch.setattr(stages, "STAGES", targets)
    fake_module: Any = SimpleNamespace(Thing=Thing)
    monkeypatch.setattr(stages, "import_module", lambda _: fake_module)
    watch = Stopwatch()
    with watched(watch):
        thing = Thing.make(4)
        assert (thing.plain(), thing.shown, thing.cached, thing.cached) == (4, 5, 6, 6)
    assert Thing.computed == 1
    assert set(watch.spent) == set(targets)
    calls = watch.calls
    assert (Thing.make(7).plain(), thing.shown) == (7, 5)
    assert watch.calls == calls
