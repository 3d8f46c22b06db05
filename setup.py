"""Compiles the modules that have a `.pxd` beside them; everything else about the project stands in pyproject.toml.

A `.pxd` gives an ordinary Python module its C types. Without a C compiler, or without Cython, the same module runs as it stands:
slower, with the same results to the last bit.
"""

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError, CCompilerError, CompileError

#: Rounding as IEEE 754 has it, on every processor: no contraction to fused operations, no reordering.
FLAGS = ["-g0", "-ffp-contract=off", "-fno-math-errno", "-fwrapv"]
#: These loops are over numbers, several of which go through a processor at once. Those over texts gain nothing from it.
NUMBERS = ("models/", "features/groups/classification/headings.")
BUILD = Path("build/cython")
#: A compiler takes some hundred megabytes, and there are not many more modules than this.
MOST_JOBS = 8


def jobs() -> int:
    """Processors that this process may use."""
    try:
        return min(len(os.sched_getaffinity(0)), MOST_JOBS)
    except AttributeError:
        # Not on Linux.
        return min(os.cpu_count() or 1, MOST_JOBS)


def extension(name: str, source: Path) -> Extension:
    """An optional one."""
    level = "-O3" if source.as_posix().startswith(NUMBERS) else "-O2"
    return Extension(name, [str(source)], extra_compile_args=[level, *FLAGS], optional=True)


def shared() -> Extension:
    """What all compiled modules need of Cython, two thirds of what each would have by itself: a module of its own, compiled once.

    It is called by Cython's version, so that modules that another one made find theirs.
    """
    from Cython import __version__ as version

    name = f"_cython_{version.replace('.', '_')}"
    source = BUILD / f"{name}.c"
    if not source.exists():
        partly = BUILD / "partly" / source.name
        partly.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "cython", f"--generate-shared={partly}"], check=True)
        partly.replace(source)
    return extension(f"features.{name}", source)


def extensions() -> list[Extension]:
    """One for what they share, which comes first, and one for each module with a `.pxd`."""
    try:
        # Older ones have no shared module.
        from Cython.Build import SharedModule, cythonize  # noqa: F401
    except ImportError:
        return []
    common = shared()
    found = [
        extension(".".join(path.with_suffix("").parts), path.with_suffix(".py"))
        for folder in ("features", "models", "service")
        for path in sorted(Path(folder).rglob("*.pxd"))
    ]
    directives = {
        "language_level": 3,
        "annotation_typing": False,
        "boundscheck": False,
        "wraparound": False,
        "initializedcheck": False,
        "cdivision": True,
    }
    made = cythonize(
        found,
        build_dir=str(BUILD),
        compiler_directives=directives,
        shared_utility_qualified_name=common.name,
        # Processes that are not forked would run whatever runs this file once more.
        nthreads=jobs() if multiprocessing.get_start_method() == "fork" else 0,
        quiet=True,
    )
    for one in made:
        # Cython forgets it.
        one.optional = True
    return [common, *made]


class SharedFirst(build_ext):
    """Compiles what others need before them, and where that fails, not the others either: they could not be loaded."""

    def build_extensions(self) -> None:
        every = self.extensions
        try:
            self.build_extension(every[0])
            self.extensions = every[1:]
            super().build_extensions()
        except (BaseError, CCompilerError, CompileError) as error:
            self.warn(f"no module is compiled: {error}")
        finally:
            self.extensions = every


if __name__ == "__main__":
    setup(
        ext_modules=extensions(),
        cmdclass={"build_ext": SharedFirst},
        options={"build_ext": {"parallel": jobs()}},
    )
