"""Number of examples of property tests: few in `make test`, all in `make test-long` and `make bounds`."""

from __future__ import annotations

import os
from typing import Any, Final

from hypothesis import HealthCheck, settings

#: Whether property tests try all of their examples.
ALL_EXAMPLES: Final = os.environ.get("TEST_EXAMPLES") == "all"
#: Most examples of a property test otherwise.
FEW: Final = 50


def examples(number: int, **options: Any) -> settings:
    """Return the settings of a property test with a number of examples, of which `make test` tries at most `FEW`."""
    return settings(max_examples=number if ALL_EXAMPLES else min(number, FEW), **options)


def register() -> None:
    """Use settings that do not depend on the speed of the machine: a slow example on a busy machine is no failure."""
    checks = [HealthCheck.too_slow]
    settings.register_profile("tests", examples(100), deadline=None, suppress_health_check=checks)
    settings.load_profile("tests")
