"""Compile the modules that `features.compiled` lists; pyproject.toml contains all other facts about the project.

Cython takes a module's C types from its `.pxd` or from its annotations. Without a C compiler, or without Cython, the same
modules run as ordinary Python: slower, with the same results.

Set TIDEWAITER_BOUNDS_CHECKS=1 for a build that checks every index and every memory view. It is slower; the gate tests it,
because these modules parse hostile text.
"""

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError, CCompilerError, CompileError

sys.path.insert(0, str(Path(__file__).resolve().parent))
from features.compiled import compiled_sources, module_name

#: Rounding follows IEEE 754 on every processor: no contraction to fused operations, no reordering.
FLAGS = ["-g0", "-ffp-contract=off", "-fno-math-errno", "-fwrapv"]
#: Modules whose loops over numbers the compiler can vectorise at -O3. Loops over text gain nothing from it.
NUMERIC = ("models/", "features/goods/", "training/")
BUILD = Path("build/cython")
#: A compiler process takes some hundred megabytes of memory.
MAX_JOBS = 8
BOUNDS_CHECKS = os.environ.get("TIDEWAITER_BOUNDS_CHECKS") == "1"


def jobs() -> int:
    """Return the number of processors that this process may use, at most `MAX_JOBS`."""
    try:
        return min(len(os.sched_getaffinity(0)), MAX_JOBS)
    except AttributeError:
        # Only Linux has sched_getaffinity.
        return min(os.cpu_count() or 1, MAX_JOBS)


def extension(name: str, source: Path) -> Extension:
    """Return an optional extension module: a failure to compile it does not fail the installation."""
    level = "-O3" if source.as_posix().startswith(NUMERIC) else "-O2"
    return Extension(name, [str(source)], extra_compile_args=[level, *FLAGS], optional=True)


def shared_utilities() -> Extension:
    """Return the extension that contains Cython's utility code once for all modules.

    Without it, the utility code would be two thirds of the code of each module. The name contains Cython's version, so that
    modules built by another version load their own utility code.
    """
    from Cython import __version__ as version

    name = f"_cython_{version.replace('.', '_')}"
    source = BUILD / f"{name}.c"
    if not source.exists():
        partial = BUILD / "partial" / source.name
        partial.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "cython", f"--generate-shared={partial}"], check=True)
        partial.replace(source)
    return extension(f"features.{name}", source)


def extensions() -> list[Extension]:
    """Return the shared utilities first, then one extension per compiled module; an empty list without Cython 3.1."""
    try:
        # Cython before 3.1 has no shared utilities.
        from Cython.Build import SharedModule, cythonize  # noqa: F401
    except ImportError:
        return []
    shared = shared_utilities()
    directives = {
        "language_level": 3,
        "annotation_typing": False,
        "boundscheck": BOUNDS_CHECKS,
        "wraparound": False,
        "initializedcheck": BOUNDS_CHECKS,
        "cdivision": True,
    }
    compiled = cythonize(
        [extension(module_name(source), source) for source in compiled_sources(Path())],
        build_dir=str(BUILD),
        compiler_directives=directives,
        shared_utility_qualified_name=shared.name,
        # Worker processes that are not forked would run setup.py again.
        nthreads=jobs() if multiprocessing.get_start_method() == "fork" else 0,
        quiet=True,
    )
    for module in compiled:
        # cythonize drops this attribute.
        module.optional = True
    return [shared, *compiled]


class SharedFirst(build_ext):
    """Compile the shared utilities first; if that fails, compile nothing, because no other module could be loaded."""

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
