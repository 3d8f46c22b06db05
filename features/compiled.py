"""Lists of the modules that Cython compiles, and of those that run uncompiled.

A module is compiled when the project is installed (`setup.py`) if it has a `.pxd` beside it, or if its first line is a
directive comment of Cython (`# cython: ...`). Uncompiled, it returns the same results, many times slower.

This module imports nothing of the project, because `setup.py` imports it before anything is installed.
"""

from __future__ import annotations

import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
PACKAGES: Final = ("features", "models", "training", "service")
_MARK: Final = b"# cython: "


def compiled_sources(root: Path = ROOT) -> list[Path]:
    """Return the sources of all compiled modules below ``root``, sorted, relative to it."""
    return sorted(
        path.relative_to(root)
        for package in PACKAGES
        for path in (root / package).rglob("*.py")
        if path.with_suffix(".pxd").exists() or _is_marked(path)
    )


def module_name(source: Path) -> str:
    """Return the dotted name of the module at a path relative to the root."""
    return ".".join(source.with_suffix("").parts)


def uncompiled(root: Path = ROOT) -> list[str]:
    """Return the names of the modules that should be compiled but are not."""
    return [
        module_name(source)
        for source in compiled_sources(root)
        if not any((root / source).with_suffix(suffix).exists() for suffix in EXTENSION_SUFFIXES)
    ]


def stale_extensions(root: Path = ROOT) -> list[Path]:
    """Return the extension modules whose source is gone or is no longer compiled.

    Python would import them instead of the source.
    """
    compiled = {(root / source).with_suffix("") for source in compiled_sources(root)}
    return sorted(
        path
        for package in PACKAGES
        for path in (root / package).rglob("*")
        if path.name.endswith(tuple(EXTENSION_SUFFIXES))
        and not path.name.startswith("_cython_")
        and path.parent / path.name.partition(".")[0] not in compiled
    )


def slowness() -> str | None:
    """Return a warning for the log if modules run uncompiled, otherwise None."""
    names = uncompiled()
    if not names:
        return None
    return (
        f"{len(names)} modules run uncompiled, many times slower: {', '.join(names)}. Run `make dev` with a C compiler."
    )


def _is_marked(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_MARK)) == _MARK


if __name__ == "__main__":
    # The Makefile runs this after compiling.
    for extension in stale_extensions():
        extension.unlink()
    if missing := uncompiled():
        sys.stderr.write(
            f"{len(missing)} modules could not be compiled and run as Python, many times slower: {', '.join(missing)}.\n"
            "Install a C compiler (Debian, Ubuntu: apt-get install gcc python3-dev; Fedora: dnf install gcc python3-devel; "
            "macOS: xcode-select --install) and run `make dev` again.\n"
        )
