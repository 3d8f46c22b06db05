from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from models.calibration.addition import added

# Where carrying along what is rounded away makes a difference.
LARGE_AND_SMALL = [1e16, 1.0, 1.0, -1e16]


def test_what_is_rounded_away_is_gone_on_every_python() -> None:
    assert added(LARGE_AND_SMALL) == 0.0
    assert math.fsum(LARGE_AND_SMALL) == 2.0


@given(st.lists(st.floats(-1e6, 1e6), max_size=20))
def test_a_sum_goes_on_from_the_one_before(values: list[float]) -> None:
    assert added(iter([])) == 0.0
    assert added([*values, 0.1]) == added(values) + 0.1
