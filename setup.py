"""Compiles the modules that have a `.pxd` beside them; everything else about the project stands in pyproject.toml.

A `.pxd` gives an ordinary Python module its C types. Without a C compiler, or without Cython, the same module runs as it stands:
slower, with the same results to the last bit.
"""

from pathlib import Path

from setuptools import Extension, setup

#: Rounding as IEEE 754 has it, on every processor: no contraction to fused operations, no reordering.
FLAGS = ["-g0", "-ffp-contract=off", "-fno-math-errno", "-fwrapv"]
#: These loops are over numbers, several of which go through a processor at once. Those over texts gain nothing from it.
NUMBERS = ("models/", "features/kernels/texts_headings.")


def extensions() -> list[Extension]:
    """One optional extension for each module with a `.pxd`."""
    try:
        from Cython.Build import cythonize
    except ImportError:
        return []
    found = [
        Extension(
            ".".join(path.with_suffix("").parts),
            [str(path.with_suffix(".py"))],
            extra_compile_args=["-O3" if path.as_posix().startswith(NUMBERS) else "-O2", *FLAGS],
            optional=True,
        )
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
    return list(cythonize(found, build_dir="build/cython", compiler_directives=directives, quiet=True)) if found else []


setup(ext_modules=extensions())
