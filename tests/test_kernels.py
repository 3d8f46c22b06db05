"""Modules with a .pxd beside them: compiled from the source that is there, and the same without a compiler."""

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

from features.compiled import uncompiled

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for folder in ("features", "models", "service") for path in (ROOT / folder).rglob("*.pxd"))
#: Scores the sample manifests with no compiled module of the project in reach, and prints what comes out.
AS_PYTHON = """
import sys
from importlib.machinery import FileFinder, SourceFileLoader
from pathlib import Path

root, source, target = sys.argv[1:]
hook = FileFinder.path_hook((SourceFileLoader, [".py"]))

def plain(path):
    if not path.startswith(root) or "site-packages" in path:
        raise ImportError
    return hook(path)

sys.path_hooks.insert(0, plain)
sys.path_importer_cache.clear()
sys.path.insert(0, root)

from features.table import gather
from models import bundle
from models.bundle.store import champion_dir
from service.files.batch import score_file

assert gather.__file__.endswith(".py"), gather.__file__
score_file(source, target, bundle.load(champion_dir()), explain="all")
"""


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_what_is_compiled_was_compiled_from_the_source_that_is_there(path: Path) -> None:
    module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    loaded = Path(module.__file__ or "")
    if loaded.suffix == ".py":
        assert shutil.which("cc") is None, f"{module.__name__} is not compiled: say `make dev`"
        pytest.skip("no C compiler here")
    newest = max(path.stat().st_mtime, path.with_suffix(".py").stat().st_mtime)
    assert loaded.stat().st_mtime >= newest, f"{loaded.name} is older than its source: say `make dev`"


def test_a_module_without_its_compiled_form_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("features.compiled._ROOT", tmp_path)
    (tmp_path / "features").mkdir()
    (tmp_path / "features" / "loops.py").touch()
    (tmp_path / "features" / "loops.pxd").touch()
    assert uncompiled() == ["features.loops"]
    (tmp_path / "features" / "loops.abi3.so").touch()
    assert uncompiled() == []


def as_python(name: str) -> ModuleType:
    """A kernel of models as Python runs it that has no compiled one."""
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
            out = np.empty((len(some), len(heads)))
            module.Forest(heads).scores(some, out)
            found.append(out.tobytes())
        assert found[0] == found[1]


def test_without_a_compiler_the_scores_are_the_same(tmp_path: Path) -> None:
    from models.bundle import bundle
    from models.bundle.store import champion_dir
    from service.files.batch import score_file
    from training.worlds.own import write

    source, compiled, plain = tmp_path / "in.csv", tmp_path / "compiled.csv", tmp_path / "plain.csv"
    write(source, None, 400, 3)
    score_file(source, compiled, bundle.load(champion_dir()), explain="all")
    subprocess.run([sys.executable, "-c", AS_PYTHON, str(ROOT), str(source), str(plain)], check=True, cwd=tmp_path)
    assert plain.read_bytes() == compiled.read_bytes()


@pytest.mark.parametrize(
    ("compiler", "made"),
    [
        ("#!/bin/sh\nexit 1", []),
        ('#!/bin/sh\ncase "$*" in *_cython_*) exit 1; esac\nexec cc "$@"', []),
        ('#!/bin/sh\ncase "$*" in *two*) exit 1; esac\nexec cc "$@"', ["_cython_", "one"]),
    ],
    ids=["nothing", "what they share", "one module"],
)
def test_what_cannot_be_compiled_is_left_out_with_all_that_needs_it(
    tmp_path: Path, compiler: str, made: list[str]
) -> None:
    if sys.platform == "win32" or (made and shutil.which("cc") is None):
        pytest.skip("no compiler that a script could stand in for")
    kernels = tmp_path / "features"
    kernels.mkdir()
    shutil.copy(ROOT / "setup.py", tmp_path)
    for name in ("one", "two"):
        (kernels / f"{name}.py").write_text("def add(a, b):\n    return a + b\n")
        (kernels / f"{name}.pxd").write_text("cpdef long add(long a, long b)\n")
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
    found = sorted(path.name for path in kernels.iterdir() if path.suffix in (".so", ".pyd"))
    assert len(found) == len(made)
    assert all(name.startswith(start) for name, start in zip(found, made, strict=True))
