"""LightGBM without the packages that it looks for and nothing here hands it."""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import Any, Final, cast

#: It imports them for wrappers of its own where they are installed: four fifths of its import, most of a second.
_NOT_NEEDED: Final = ("sklearn", "pandas")

# OpenMP's threads wait for each other in a loop unless told to sleep. Where something else runs on a core, each of a tree's many
# small steps then lasts until it yields: on a busy machine trees take twenty times as long. Read when OpenMP is loaded, so it
# stands here and not beside a call; what somebody set already stays.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def lightgbm() -> ModuleType:
    """The package; imported here for the first time it has no scikit-learn interface and takes no data frames.

    Nothing in this project uses either. What is already imported is left alone.
    """
    if "lightgbm" not in sys.modules:
        modules = cast("dict[str, Any]", sys.modules)
        hidden = [name for name in _NOT_NEEDED if name not in modules]
        # How Python marks a module that cannot be imported; LightGBM then does without.
        modules.update(dict.fromkeys(hidden))
        try:
            import lightgbm  # noqa: F401
        finally:
            for name in hidden:
                modules.pop(name, None)
    return sys.modules["lightgbm"]
