"""Check how cost grows with text length, by comparing times measured on the same machine."""

from __future__ import annotations

import time
from collections.abc import Callable


def cost_grows_linearly(work: Callable[[str], object], text: Callable[[int], str], times: int) -> bool:
    """Return whether the cost of ``work`` grows linearly: at most 24 times the cost for a text 8 times as long.

    Args:
        work: the function to measure.
        text: returns the text with the given number of repetitions.
        times: number of repetitions in the longer text.
    """
    long_text, short_text = text(times), text(times // 8)
    short_s = min(_seconds(work, short_text) for _ in range(3))
    # Quadratic growth would cost 64 times as much. The constant allows for noise in very short measurements.
    return any(_seconds(work, long_text) < 24 * short_s + 0.05 for _ in range(3))


def _seconds(work: Callable[[str], object], text: str) -> float:
    started = time.process_time()
    work(text)
    return time.process_time() - started
