"""Description of the machine and libraries that a figure was measured on."""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

#: Libraries that affect most figures.
LIBRARIES: Final = ("lightgbm", "numpy", "pyarrow", "fastapi")
#: Libraries that affect the figures of servers.
SERVERS: Final = (*LIBRARIES, "uvicorn", "mlflow", "bentoml", "litserve")


def describe(names: Sequence[str] = LIBRARIES) -> str:
    """Return one line: day, processor, cores, Python and the versions of the named libraries that are installed."""
    cpu = "unknown processor"
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        cpu = models[0] if models else platform.machine()
    libraries = ", ".join(f"{name} {_version(name)}" for name in names)
    day = dt.datetime.now(dt.UTC).date()
    return f"{day}, {cpu}, {os.cpu_count()} cores, Python {platform.python_version()}, {libraries}"


def champion() -> str:
    """Return one line: name and size of the bundled champion, the model of all measurements."""
    from models.bundle import champion_dir, load

    model = load(champion_dir())
    texts = [booster.model_to_string() for booster in model.boosters.values()]
    leaves = max(int(count) for text in texts for count in re.findall(r"^num_leaves=(\d+)$", text, flags=re.MULTILINE))
    trees = {head: booster.num_trees() for head, booster in model.boosters.items()}
    of_heads = ", ".join(f"{head} {count}" for head, count in trees.items())
    return (
        f"{model.name} {model.version} ({model.digest[:12]}): {len(trees)} heads, {sum(trees.values())} trees ({of_heads}) "
        f"of at most {leaves} leaves, {len(model.space.names)} features"
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
