"""How many examples fuzz tests try, and where those that fail are kept."""

from __future__ import annotations

import os
from typing import Any, Final

from hypothesis import HealthCheck, settings

#: Examples of a usual test in the gate.
USUAL: Final = 40
#: Examples of a usual test under ``make fuzz``.
VARIABLE: Final = "FUZZ_EXAMPLES"


def fuzzed(examples: int = USUAL, **options: Any) -> settings:
    """Return the settings of a fuzz test.

    The gate tries the same examples each time. With `VARIABLE`, all are new, more in proportion, and Hypothesis keeps those that
    fail in ``.hypothesis``.

    Args:
        examples: number of examples in the gate.
        options: other settings of Hypothesis.
    """
    chosen = os.environ.get(VARIABLE)
    return settings(
        max_examples=examples if chosen is None else max(1, examples * int(chosen) // USUAL),
        derandomize=chosen is None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        **options,
    )
