"""Stages that work ahead: in order, bounded, and gone when nobody wants their results any more."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from service.files.ahead import Ahead

#: Seconds after which something that should have happened at once counts as stuck.
STUCK = 30


def workers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "ahead"]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert workers() == []


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("depth", [1, 4])
def test_results_keep_the_order_of_the_source(count: int, depth: int) -> None:
    with Ahead(range(200), str, workers=count, depth=depth) as ahead:
        assert list(ahead) == list(map(str, range(200)))
        assert list(ahead) == []


def test_a_slow_item_holds_back_those_behind_it() -> None:
    go_on = threading.Event()
    second = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            assert go_on.wait(STUCK)
        else:
            second.set()
        return item

    with Ahead(range(3), work, workers=2) as ahead:
        assert second.wait(STUCK)
        go_on.set()
        assert list(ahead) == [0, 1, 2]


@pytest.mark.parametrize(("count", "depth"), [(1, 1), (1, 3), (2, 1)])
def test_no_more_items_are_taken_than_there_is_room_for(count: int, depth: int) -> None:
    room = depth + count - 1
    taken: list[int] = []
    enough = threading.Event()
    full = threading.Event()

    def source() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            if len(taken) == room:
                enough.set()
            if len(taken) > room:
                full.set()
            yield item

    with Ahead(source(), lambda item: item, workers=count, depth=depth) as ahead:
        assert enough.wait(STUCK)
        assert not full.is_set()
        # Each that is consumed makes room for one.
        assert next(ahead) == 0
        assert full.wait(STUCK)
        assert len(taken) == room + 1


def test_stages_work_at_the_same_time() -> None:
    first_at_second, second_at_first = threading.Event(), threading.Event()

    def first(item: int) -> int:
        if item == 1:
            first_at_second.set()
            assert second_at_first.wait(STUCK)
        return item

    def second(item: int) -> int:
        if item == 0:
            second_at_first.set()
            assert first_at_second.wait(STUCK)
        return item

    with Ahead(range(3), first) as firsts, Ahead(firsts, second) as seconds:
        assert list(seconds) == [0, 1, 2]


def failing(at: int, error: BaseException) -> Iterator[int]:
    for item in range(10):
        if item == at:
            raise error
        yield item


@pytest.mark.parametrize("problem", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("where", ["source", "work", "first stage"])
def test_an_error_comes_in_its_place_as_it_was(problem: type[BaseException], count: int, where: str) -> None:
    error = problem("no more")

    def work(item: int) -> int:
        if item == 5:
            raise error
        return item

    got: list[int] = []
    first = Ahead(failing(5, error), int) if where == "source" else Ahead(range(10), work if where != "work" else int)
    with first, Ahead(first, work, workers=count) as ahead, pytest.raises(problem) as raised:
        got.extend(ahead)
    assert raised.value is error
    assert got == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("consumed", [0, 1, 5])
@pytest.mark.parametrize("count", [1, 3])
def test_a_consumer_may_stop_early(consumed: int, count: int) -> None:
    with (
        Ahead(iter(int, 1), str) as first,
        Ahead(first, str, workers=count) as second,
        Ahead(second, str) as third,
    ):
        for _ in range(consumed):
            assert next(third) == "0"
    assert workers() == []
    assert next(third, None) is None


def test_closing_the_last_stage_stops_the_first_before_its_next_item() -> None:
    working, go_on = threading.Event(), threading.Event()
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        working.set()
        assert go_on.wait(STUCK)
        return item

    with Ahead(range(10), work) as first, Ahead(first, int) as second:
        assert working.wait(STUCK)
        closing = threading.Thread(target=second.close)
        closing.start()
        # The second stage waits for the first and is let go at once, though an item is still in work.
        closing.join(STUCK)
        assert not closing.is_alive()
        go_on.set()
    assert begun == [0]


def test_whoever_waits_is_let_go_when_it_is_closed() -> None:
    working, go_on = threading.Event(), threading.Event()

    def work(item: int) -> int:
        working.set()
        assert go_on.wait(STUCK)
        return item

    ahead = Ahead(range(3), work)
    got: list[list[int]] = []
    waiting = threading.Thread(target=lambda: got.append(list(ahead)))
    waiting.start()
    assert working.wait(STUCK)
    closing = threading.Thread(target=ahead.close)
    closing.start()
    waiting.join(STUCK)
    assert got == [[]]
    go_on.set()
    closing.join(STUCK)
    assert not closing.is_alive()
