"""What holds for all of the code. import-linter holds the layers (see pyproject.toml); here is what it cannot see."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from features.compiled import compiled_sources

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("features", "models", "training", "service")
MOST_LINES = 450
TRAINING_LIBRARIES = ("training", "mlflow", "sklearn", "matplotlib", "pandera", "faker")


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def modules_after(statement: str) -> set[str]:
    """Top-level names of what is loaded once a fresh interpreter has run ``statement``."""
    code = f"{statement}\nimport json, sys\nprint(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("statement", ["import service.app", "import service.cli"])
def test_what_serves_loads_nothing_that_only_training_needs(statement: str) -> None:
    assert modules_after(statement).isdisjoint(TRAINING_LIBRARIES)


def test_a_loaded_model_brings_neither_scikit_learn_nor_pandas_and_leaves_both_importable() -> None:
    load = "from models.bundle import champion_dir, load; load(champion_dir())"
    assert {"lightgbm", "numpy"} <= modules_after(load)
    assert modules_after(load).isdisjoint({"sklearn", "pandas"})
    assert {"sklearn", "pandas"} <= modules_after(f"{load}; import sklearn.base, pandas")


def test_requests_bring_neither_training_nor_data_frames() -> None:
    served = """
from service.examples import EXAMPLE_PRECURSOR, EXAMPLE_SHIPMENT
from service.app import create_app
from service.logs import configure
from service.settings import Settings
from tests.service.api_client import serving
configure("error")
with serving(create_app(Settings(opsin=False))) as client:
    for shipment in (EXAMPLE_SHIPMENT, EXAMPLE_PRECURSOR):
        assert client.post("/v1/score?explain=all", json=shipment).status_code == 200
        assert client.post("/v1/score/batch", json={"shipments": [shipment] * 40}).status_code == 200
    assert client.get("/v1/substances?q=4-piperidone").status_code == 200
    assert client.get("/metrics").status_code == client.get("/v1/model").status_code == 200
"""
    assert modules_after(served).isdisjoint({*TRAINING_LIBRARIES, "pandas"})


def test_a_module_is_small_enough_to_read_in_one_go() -> None:
    # "About 400 lines wants to be two": some leave, because a rule that cuts a thought in half is no help.
    lengths = {shown(path): len(path.read_text(encoding="utf-8").splitlines()) for path in python_files(*PACKAGES)}
    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}


def test_an_init_shows_public_names_and_nothing_else() -> None:
    for path in python_files(*PACKAGES):
        if path.name != "__init__.py":
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            is_all = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
            # How a package shows a name whose import costs seconds.
            is_lazy = (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING") or (
                isinstance(node, ast.FunctionDef) and node.name == "__getattr__"
            )
            is_import = isinstance(node, ast.Import | ast.ImportFrom)
            assert is_docstring or is_all or is_lazy or is_import, f"{shown(path)}, line {node.lineno}"


def test_nothing_that_runs_code_on_loading_lies_in_the_packages() -> None:
    executable = {".joblib", ".pickle", ".pkl", ".pt", ".so"}
    found = [path for folder in PACKAGES for path in (ROOT / folder).rglob("*") if path.suffix in executable]
    # Extensions compiled here from our own modules, and Cython's shared utilities, are no part of the repository.
    compiled = {(ROOT / source).with_suffix("") for source in compiled_sources()}
    ours = {
        path
        for path in found
        if path.suffix == ".so"
        and (path.parent / path.name.split(".")[0] in compiled or path.name.startswith("_cython_"))
    }
    assert not set(found) - ours


def test_arrays_are_read_without_pickle() -> None:
    for path in python_files(*PACKAGES):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                assert ast.unparse(node.value) == "False", f"{shown(path)}, line {node.value.lineno}"
