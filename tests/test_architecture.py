"""Rules for all of the code. import-linter enforces the layers (pyproject.toml); these tests check further rules."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from features.compiled import compiled_sources

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("features", "models", "training", "service")
MAX_MODULE_LINES = 450
MAX_FUNCTION_LINES = 80
TRAINING_LIBRARIES = ("training", "mlflow", "sklearn", "matplotlib", "pandera", "faker")


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def modules_after(statement: str, store: Path | None = None) -> set[str]:
    """Return the top-level names of the modules loaded after a fresh interpreter ran ``statement`` with a model store."""
    own = {} if store is None else {"TIDEWAITER_MODELS_DIR": str(store)}
    code = f"{statement}\nimport json, sys\nprint(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=ROOT,
        env=os.environ | own,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return set(json.loads(done.stdout))


@pytest.mark.slow
def test_the_commands_load_no_training_library() -> None:
    assert modules_after("import service.cli").isdisjoint(TRAINING_LIBRARIES)


@pytest.mark.slow
def test_loading_a_model_imports_neither_scikit_learn_nor_pandas_and_both_stay_importable(small_bundle: Path) -> None:
    load = f"from models.bundle import load; load({str(small_bundle)!r})"
    assert {"lightgbm", "numpy"} <= modules_after(load)
    assert modules_after(load).isdisjoint({"sklearn", "pandas"})
    assert {"sklearn", "pandas"} <= modules_after(f"{load}; import sklearn.base, pandas")


DATABASE_LIBRARIES = {"alembic", "cryptography", "psycopg", "sqlalchemy"}


@pytest.mark.slow
@pytest.mark.parametrize(("is_on", "loaded"), [(False, set()), (True, {"alembic", "cryptography", "sqlalchemy"})])
def test_requests_import_no_training_library_and_only_those_of_a_store_import_libraries_of_databases(
    is_on: bool, loaded: set[str], tmp_path: Path, small_store: Path
) -> None:
    served = f"""
from service.app import create_app
from service.core.examples import EXAMPLE_PRECURSOR, EXAMPLE_SHIPMENT
from service.core.logs import configure
from service.core.settings import Settings
from tests.service.api_client import serving
configure("error")
database = "sqlite:///{tmp_path}/tidewaiter.db"
settings = Settings(opsin=False, TIDEWAITER_STORE={is_on}, database_url=database, job_worker=False)
with serving(create_app(settings)) as client:
    for shipment in (EXAMPLE_SHIPMENT, EXAMPLE_PRECURSOR):
        assert client.post("/v1/score?explain=all", json=shipment).status_code == 200
        assert client.post("/v1/score/batch", json={{"shipments": [shipment] * 40}}).status_code == 200
    assert client.get("/v1/substances?q=4-piperidone").status_code == 200
    assert client.get("/v1/goods?q=shoes&hs_code=6403").status_code == 200
    for path in ("openapi.json", "readyz", "metrics", "v1/schema", "v1/model"):
        assert client.get(path).status_code == 200, path
    for path in ("decisions", "jobs", "queue", "keys", "watch-lists", "webhooks", "audit"):
        assert client.get(f"/v1/{{path}}").status_code == {200 if is_on else 409}, path
    for path in ("keys", "permits", "webhooks"):
        assert client.delete(f"/v1/{{path}}/none").status_code == {404 if is_on else 409}, path
