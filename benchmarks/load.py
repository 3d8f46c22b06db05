"""Overload and soak of one worker of the service, on loopback, with the client on another core.

``overload`` measures the peak of answers per second with 32 connections. It then offers ten times this load over 900 connections,
each with up to ``--depth`` unanswered requests, and prints how many requests are answered and how fast the others are refused.
``blocks`` sends requests that are designed to block others (`benchmarks.hostile`). ``soak`` sends 70 % of the peak while bundles
are exchanged. It prints the growth of memory after the first sixth of its time, and the 99th percentile of each 10 seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

import numpy as np
import orjson

from benchmarks.client import Requests
from benchmarks.flood import flood
from benchmarks.hostile import longest_waits
from benchmarks.servers.running import Running, free_port
from benchmarks.shipments import never_seen, simulated
from models.bundle import ModelStore, champion_dir, load, save

_READY: Final = b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
_PEAK_CONNECTIONS: Final = 32
_OVERLOAD_CONNECTIONS: Final = 900
_OVERLOAD_FACTOR: Final = 10
_WARM_UP_SECONDS: Final = 3.0
_SOAK_SHARE: Final = 0.7
_SWAP_SECONDS: Final = 30.0


def overload(port: int, requests: list[bytes], seconds: float, depth: int) -> dict[str, object]:
    """Return the peak of answers per second, and the answers per second under ten times this load."""
    flood(port, requests, connections=_PEAK_CONNECTIONS, seconds=_WARM_UP_SECONDS)
    peak = flood(port, requests, connections=_PEAK_CONNECTIONS, seconds=seconds).rate(200, seconds)
    over = flood(
        port, requests, connections=_OVERLOAD_CONNECTIONS, seconds=seconds, rate=_OVERLOAD_FACTOR * peak, depth=depth
    )
    goodput = over.rate(200, seconds)
    return {
        "peak_per_second": round(peak),
        "offered_per_second": round(over.offered / seconds),
        "goodput_per_second": round(goodput),
        "goodput_share": round(goodput / peak, 3),
        "client_share": round(over.client_share, 3),
        "by_status": over.summary(),
        "lost": over.lost,
    }


def soak(
    port: int, pid: int, requests: list[bytes], store: ModelStore, folder: Path, minutes: float
) -> dict[str, object]:
    """Return the growth of memory and the 99th percentile of each 10 seconds at 70 % of the peak, with exchanges of bundles."""
    peak = flood(port, requests, connections=_PEAK_CONNECTIONS, seconds=5).rate(200, 5)
    model = load(champion_dir())
    model.version += "-other"
    save(model, folder / "other")
    bundles = [folder / "other", champion_dir()]
    p99: list[float] = []
    memory: list[tuple[float, int]] = []
    statuses: dict[int, int] = {}
    lost = swaps = 0
    began = time.monotonic()
    while (elapsed := time.monotonic() - began) < 60 * minutes:
        if elapsed >= swaps * _SWAP_SECONDS:
            store.install(bundles[swaps % 2])
            swaps += 1
        counted = flood(port, requests, connections=_PEAK_CONNECTIONS, seconds=10, rate=_SOAK_SHARE * peak)
        p99.append(round(float(np.percentile(counted.times[200], 99)) * 1e3, 2))
        for status, times in counted.times.items():
            statuses[status] = statuses.get(status, 0) + len(times)
        lost += counted.lost
        memory.append((time.monotonic() - began, _resident(pid)))
    steady = [size for when, size in memory if when >= 10 * minutes]
    return {
        "minutes": minutes,
        "exchanges": swaps,
        "answers": statuses,
        "lost": lost,
        "memory_mb": [round(size / 1e6) for _, size in memory],
        "growth_after_a_sixth": round(steady[-1] / steady[0] - 1.0, 4) if steady else None,
        "p99_ms": p99,
    }


def _resident(pid: int) -> int:
    """Return the resident memory of a process in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Run one of the measurements and print its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["overload", "blocks", "soak"])
    parser.add_argument("--seconds", type=float, default=20.0, help="duration of each phase of the overload")
    parser.add_argument("--depth", type=int, default=32, help="unanswered requests of a connection in the overload")
    parser.add_argument("--minutes", type=float, default=60.0, help="duration of the soak")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    records = never_seen(simulated(4_000, 20261101), 1)
    requests = list(Requests.post("/v1/score", [orjson.dumps(record) for record in records]).items)
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        command = [sys.executable, "-c", "from service.cli import main; main()", "serve", "--port", str(port)]
        environment = {
            "TIDEWAITER_MODELS_DIR": str(folder / "models"),
            "TIDEWAITER_DATABASE_URL": f"sqlite:///{folder}/decisions.db",
            "TIDEWAITER_LOG_LEVEL": "warning",
        }
        server = Running("tidewaiter", command, port, folder / "log", environment=environment)
        with closing(_Stopping(server)):
            server.wait(_READY)
            if len(cores) > 1 and options.kind != "blocks":
                # Move all threads, because the thread that commits decisions would otherwise share the client's core.
                for thread in Path(f"/proc/{server.pid}/task").iterdir():
                    os.sched_setaffinity(int(thread.name), cores[:1])
                os.sched_setaffinity(0, cores[1:2])
            with suppress(KeyboardInterrupt):
                if options.kind == "overload":
                    figures = overload(port, requests, options.seconds, options.depth)
                elif options.kind == "blocks":
                    figures = dict(longest_waits(port))
                else:
                    store = ModelStore(folder / "models")
                    figures = soak(port, server.pid, requests, store, folder, options.minutes)
                print(json.dumps(figures, indent=1))


class _Stopping:
    """Ends a server on `close`."""

    def __init__(self, server: Running) -> None:
        self._server = server

    def close(self) -> None:
        self._server.stop()


if __name__ == "__main__":
    main()
