"""Number of examples that fuzz tests try, and storage of those that fail."""

from __future__ import annotations

import os
from typing import Any, Final

from hypothesis import HealthCheck, settings

from tests.effort import ALL_EXAMPLES

#: Default number of examples per test in `make test-long`.
USUAL: Final = 40
#: Environment variable with the default number of examples per test, set by ``make fuzz``.
VARIABLE: Final = "FUZZ_EXAMPLES"


def fuzzed(examples: int = USUAL, **options: Any) -> settings:
    """Return the settings of a fuzz test.

    Tests try the same examples each time. If `VARIABLE` is set, the examples are new in each run, and their number is scaled.
    Hypothesis then stores failing examples in ``.hypothesis``.

    Args:
        examples: number of examples in `make test-long`; `make test` tries a fourth of it.
        options: other settings of Hypothesis.
    """
    chosen = os.environ.get(VARIABLE)
    few = examples if ALL_EXAMPLES else max(1, examples // 4)
    return settings(
        max_examples=few if chosen is None else max(1, examples * int(chosen) // USUAL),
        derandomize=chosen is None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        **options,
    )
