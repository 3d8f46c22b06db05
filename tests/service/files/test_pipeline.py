"""Pipeline stages run ahead of their consumer, keep the order, stay bounded, and end with their context."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator

import pytest

from service.files.options import THREAD_NAME, map_ahead

#: Seconds after which a wait counts as stuck.
STUCK = 30


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(THREAD_NAME)]


def test_results_keep_the_order_of_the_source() -> None:
    with map_ahead(str, range(200)) as results:
        assert list(results) == list(map(str, range(200)))
        assert list(results) == []


def test_at_most_one_item_is_ahead_of_the_consumer() -> None:
    taken: list[int] = []
    second = threading.Event()

    def source() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            if item == 1:
                second.set()
            yield item

    with map_ahead(int, source()) as results:
        assert next(results) == 0
        assert second.wait(STUCK)
        assert len(taken) == 2


def test_stages_work_at_the_same_time() -> None:
    second_at_first, first_at_second = threading.Event(), threading.Event()

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

    with map_ahead(first, range(3)) as firsts, map_ahead(second, firsts) as seconds:
        assert list(seconds) == [0, 1, 2]


class Chunk:
    """An object that a weak reference can point to."""


def test_a_consumed_result_is_not_kept_in_memory() -> None:
    with map_ahead(lambda _: Chunk(), range(2)) as results:
        reference = weakref.ref(next(results))
        assert reference() is None


@pytest.mark.parametrize("problem", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("stage", [1, 2])
def test_an_error_of_the_work_is_raised_in_the_place_of_its_result(problem: type[BaseException], stage: int) -> None:
    error = problem("no more")

    def failing(item: int) -> int:
        if item == 5:
            raise error
        return item

    results: list[int] = []
    works = (failing, int) if stage == 1 else (int, failing)
    with (
        map_ahead(works[0], range(10)) as first,
        map_ahead(works[1], first) as second,
        pytest.raises(problem) as raised,
    ):
        results.extend(second)
    assert raised.value is error
    assert results == [0, 1, 2, 3, 4]


def test_an_error_of_the_source_is_raised_in_the_place_of_its_result() -> None:
    error = ValueError("cut short")

    def source() -> Iterator[int]:
        yield 0
        raise error

    with map_ahead(int, source()) as results:
        assert next(results) == 0
        with pytest.raises(ValueError, match="cut short") as raised:
            next(results)
    assert raised.value is error


@pytest.mark.parametrize("consumed", [0, 1, 5])
def test_a_consumer_can_stop_early(consumed: int) -> None:
    with map_ahead(str, iter(int, 1)) as first, map_ahead(str, first) as second, map_ahead(str, second) as third:
        for _ in range(consumed):
            assert next(third) == "0"
