"""The waiting policy of OpenMP threads."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("policy", "expected"), [(None, "PASSIVE"), pytest.param("active", "ACTIVE", marks=pytest.mark.long)]
)
def test_openmp_threads_sleep_unless_the_environment_sets_another_policy(policy: str | None, expected: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    # Let OpenMP print its settings when it is loaded.
    environment |= {"OMP_DISPLAY_ENV": "true"} | ({"OMP_WAIT_POLICY": policy} if policy is not None else {})
    program = [sys.executable, "-c", "import training.pipeline"]
    result = subprocess.run(program, env=environment, capture_output=True, text=True, check=True)
    assert set(re.findall(r"OMP_WAIT_POLICY\s*=\s*'(\w+)'", result.stderr)) == {expected}
