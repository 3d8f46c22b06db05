"""Import LightGBM without scikit-learn and pandas."""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import Any, Final, cast

#: Packages that LightGBM imports if they are installed, for interfaces that this project does not use. Hiding them saves one
#: second of start-up and 88 MB per process (measured with `tidewaiter serve`, 2026-11).
_NOT_NEEDED: Final = ("sklearn", "pandas")

# By default, OpenMP threads spin while they wait for each other. On a busy machine, training then takes up to twenty times as
# long. OpenMP reads the variable when it is loaded, so it must be set before LightGBM is imported. A value that is already set
# is kept.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def lightgbm() -> ModuleType:
    """Return the package `lightgbm`, without its scikit-learn interface and without support for data frames.

    If it is already imported, it is returned as it is.
    """
    if "lightgbm" not in sys.modules:
        modules = cast("dict[str, Any]", sys.modules)
        hidden = [name for name in _NOT_NEEDED if name not in modules]
        # None in `sys.modules` makes an import fail. LightGBM then does without the package.
        modules.update(dict.fromkeys(hidden))
        try:
            import lightgbm  # noqa: F401
        finally:
            for name in hidden:
                modules.pop(name, None)
    return sys.modules["lightgbm"]
