"""Description of the machine behind the figures."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import version

from benchmarks.machine import champion, describe
from models.bundle import champion_dir, load


def test_the_machine_is_described_with_day_cores_and_versions() -> None:
    described = describe(["numpy", "no-such-library"])
    assert re.match(r"\d{4}-\d\d-\d\d, ", described)
    assert f"{os.cpu_count()} cores, Python {platform.python_version()}" in described
    assert described.endswith(f"numpy {version('numpy')}, no-such-library not installed")


def test_the_model_is_described_with_its_size() -> None:
    model = load(champion_dir())
    described = champion()
    assert f"{model.version} ({model.digest[:12]}): {len(model.heads)} heads" in described
    trees = [booster.num_trees() for booster in model.boosters.values()]
    assert f"{sum(trees)} trees" in described
    most = max(one["num_leaves"] for booster in model.boosters.values() for one in booster.dump_model()["tree_info"])
    assert described.endswith(f"of at most {most} leaves, {len(model.space.names)} features")
