"""``make fuzz`` tries more examples in every fuzz test, and stores failing examples."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.effort import VARIABLE

ROOT = Path(__file__).parents[2]
#: Prints each fuzz test with its number of examples, whether they are the same each time, and whether failures are stored.
SHOW = """
import importlib, sys, unittest
for name in sys.argv[1:]:
    for test, value in vars(importlib.import_module(f"tests.fuzz.{name}")).items():
        if isinstance(value, type) and issubclass(value, unittest.TestCase):
            used = value.settings
        elif test.startswith("test_"):
            used = getattr(value, "_hypothesis_internal_use_settings", None)
        else:
            used = None
        if used is not None:
            print(name, test, used.max_examples, used.derandomize, used.database is not None)
"""


@pytest.mark.slow
def test_the_variable_of_make_fuzz_lengthens_all_fuzz_tests() -> None:
    modules = sorted(path.stem for path in Path(__file__).parent.glob("test_*.py") if path != Path(__file__))
    shown = []
    for chosen in ("", "2000"):
        environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
        # Hypothesis has other defaults under continuous integration.
        environment = {name: value for name, value in environment.items() if name not in ("CI", "GITHUB_ACTIONS")}
        if chosen:
            environment[VARIABLE] = chosen
        run = subprocess.run(
            [sys.executable, "-c", SHOW, *modules],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        shown.append([line.split() for line in run.stdout.splitlines()])
    short, long = shown
    assert {module for module, *_ in short} == set(modules)
    assert [line[:2] for line in short] == [line[:2] for line in long]
    for (_, test, few, *same), (_, _, many, *new) in zip(short, long, strict=True):
        assert (test, int(many), same, new) == (test, 50 * int(few), ["True", "False"], ["False", "True"])
