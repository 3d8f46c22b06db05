"""How OpenMP's threads wait for each other: asleep, unless somebody wants it otherwise."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest


@pytest.mark.parametrize(("wanted", "told"), [(None, "PASSIVE"), ("active", "ACTIVE")])
def test_threads_sleep_unless_told_otherwise(wanted: str | None, told: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    # OpenMP then says, when it is loaded, what it has read.
    environment |= {"OMP_DISPLAY_ENV": "true"} | ({"OMP_WAIT_POLICY": wanted} if wanted is not None else {})
    program = [sys.executable, "-c", "import training.pipeline"]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=True)
    assert set(re.findall(r"OMP_WAIT_POLICY\s*=\s*'(\w+)'", done.stderr)) == {told}
