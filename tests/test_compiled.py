"""Compiled modules are current, and give the same results as plain Python."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from features.compiled import compiled_sources, module_name, stale_extensions, uncompiled

ROOT = Path(__file__).parents[1]
#: Scores a file while every compiled module of the project is hidden from the import system.
AS_PYTHON = """
import sys
from importlib.machinery import FileFinder, SourceFileLoader
from pathlib import Path

root, source, target, folder = sys.argv[1:]
hook = FileFinder.path_hook((SourceFileLoader, [".py"]))

def plain(path):
    if not path.startswith(root) or "site-packages" in path:
        raise ImportError
    return hook(path)

sys.path_hooks.insert(0, plain)
sys.path_importer_cache.clear()
sys.path.insert(0, root)

from features.texts import cache
from models import bundle
from service.files.batch import score_file
from service.files.options import ScoreOptions

assert cache.__file__.endswith(".py"), cache.__file__
score_file(source, target, bundle.load(folder), ScoreOptions(explain="all"))
"""


@pytest.mark.parametrize("source", compiled_sources(), ids=str)
def test_the_compiled_module_is_newer_than_its_source(source: Path) -> None:
    module = importlib.import_module(module_name(source))
    loaded = Path(module.__file__ or "")
    if loaded.suffix == ".py":
        assert shutil.which("cc") is None, f"{module.__name__} is not compiled: run `make dev`"
        pytest.skip("no C compiler here")
    files = [ROOT / source, (ROOT / source).with_suffix(".pxd")]
    newest = max(file.stat().st_mtime for file in files if file.exists())
    assert loaded.stat().st_mtime >= newest, f"{loaded.name} is older than its source: run `make dev`"


@pytest.mark.parametrize("marked_by", ["pxd", "comment"])
def test_a_module_is_uncompiled_until_its_extension_exists(tmp_path: Path, marked_by: str) -> None:
    package = tmp_path / "features"
    package.mkdir()
    (package / "plain.py").touch()
    (package / "loops.py").write_text("# cython: boundscheck=False\n" if marked_by == "comment" else "")
    if marked_by == "pxd":
        (package / "loops.pxd").touch()
    assert uncompiled(tmp_path) == ["features.loops"]
    (package / "loops.abi3.so").touch()
    assert uncompiled(tmp_path) == []


def test_an_extension_whose_source_is_not_compiled_any_more_is_stale(tmp_path: Path) -> None:
    package = tmp_path / "features"
    package.mkdir()
    (package / "loops.py").write_text("# cython: boundscheck=False\n")
    (package / "plain.py").touch()
    for name in ("loops", "plain", "gone", "_cython_3_3_1"):
        (package / f"{name}.abi3.so").touch()
    assert [path.name for path in stale_extensions(tmp_path)] == ["gone.abi3.so", "plain.abi3.so"]


def as_python(name: str) -> ModuleType:
    """Import a module of `models.trees` from its source, bypassing the compiled extension."""
    loader = SourceFileLoader(f"plain_{name}", str(ROOT / "models" / "trees" / f"{name}.py"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    plain = importlib.util.module_from_spec(spec)
    loader.exec_module(plain)
    return plain


def test_uncompiled_contributions_are_the_same_to_the_last_bit() -> None:
    from models.trees import shapley
    from models.trees.trees import read_trees
    from tests.models.boosters import edge_rows, grow

    boosters = [grow(8, 2), grow(20, 2), grow(64, 1), grow(40, 1, chain=True), grow(24, 1, zero_as_missing=True)]
    rows = edge_rows(boosters, 12)
    heads = [read_trees(booster) for booster in boosters]
    for head in range(len(heads)):
        found = []
        for module in (shapley, as_python("shapley")):
            out = np.empty((len(rows), 13))
            module.Shapley(heads).explain(rows, head, out)
            found.append(out.tobytes())
        assert found[0] == found[1]


def test_uncompiled_scores_are_the_same_to_the_last_bit() -> None:
    from models.trees import forest
    from models.trees.trees import read_trees
    from tests.models.boosters import edge_rows, grow

    boosters = [grow(8, 2), grow(64, 2), grow(24, 1, zero_as_missing=True)]
    rows = edge_rows(boosters, 12)
    heads = [read_trees(booster) for booster in boosters]
    for some in (rows[:1], rows):
        found = []
        for module in (forest, as_python("forest")):
            out = np.empty((len(some), 4))
            module.Forest(heads, [(0, 1.0), (2, 1.5), (1, 1.0), (2, 1.0)]).scores(some, out)
            found.append(out.tobytes())
        assert found[0] == found[1]


@pytest.mark.long
def test_without_a_compiler_the_scores_are_the_same(tmp_path: Path, small_bundle: Path) -> None:
    from models.bundle import bundle
    from service.files.batch import score_file
    from service.files.options import ScoreOptions
    from training.worlds.own import write

    source, compiled, plain = tmp_path / "in.csv", tmp_path / "compiled.csv", tmp_path / "plain.csv"
    write(source, None, 400, 3)
    score_file(source, compiled, bundle.load(small_bundle), ScoreOptions(explain="all"))
    subprocess.run(
        [sys.executable, "-c", AS_PYTHON, str(ROOT), str(source), str(plain), str(small_bundle)],
        check=True,
        cwd=tmp_path,
    )
    assert plain.read_bytes() == compiled.read_bytes()


@pytest.mark.long
@pytest.mark.parametrize(
    ("compiler", "expected"),
    [
        ("#!/bin/sh\nexit 1", []),
        ('#!/bin/sh\ncase "$*" in *_cython_*) exit 1; esac\nexec cc "$@"', []),
        ('#!/bin/sh\ncase "$*" in *two*) exit 1; esac\nexec cc "$@"', ["_cython_", "one"]),
    ],
    ids=["no compiler", "shared utilities fail", "one module fails"],
)
def test_a_module_that_fails_to_compile_is_left_out(tmp_path: Path, compiler: str, expected: list[str]) -> None:
    if sys.platform == "win32" or (expected and shutil.which("cc") is None):
        pytest.skip("no compiler that a script could replace")
    package = tmp_path / "features"
    package.mkdir()
    shutil.copy(ROOT / "setup.py", tmp_path)
    shutil.copy(ROOT / "features" / "compiled.py", package)
    for name in ("one", "two"):
        (package / f"{name}.py").write_text(
            "# cython: annotation_typing=True\ndef add(a: int, b: int) -> int:\n    return a + b\n"
        )
    (tmp_path / "compiler").write_text(compiler)
    (tmp_path / "compiler").chmod(0o755)
    subprocess.run(
        [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"],
        cwd=tmp_path,
        env={**os.environ, "CC": str(tmp_path / "compiler")},
        check=True,
        capture_output=True,
        timeout=300,
    )
    found = sorted(path.name for path in package.iterdir() if path.suffix in (".so", ".pyd"))
    assert len(found) == len(expected)
    assert all(name.startswith(start) for name, start in zip(found, expected, strict=True))
