"""What a figure was measured on."""

from __future__ import annotations

import datetime as dt
import os
import platform
from importlib.metadata import version
from pathlib import Path


def describe() -> str:
    """One line: day, processor, cores, Python and library versions."""
    cpu = "unknown processor"
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        cpu = names[0] if names else platform.machine()
    libraries = ", ".join(f"{name} {version(name)}" for name in ("lightgbm", "numpy", "pyarrow", "fastapi"))
    day = dt.datetime.now(dt.UTC).date()
    return f"{day}, {cpu}, {os.cpu_count()} cores, Python {platform.python_version()}, {libraries}"
