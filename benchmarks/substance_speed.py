"""Time per text, memory and start-up cost of the substance index.

The texts are collected here. A separate process, bound to one core, loads only the index and times them.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

#: Targets: medians in microseconds, megabytes.
REPEATED_US_BAR: Final = 50.0
UNSEEN_US_BAR: Final = 2_000.0
RESIDENT_MB_BAR: Final = 500.0
REPEATED: Final = "repeated"
WITH_OPSIN: Final = ", read by OPSIN"
_MANIFEST_ROWS: Final = 20_000
# Below the capacity of the index's cache, so that the cache still contains the texts the second time.
_REPEATED_TEXTS: Final = 5_000


def in_child(count: int, seed: int) -> dict[str, Any]:
    """Collect ``count`` distinct texts of each kind and measure them in a new process; see `measure` for the result."""
    command = [sys.executable, "-m", "benchmarks.substance_speed"]
    texts = json.dumps(gather(count, seed))
    return dict(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, input=texts).stdout))


def gather(count: int, seed: int) -> dict[str, tuple[bool, list[str]]]:
    """Return kind of text -> whether it is from a field for chemicals, and at most ``count`` distinct texts."""
    from benchmarks.substance_false_hits import unii_names
    from benchmarks.substance_rows import read
    from benchmarks.substance_writings import smiles
    from training.worlds.own import sample

    names = unii_names()
    kinds = {
        "goods of simulated manifests": (False, sample(max(_MANIFEST_ROWS, count), seed)["goods_description"]),
        "declarations, hard negatives": (False, [row.text for row in read("declarations") + read("hard_negatives")]),
        "names of medicines": (True, random.Random(seed).sample(names, min(count, len(names)))),
        "SMILES": (True, [row.text for row in smiles(seed) if row.chemical]),
        "systematic names": (True, [row.text for row in read("systematic") + read("near_misses")]),
    }
    return {
        kind: (chemical, list(dict.fromkeys(str(text) for text in texts if text))[:count])
        for kind, (chemical, texts) in kinds.items()
    }


def measure(kinds: dict[str, tuple[bool, list[str]]]) -> dict[str, Any]:
    """Return times in microseconds, memory in megabytes, start-up in seconds.

    Returns: ``start_s`` (stage -> seconds), ``times`` (kind of text, separately for texts that use OPSIN -> texts, p50,
        p90, p99), ``resident_mb`` (Python with the index, Python after all texts, java).
    """
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    begun = time.perf_counter()
    from features.substances import Substances

    imported = time.perf_counter()
    index = Substances.load()
    index.match("cotton shirts")
    loaded = time.perf_counter()
    resident = {"Python, index loaded": _resident_mb(os.getpid())}
    index.match("N-(1-phenethylpiperidin-4-yl)-N-phenylnonanamide", chemical=True)
    start = {
        "import": imported - begun,
        "index": loaded - imported,
        "structures and OPSIN, at the first systematic name": time.perf_counter() - loaded,
    }
    times = {}
    for kind, (chemical, texts) in kinds.items():
        for uses_opsin, values in _each(index, texts, chemical=chemical).items():
            if values:
                times[f"unseen: {kind}{WITH_OPSIN if uses_opsin else ''}"] = _summary(values)
    chemical, texts = next(iter(kinds.values()))
    repeated = texts[:_REPEATED_TEXTS]
    _each(index, repeated, chemical=chemical)
    again = _each(index, repeated, chemical=chemical)
    times = {REPEATED: _summary(again[False] + again[True]), **times}
    resident["Python, after all texts"] = _resident_mb(os.getpid())
    pid = _opsin().pid
    resident["OPSIN (java)"] = _resident_mb(pid) if pid else 0.0
    return {"start_s": start, "times": times, "resident_mb": resident}


def _opsin() -> Any:
    from features.substances import opsin

    return opsin()


def _each(index: Any, texts: list[str], *, chemical: bool) -> dict[bool, list[float]]:
    """Return microseconds of each text, by whether OPSIN was used."""
    measured: dict[bool, list[float]] = {False: [], True: []}
    opsin = _opsin()
    for text in texts:
        before = opsin.counters.names
        start = time.perf_counter_ns()
        index.match(text, chemical=chemical)
        took = (time.perf_counter_ns() - start) / 1e3
        measured[opsin.counters.names > before].append(took)
    return measured


def _summary(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    shares = {"p50": 0.50, "p90": 0.90, "p99": 0.99}
    return {"texts": len(ordered), **{name: ordered[int(share * (len(ordered) - 1))] for name, share in shares.items()}}


def _resident_mb(pid: int) -> float:
    """Return the resident memory of a process as reported by the kernel; 0 if it reports none."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return 0.0
    for line in status.read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    print(json.dumps(measure(json.loads(sys.stdin.read()))))
