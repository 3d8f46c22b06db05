"""Freed memory returns to the system, and scoring a file imports only what it needs."""

from __future__ import annotations

import gc
import os
import platform
import subprocess
import sys
import time
import weakref
from pathlib import Path

import pytest

from models.bundle import ModelStore
from service.app import create_app
from service.core.memory import after_exchange, long_lived_objects
from service.core.settings import Settings
from tests.service.api_client import serving

#: Frees an array of 24 MiB, which makes glibc raise its threshold, then allocates another and small ones above it. Prints how
#: much of the 24 MiB stays resident after the second array is freed, in MiB.
_RESIDENT = """
import ctypes, sys
from service.core.memory import keep_memory_small

if sys.argv[1] == "small":
    assert keep_memory_small()
elif sys.argv[1] == "worker":
    from service.server import worker_app

    worker_app()
elif sys.argv[1] == "server":
    import uvicorn
    from service.server import run
    from service.core.settings import Settings

    uvicorn.run = lambda *_, **__: None
    run(Settings(port=0))
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


libc.free(libc.malloc(24 << 20))
before = resident()
large = libc.malloc(24 << 20)
ctypes.memset(large, 1, 24 << 20)
above = [libc.malloc(1 << 16) for _ in range(64)]
libc.free(large)
print((resident() - before) >> 20)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_memory_of_a_large_array_returns_to_the_system_despite_later_small_arrays(small_store: Path) -> None:
    resident = {
        how: int(
            subprocess.run(
                [sys.executable, "-c", _RESIDENT, how],
                capture_output=True,
                text=True,
                check=True,
                cwd=Path(__file__).parents[2],
                env={
                    **os.environ,
                    "PYTHONPATH": ".",
                    "TIDEWAITER_STORE": "off",
                    "TIDEWAITER_MODELS_DIR": str(small_store),
                },
            ).stdout
        )
        for how in ("small", "worker", "server", "default")
    }
    assert max(resident["small"], resident["worker"], resident["server"]) < 8 < resident["default"]


#: Frees 24 MiB of small arrays below one that stays. Prints how much of them stays resident, in MiB, without and with a request to
#: return it.
_RETURNED = """
import ctypes
from features.memory import release_free_memory

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


release_free_memory()
before = resident()
small = [libc.malloc(1 << 16) for _ in range(384)]
for array in small:
    ctypes.memset(array, 1, 1 << 16)
for array in small[:-1]:
    libc.free(array)
kept = resident() - before
release_free_memory()
print(kept >> 20, (resident() - before) >> 20)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_memory_of_small_arrays_returns_to_the_system_on_request() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _RETURNED],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": "."},
    )
    kept, left = map(int, done.stdout.split())
    assert left < 8 < kept


#: Scores a file with the command line and prints the optional packages that it imported.
_SCORE = """
import sys
from service.cli import run

assert run(["score", *sys.argv[1:]]) == 0
print(*({"structlog", "pyarrow.parquet"} & set(sys.modules)))
"""


@pytest.mark.parametrize(("target", "imported"), [("out.csv", []), ("out.parquet", ["pyarrow.parquet"])])
def test_scoring_a_csv_imports_neither_parquet_nor_the_log(
    tmp_path: Path, small_store: Path, target: str, imported: list[str]
) -> None:
    (tmp_path / "in.csv").write_text("shipment_id,goods_description\nA,mug\n")
    done = subprocess.run(
        [sys.executable, "-c", _SCORE, str(tmp_path / "in.csv"), str(tmp_path / target)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": ".", "TIDEWAITER_MODELS_DIR": str(small_store)},
    )
    assert done.stdout.split() == imported


def test_the_garbage_collector_ignores_long_lived_objects_only_while_serving() -> None:
    before = gc.get_threshold()
    with long_lived_objects():
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold() > before
    assert gc.get_freeze_count() == 0
    assert gc.get_threshold() == before


class Cycle:
    """An object that only the garbage collector frees."""

    def __init__(self) -> None:
        self.itself = self


def test_an_exchange_of_the_model_frees_garbage_before_objects_are_exempt_from_collection() -> None:
    with long_lived_objects():
        cycle = Cycle()
        gone = weakref.ref(cycle)
        del cycle
        after_exchange()
        assert gone() is None


def test_a_service_collects_recent_garbage_although_it_is_little(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.app.COLLECT_EVERY", 0.05)
    ModelStore(tmp_path).install(bundle)
    with serving(create_app(Settings(models_dir=tmp_path, keeps_decisions=False))):
        cycle = Cycle()
        gone = weakref.ref(cycle)
        del cycle
        until = time.monotonic() + 30
        while gone() is not None and time.monotonic() < until:
            time.sleep(0.01)
        assert gone() is None


def test_a_command_does_not_collect_garbage_as_it_ends() -> None:
    code = """
import atexit, gc
atexit.register(lambda: print(gc.get_freeze_count() > 10_000, len(gc.get_objects()) < 10_000))
from service.cli import main
main(["--help"])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout.split()[-2:] == ["True", "True"]


#: Starts the application and stops it. Prints how many listed structures were parsed several times.
_START = """
import asyncio, collections
from rdkit import Chem

parse, parsed = Chem.MolFromSmiles, collections.Counter()


def count(smiles, *args, **options):
    parsed[smiles] += not options.get("sanitize", True)
    return parse(smiles, *args, **options)


Chem.MolFromSmiles = count
from service.app import create_app
from service.core.settings import Settings


async def start():
    app = create_app(Settings(opsin=False))
    async with app.router.lifespan_context(app):
        from features.reference import substances

        print(sum(parsed[row.smiles] > 1 for row in substances() if row.smiles))


asyncio.run(start())
"""


def test_a_start_parses_listed_structures_once(small_store: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _START],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "TIDEWAITER_STORE": "off", "TIDEWAITER_MODELS_DIR": str(small_store)},
    )
    # The warm-up reads a few of them as goods, too.
    assert int(done.stdout.split()[-1]) < 5
