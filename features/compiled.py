"""Which modules are compiled.

A module anywhere in the project that has a `.pxd` beside it is compiled when the project is installed (`setup.py`). Uncompiled
it gives the same results, many times slower.
"""

from __future__ import annotations

import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).resolve().parents[1]


def slowness() -> str | None:
    """What to tell whoever runs the project while modules are uncompiled."""
    names = uncompiled()
    if not names:
        return None
    return (
        f"{len(names)} modules run uncompiled, many times slower: {', '.join(names)}; say `make dev` with a C compiler."
    )


def uncompiled() -> list[str]:
    """Names of the modules that could be compiled and are not."""
    sources = [path for folder in ("features", "models", "service") for path in (_ROOT / folder).rglob("*.pxd")]
    return sorted(
        ".".join(path.relative_to(_ROOT).with_suffix("").parts)
        for path in sources
        if not any(path.with_suffix(suffix).exists() for suffix in EXTENSION_SUFFIXES)
    )


if __name__ == "__main__":
    # The Makefile runs this after compiling.
    if names := uncompiled():
        sys.stderr.write(
            f"{len(names)} modules could not be compiled and run as Python, many times slower: {', '.join(names)}.\n"
            "Install a C compiler (Debian, Ubuntu: apt-get install gcc python3-dev; Fedora: dnf install gcc python3-devel; "
            "macOS: xcode-select --install) and run `make dev` again.\n"
        )
