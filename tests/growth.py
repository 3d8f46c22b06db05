"""How the cost of a text grows with its length: each machine is compared with itself, so that none is too slow or too busy."""

from __future__ import annotations

import time
from collections.abc import Callable


def costs_in_proportion(work: Callable[[str], object], text: Callable[[int], str], times: int) -> bool:
    """Whether work on a text costs in proportion to its length: about eight times as much for eight times the text.

    Args:
        work: what is done with a text.
        text: the text with so many repetitions in it.
        times: repetitions in the longer one.
    """
    whole, part = text(times), text(times // 8)
    short = min(_seconds(work, part) for _ in range(3))
    # With the square of its length it would be 64 times as much. What takes no time at all may take it in a worse moment.
    return any(_seconds(work, whole) < 24 * short + 0.05 for _ in range(3))


def _seconds(work: Callable[[str], object], text: str) -> float:
    started = time.process_time()
    work(text)
    return time.process_time() - started