"""
    modules = modules_after(served, small_store)
    assert modules & DATABASE_LIBRARIES == loaded
    assert modules.isdisjoint({*TRAINING_LIBRARIES, "pandas"})


def test_a_module_is_short_enough_to_read_at_once() -> None:
    # A file over about 400 lines should be two. The limit leaves some room, because a split in the middle of a topic does not help.
    lengths = {relative(path): len(path.read_text(encoding="utf-8").splitlines()) for path in python_files(*PACKAGES)}
    assert {name: length for name, length in lengths.items() if length > MAX_MODULE_LINES} == {}


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_a_function_is_short_enough_to_read_at_a_glance() -> None:
    lengths = {
        f"{relative(path)}:{node.name}": (node.end_lineno or 0) - node.body[0].lineno + 1
        for path in python_files(*PACKAGES, "tools", "benchmarks")
        for node in functions(path)
    }
    assert {name: length for name, length in lengths.items() if length > MAX_FUNCTION_LINES} == {}


CACHES = {"cache", "lru_cache", "remembered"}


def shared_caches(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield the statements of a module or of its classes that cache results by arguments, for the whole process."""
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    for node in (*tree.body, *(node for one in classes for node in one.body)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            makers = node.decorator_list if ast.unparse(node.args) else []
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            makers = [call.func for call in ast.walk(node) if isinstance(call, ast.Call)]
        else:
            continue
        names = {ast.unparse(maker).partition("(")[0].rpartition(".")[2] for maker in makers}
        if names & CACHES:
            yield node


def test_caches_by_argument_belong_to_objects() -> None:
    # A cache by argument belongs to an object, which bounds and frees it. Loaders of reference data have no arguments.
    found = [
        f"{relative(path)}:{node.lineno}"
        for path in python_files(*PACKAGES, "tools")
        for node in shared_caches(parsed(path))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("source", "is_shared"),
    [
        ("@cache\ndef read(name): ...", True),
        ("@functools.lru_cache(maxsize=8)\ndef read(*, name): ...", True),
        ("@remembered(8)\ndef read(text): ...", True),
        ("class Reader:\n    @cache\n    def read(self): ...", True),
        ("read: Final = lru_cache(8)(parse)", True),
        ("@cache\ndef read(): ...", False),
        ("class Reader:\n    def __init__(self):\n        self.read = lru_cache(8)(parse)", False),
        ("def read_all():\n    @cache\n    def read(name): ...", False),
    ],
)
def test_the_search_for_shared_caches_ignores_loaders_and_caches_of_objects(source: str, is_shared: bool) -> None:
    assert bool([*shared_caches(ast.parse(source))]) is is_shared


def imported_modules(path: Path, modules: set[str]) -> set[str]:
    """Return the modules of ours that a file imports anywhere: at its top, inside functions, or for type checks only."""
    module = module_of(path)
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*parts, *([node.module] if node.module else [])])
            for alias in node.names:
                submodule = f"{origin}.{alias.name}"
                found.add(submodule if submodule in modules else origin)
    return (found & modules) - {module}


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_no_modules_import_each_other_in_a_cycle() -> None:
    # import-linter checks cycles between siblings. This test also finds a cycle of a module and the `__init__` of its package.
    files = {module_of(path): path for path in python_files(*PACKAGES, "tools")}
    graph = {module: imported_modules(path, set(files)) for module, path in files.items()}
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"modules import each other: {' -> '.join(error.args[1])}")


def test_an_init_contains_only_public_names() -> None:
    for path in python_files(*PACKAGES):
        if path.name != "__init__.py":
            continue
        for node in parsed(path).body:
            is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            is_all = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
            # A package may defer an import that takes seconds.
            is_lazy = (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING") or (
                isinstance(node, ast.FunctionDef) and node.name == "__getattr__"
            )
            is_import = isinstance(node, ast.Import | ast.ImportFrom)
            assert is_docstring or is_all or is_lazy or is_import, f"{relative(path)}, line {node.lineno}"


def test_the_packages_contain_no_executable_data() -> None:
    executable = {".joblib", ".pickle", ".pkl", ".pt", ".so"}
    found = [path for folder in PACKAGES for path in (ROOT / folder).rglob("*") if path.suffix in executable]
    # Extensions compiled from our own modules, and Cython's shared utilities, are not part of the repository.
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
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                assert ast.unparse(node.value) == "False", f"{relative(path)}, line {node.value.lineno}"
