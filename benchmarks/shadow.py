"""Cost of a shadow: latency of requests with and without one, in turn, and the processor time of its process.

One worker with SQLite serves distinct shipments at fixed rates over 8 connections. In every second round a shadow of the same
bundle runs, in a process of its own with low priority. Prints the figures as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np
import orjson

from benchmarks.client import Requests
from benchmarks.flood import flood
from benchmarks.servers.running import Running, free_port, stopping
from benchmarks.shipments import simulated
from models.bundle import champion_dir
from service.backtests import shadow
from service.core.database.engine import Database

_READY: Final = b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
_CONNECTIONS: Final = 8
#: Requests before a round.
_FIRST: Final = 40
_SEED: Final = 20261203
_TICKS: Final = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", type=float, nargs="+", default=[20.0, 100.0], help="requests per second")
    parser.add_argument("--rounds", type=int, default=4, help="rounds with and without a shadow, per rate")
    parser.add_argument("--seconds", type=float, default=10.0, help="duration of a round")
    options = parser.parse_args()
    wanted = sum((int(rate * options.seconds + 1) + _FIRST) * 2 * options.rounds for rate in options.rates) + 400
    records = [{**one, "shipment_id": f"S{k}"} for k, one in enumerate(simulated(2 * wanted, _SEED)[:wanted])]
    requests = list(Requests.post("/v1/score", [orjson.dumps(record) for record in records]).items)
    with tempfile.TemporaryDirectory(prefix="tidewaiter-bench-") as name, stopping() as started:
        folder, port = Path(name), free_port()
        url = f"sqlite:///{folder}/decisions.db"
        environment = {
            "TIDEWAITER_MODELS_DIR": str(folder / "models"),
            "TIDEWAITER_JOBS_DIR": str(folder / "jobs"),
            "TIDEWAITER_DATABASE_URL": url,
            "TIDEWAITER_LOG_LEVEL": "warning",
            "PYTHONPATH": str(Path.cwd()),
        }
        command = [sys.executable, "-c", "from service.cli import main; main()", "serve", "--port", str(port)]
        started.append(Running("tidewaiter", command, port, folder / "log", environment=environment, folder=folder))
        started[0].wait(_READY)
        flood(port, requests[:400], connections=_CONNECTIONS, seconds=5.0, rate=80.0)
        database, at = Database(url), 400
        figures = []
        for rate in options.rates:
            each = int(rate * options.seconds + 1)
            rounds: dict[bool, list[dict[str, float]]] = {False: [], True: []}
            for number in range(2 * options.rounds):
                # Turn the order around, so that a drift of the machine falls on both.
                with_shadow = number % 4 in (1, 2)
                rounds[with_shadow].append(
                    _round(
                        database,
                        started[0],
                        requests[at : at + each + _FIRST],
                        rate,
                        options.seconds,
                        with_shadow=with_shadow,
                    )
                )
                at += each + _FIRST
            figures.append({"rate": rate, "without": _middle(rounds[False]), "with": _middle(rounds[True])})
        database.close()
    print(json.dumps(figures, indent=1))


def _round(
    database: Database, server: Running, requests: Sequence[bytes], rate: float, seconds: float, *, with_shadow: bool
) -> dict[str, float]:
    """Return the figures of a round."""
    child = 0
    if with_shadow:
        shadow.start(database, champion_dir(), "benchmark")
        while not (child := _child(server)):
            time.sleep(0.2)
        # Its first step loads the model.
        flood(server.port, requests[:_FIRST], connections=_CONNECTIONS, seconds=2.0, rate=_FIRST / 2.0)
        _wait(database)
    busy, before = _cpu_s(child), _scored(database)
    counted = flood(server.port, requests[_FIRST:], connections=_CONNECTIONS, seconds=seconds, rate=rate)
    times = np.array(counted.times[200]) * 1e3
    figures = {
        "p50_ms": float(np.percentile(times, 50)),
        "p95_ms": float(np.percentile(times, 95)),
        "answers": len(times),
    }
    if with_shadow:
        scored = _wait(database)
        figures |= {"shadow_cpu_ms_per_decision": 1e3 * (_cpu_s(child) - busy) / max(scored - before, 1)}
        figures |= {"shadow_share_of_a_core": (_cpu_s(child) - busy) / seconds}
        shadow.stop(database, "benchmark")
        while _cpu_s(child):
            time.sleep(0.2)
    return figures


def _wait(database: Database) -> int:
    """Wait until the shadow has scored all decisions, and return their number."""
    while (report := shadow.report(database))["behind"]:
        time.sleep(0.5)
    return int(report["decisions"])


def _scored(database: Database) -> int:
    with suppress(shadow.ShadowRefused):
        report = shadow.report(database)
        return 0 if report["stopped_at"] else int(report["decisions"])
    return 0


def _child(server: Running) -> int:
    """Return the number of the process of the shadow; 0 if there is none."""
    for process in server.pids:
        with suppress(OSError):
            if b"service.backtests" in Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0"):
                return process
    return 0


def _cpu_s(process: int) -> float:
    """Return the processor time of a process in seconds; 0 if it has ended."""
    with suppress(OSError):
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return 0.0 if fields[0] == "Z" else (int(fields[11]) + int(fields[12])) / _TICKS
    return 0.0


def _middle(rounds: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the median of each figure over rounds."""
    return {name: round(float(np.median([one[name] for one in rounds])), 3) for name in rounds[0]}


if __name__ == "__main__":
    main()
