"""Overload and soak of one worker of the service, on loopback, with the client on another core.

``overload`` finds the peak of answers per second with 32 connections, then sends from so many connections that the service is
offered ten times its capacity, and prints how many answers remain and how fast the others are refused. ``soak`` sends 70 % of the
peak while bundles are exchanged, and prints the growth of memory after the first sixth and the 99th percentile by minute.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import orjson

from benchmarks.client import Requests
from benchmarks.servers.running import Running, free_port
from benchmarks.shipments import never_seen, simulated
from models.bundle import ModelStore, champion_dir, load, save

_READY: Final = b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
_PEAK_CONNECTIONS: Final = 32
_OVERLOAD_CONNECTIONS: Final = 900
_SHARE: Final = 0.7
_SWAP_SECONDS: Final = 30.0


@dataclass(slots=True)
class Counted:
    """Answers by status with their times in seconds, and connections that ended without an answer."""

    times: dict[int, list[float]] = field(default_factory=dict)
    lost: int = 0
    offered: int = 0

    def add(self, status: int, seconds: float) -> None:
        self.times.setdefault(status, []).append(seconds)

    def rate(self, status: int, seconds: float) -> float:
        return len(self.times.get(status, ())) / seconds

    def shown(self) -> dict[str, dict[str, float]]:
        """Return number, median and 99th percentile in milliseconds by status."""
        return {
            str(status): {
                "count": len(times),
                "p50_ms": round(float(np.percentile(times, 50)) * 1e3, 2),
                "p99_ms": round(float(np.percentile(times, 99)) * 1e3, 2),
            }
            for status, times in sorted(self.times.items())
        }


async def _one(port: int, requests: list[bytes], until: float, gap: float, counted: Counted) -> None:
    """Send requests over one connection, at most one per ``gap`` seconds, and open it again when it ends."""
    reader = asyncio.StreamReader()
    writer: asyncio.StreamWriter | None = None
    place = id(asyncio.current_task()) % len(requests)
    due = time.perf_counter()
    while time.perf_counter() < until:
        try:
            if writer is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            due = max(due + gap, time.perf_counter() - gap)
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            place = (place + 1) % len(requests)
            began = time.perf_counter()
            counted.offered += 1
            writer.write(requests[place])
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            counted.add(int(head[9:12]), time.perf_counter() - began)
            if b"connection: close" in head.lower():
                writer.close()
                writer = None
        except (OSError, asyncio.IncompleteReadError):
            counted.lost += 1
            if writer is not None:
                writer.close()
            writer = None
    if writer is not None:
        writer.close()


async def drive(port: int, requests: list[bytes], *, connections: int, seconds: float, gap: float = 0.0) -> Counted:
    """Send requests from many connections for some seconds."""
    counted = Counted()
    until = time.perf_counter() + seconds
    await asyncio.gather(*(_one(port, requests, until, gap, counted) for _ in range(connections)))
    return counted


def overload(port: int, requests: list[bytes], seconds: float) -> dict[str, object]:
    """Return the peak, and what remains of it at ten times the capacity."""
    peak = asyncio.run(drive(port, requests, connections=_PEAK_CONNECTIONS, seconds=seconds)).rate(200, seconds)
    gap = _OVERLOAD_CONNECTIONS / (10 * peak)
    over = asyncio.run(drive(port, requests, connections=_OVERLOAD_CONNECTIONS, seconds=seconds, gap=gap))
    goodput = over.rate(200, seconds)
    return {
        "peak_per_second": round(peak),
        "offered_per_second": round(over.offered / seconds),
        "goodput_per_second": round(goodput),
        "goodput_share": round(goodput / peak, 3),
        "by_status": over.shown(),
        "lost": over.lost,
    }


def soak(
    port: int, pid: int, requests: list[bytes], store: ModelStore, folder: Path, minutes: float
) -> dict[str, object]:
    """Return the growth of memory and the 99th percentile of each minute at 70 % of the peak, with exchanges of bundles."""
    peak = asyncio.run(drive(port, requests, connections=_PEAK_CONNECTIONS, seconds=5)).rate(200, 5)
    model = load(champion_dir())
    model.version += "-other"
    save(model, folder / "other")
    bundles = [folder / "other", champion_dir()]
    gap = _PEAK_CONNECTIONS / (_SHARE * peak)
    p99: list[float] = []
    memory: list[tuple[float, int]] = []
    statuses: dict[int, int] = {}
    lost = swaps = 0
    begun = time.monotonic()
    while (passed := time.monotonic() - begun) < 60 * minutes:
        if passed >= swaps * _SWAP_SECONDS:
            store.install(bundles[swaps % 2])
            swaps += 1
        counted = asyncio.run(drive(port, requests, connections=_PEAK_CONNECTIONS, seconds=10, gap=gap))
        p99.append(round(float(np.percentile(counted.times[200], 99)) * 1e3, 2))
        for status, times in counted.times.items():
            statuses[status] = statuses.get(status, 0) + len(times)
        lost += counted.lost
        memory.append((time.monotonic() - begun, _resident(pid)))
    settled = [size for when, size in memory if when >= 10 * minutes]
    return {
        "minutes": minutes,
        "exchanges": swaps,
        "answers": statuses,
        "lost": lost,
        "memory_mb": [round(size / 1e6) for _, size in memory],
        "growth_after_a_sixth": round(settled[-1] / settled[0] - 1.0, 4) if settled else None,
        "p99_ms": p99,
    }


def _resident(pid: int) -> int:
    """Return the resident memory of a process in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Run one of the measurements and print its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["overload", "soak"])
    parser.add_argument("--seconds", type=float, default=20.0, help="per phase of the overload")
    parser.add_argument("--minutes", type=float, default=60.0, help="of the soak")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    records = never_seen(simulated(4_000, 20261101), 1)
    requests = list(Requests.post("/v1/score", [orjson.dumps(record) for record in records]).items)
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        command = [sys.executable, "-c", "from service.cli import main; main()", "serve", "--port", str(port)]
        environment = {"TIDEWAITER_MODELS_DIR": str(folder / "models"), "TIDEWAITER_LOG_LEVEL": "warning"}
        server = Running("tidewaiter", command, port, folder / "log", environment=environment)
        with closing(_Stopping(server)):
            server.wait(_READY)
            if len(cores) > 1:
                os.sched_setaffinity(server.pid, cores[:1])
                os.sched_setaffinity(0, cores[1:2])
            with suppress(KeyboardInterrupt):
                if options.kind == "overload":
                    figures = overload(port, requests, options.seconds)
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
