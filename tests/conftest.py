"""No test depends on how fast or how busy the machine is: speed is measured in benchmarks/."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from features.substances.read.opsin import Limits, opsin

# An example that waits for a processor is no finding. The rest stays as Hypothesis has it here or on a build server.
settings.register_profile("any machine", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture(scope="session", autouse=True)
def _patience_with_opsin() -> Iterator[None]:
    """A name that waits for a processor is still read; how one is given up is told to a reader of a test's own."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TIDEWAITER_OPSIN_SECONDS", "60")
        opsin().limits = Limits(name_s=60.0, start_s=300.0)
        yield
