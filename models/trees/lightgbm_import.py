"""Import LightGBM without scikit-learn and pandas."""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import Any, Final, cast

#: Packages to hide from LightGBM, which imports them for interfaces that this project does not use. This saves one second of
#: start-up and 88 MB per process (measured with `tidewaiter serve`, 2026-11).
_NOT_NEEDED: Final = ("sklearn", "pandas")

# By default, OpenMP threads wait for each other in busy loops. On a busy machine, training then takes up to twenty times as
# long. OpenMP reads the variable when it is loaded, so set it before importing LightGBM. Do not override an existing value.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def lightgbm() -> ModuleType:
    """Import and return the package `lightgbm` without its scikit-learn interface and support for data frames.

    If the package is already imported, return it unchanged.
    """
    if "lightgbm" not in sys.modules:
        modules = cast("dict[str, Any]", sys.modules)
        hidden = [name for name in _NOT_NEEDED if name not in modules]
        # None in `sys.modules` makes imports fail, and LightGBM then omits the optional interface.
        modules.update(dict.fromkeys(hidden))
        try:
            import lightgbm  # noqa: F401
        finally:
            for name in hidden:
                modules.pop(name, None)
    return sys.modules["lightgbm"]
