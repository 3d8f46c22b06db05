"""Settings that make all tests independent of machine speed, which is measured in benchmarks/, and the model of most tests."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import is_hypothesis_test
from xdist.scheduler import LoadScopeScheduling

from features.substances import opsin
from features.substances.read.opsin import Limits
from tests import effort

effort.register()


@pytest.fixture(scope="session", autouse=True)
def _long_time_limits_of_opsin() -> Iterator[None]:
    """Give the shared OPSIN reader enough time on a busy machine. Tests of time limits use other readers."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TIDEWAITER_OPSIN_SECONDS", "60")
        opsin().limits = Limits(name_s=60.0, start_s=300.0)
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_store_by_default(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Start services without a store, which would be a file in the working directory. Tests of the store switch it on.

    Services must not deliver a journal or make a history key in the working directory either.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TIDEWAITER_STORE", "off")
        patched.setenv("TIDEWAITER_JOURNAL_DIR", str(tmp_path_factory.getbasetemp() / "journal"))
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_waits_for_the_disk() -> Iterator[None]:
    """Let this process not wait for the disk. No test cuts the power, and other processes see what is written without that."""

    def fsync(descriptor: int) -> None:
        os.fstat(descriptor)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", fsync)
        yield


@pytest.fixture(scope="session")
def small_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bundle of a small model of whatever features exist, for all tests but those of the champion's figures (tests/champion.py).

    It is built once per session, also if several processes run the tests.
    """
    from models.bundle import save
    from tests.models.small_model import train

    root = tmp_path_factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    folder = root / "small_model"
    with (root / "small_model.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            save(train(), folder)
    return folder


@pytest.fixture(scope="session")
def small_store(small_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Model store with `small_bundle`, for processes: ``TIDEWAITER_MODELS_DIR``."""
    from models.bundle import ModelStore

    root = tmp_path_factory.mktemp("small_store")
    ModelStore(root).install(small_bundle)
    return root


@pytest.fixture(scope="module")
def instead_of_the_champion(small_bundle: Path) -> Iterator[None]:
    """Let the small model serve in this process where no version is installed."""
    from models.bundle import store

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(store, "_CHAMPION_DIR", small_bundle)
        yield


@pytest.fixture(autouse=True)
def _opsin_stays_enabled() -> Iterator[None]:
    """Fail a test that leaves the shared OPSIN reader disabled: every later test of its process would miss systematic names."""
    before = opsin().available
    yield
    after = opsin().available
    opsin().configure(enabled=True, time_limit_s=opsin().limits.name_s)
    assert after or not before, "the test left the shared OPSIN reader disabled or paused; enable it again at the end"


#: Folders and modules below tests/ that start processes, wait for connections, train models, simulate worlds or run thousands of
#: searches.
SLOW = (
    "behaviour",
    "benchmarks",
    "features/readers/test_csv.py",
    "features/substances",
    "features/texts/test_phrases.py",
    "features/texts/test_texts.py",
    "fuzz",
    "models/trees",
    "service/api/test_large_json.py",
    "service/cli",
    "service/files",
    "service/scoring/test_reading_budget.py",
    "service/store/test_away.py",
    "service/store/test_scrubbing.py",
    "service/test_connections.py",
    "service/test_faults.py",
    "service/test_memory.py",
    "service/test_server.py",
    "test_compiled.py",
    "test_packaging.py",
    "test_readme.py",
    "test_adapt_tutorial.py",
    "test_tutorial.py",
    "tools",
    "training",
)

#: Folders and modules below tests/ of which `make test-long` runs every test. Others mark single tests with `pytest.mark.long`.
LONG = (
    "fuzz/test_effort.py",
    "fuzz/test_openapi_rest.py",
    "service/store/test_answered.py",
    "service/store/test_any_content.py",
    "service/store/test_full_disk.py",
    "service/store/test_garbage.py",
    "service/store/test_job_kills.py",
    "service/store/test_kills.py",
    "service/store/test_late_workers.py",
    "service/store/test_tutorial.py",
    "service/test_faults.py",
    "service/test_generated_client.py",
    "service/test_memory.py",
    "test_adapt_tutorial.py",
    "test_tutorial.py",
    "tools/test_check_worlds.py",
    "training/authors/test_comparison.py",
    "training/worlds/own/test_world_content.py",
    "training/worlds/own/test_world_draws.py",
    "training/worlds/own/test_world_not_easy.py",
    "training/worlds/own/test_world_reproducible.py",
    "training/worlds/own/test_world_too_easy_report.py",
)

#: Folders below tests/ whose modules run in one process, because they share fixtures of a session that take many seconds.
TOGETHER = ("training/authors/", "training/worlds/own/", "training/worlds/", "training/")


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Gives whole modules, and the modules of each folder of `TOGETHER`, to one process."""

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.split("::", 1)[0].removeprefix("tests/")
        return next((folder for folder in TOGETHER if module.startswith(folder)), module)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    return Scheduling(config, log)


def _is_below(path: Path, config: pytest.Config, names: tuple[str, ...]) -> bool:
    folder = config.rootpath / "tests"
    return path.is_relative_to(folder) and path.relative_to(folder).as_posix().startswith(names)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Skip modules without importing them where all their tests are left out. The imports take half of the collection time."""
    left_out = {"not slow": SLOW, "not long": LONG}.get(config.option.markexpr, ())
    return True if left_out and _is_below(collection_path, config, left_out) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark tests as slow, which `make check` skips, and as long, which `make test` skips too. Run long ones first, then slow ones.

    `make test-long` runs the property tests too, with all of their examples. The modules are shared out to processes in this order.
    At the end, only short ones remain, so no process waits long for another.
    """
    repeats = effort.ALL_EXAMPLES and config.option.markexpr == "long"
    paths = {item.path for item in items}
    slow, long = ({path for path in paths if _is_below(path, config, names)} for names in (SLOW, LONG))
    for item in items:
        is_repeated = repeats and is_hypothesis_test(getattr(item, "obj", None))
        if item.path in long or is_repeated:
            item.add_marker(pytest.mark.long)
        if item.path in slow or item.get_closest_marker("long"):
            item.add_marker(pytest.mark.slow)
    first = {item.path for item in items if item.get_closest_marker("long")}
    together = {path for path in paths if _is_below(path, config, TOGETHER)}
    items.sort(key=lambda item: (item.path not in first, item.path not in together, item.path not in slow))
