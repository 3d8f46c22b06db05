"""Processor time of two versions of the project for the same requests and files, side by side.

``python -m benchmarks.versions ../other`` compares this checkout with another one that has its own environment in ``.venv`` and its
modules compiled. Both services, without a store, get the same shipments over one connection each, in turn; both command lines
score the same file in turn. All texts are new to both. The result is the ratio of this version to the other: its median over the
runs, and all runs. A ratio of 1.05 means that this version takes 5 % longer.
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median
from typing import Any, Final

import orjson

from benchmarks.client import Requests, ask, connect
from benchmarks.machine import describe
from benchmarks.script import console, say
from benchmarks.servers.running import Running, free_port
from benchmarks.shipments import flat_rows, never_seen, simulated
from benchmarks.tables import Table, number

ROOT: Final = Path(__file__).resolve().parents[1]
_READY: Final = b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
#: Turns of a run, and requests per turn.
_TURNS: Final = 50
_PER_TURN: Final = 100
_WARM_UP: Final = 600
#: `-c` imports from the working directory, whichever checkout is installed in the environment.
_COMMAND: Final = ("-c", "from service.cli import main; main()")
_WITHOUT_STORE: Final = {"TIDEWAITER_STORE": "off", "TIDEWAITER_AUTH": "off"}
#: Name of a measurement -> ratio of each run.
Ratios = dict[str, list[float]]


def command(checkout: Path, *arguments: str) -> list[str]:
    """Return the command line of a checkout."""
    return [str(checkout / ".venv" / "bin" / "python"), *_COMMAND, *arguments]


def compare_requests(checkouts: Sequence[Path], requests: Sequence[bytes], folder: Path) -> tuple[float, float]:
    """Return the ratios of the time until the answer (median over the turns), and of the processor time of the servers."""
    with ExitStack() as stack:
        servers: list[Running] = []
        connections: list[socket.socket] = []
        for place, checkout in enumerate(checkouts):
            port = free_port()
            arguments = command(checkout, "serve", "--port", str(port))
            server = Running(
                f"version {place}",
                arguments,
                port,
                folder / f"{place}.log",
                environment=_WITHOUT_STORE,
                folder=checkout,
            )
            stack.callback(server.stop)
            server.wait(_READY)
            servers.append(server)
            connections.append(stack.enter_context(closing(connect(port))))
        for connection in connections:
            for request in requests[:_WARM_UP]:
                ask(connection, request)
        before = [server.cpu_s() for server in servers]
        ratios = []
        for turn in range(_TURNS):
            start = _WARM_UP + turn * _PER_TURN
            seconds = [0.0, 0.0]
            for place in (0, 1) if turn % 2 else (1, 0):
                began = time.perf_counter()
                for request in requests[start : start + _PER_TURN]:
                    ask(connections[place], request)
                seconds[place] = time.perf_counter() - began
            ratios.append(seconds[0] / seconds[1])
        spent = [server.cpu_s() - earlier for server, earlier in zip(servers, before, strict=True)]
        return median(ratios), spent[0] / spent[1]


def cpu_s(checkout: Path, source: Path, out: Path) -> float:
    """Return the processor seconds of the command that scores a file."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        command(checkout, "score", str(source), str(out)),
        cwd=checkout,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **_WITHOUT_STORE},
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare_files(checkouts: Sequence[Path], one_row: Path, many_rows: Path, folder: Path) -> float:
    """Return the ratio of the processor time of the rows of a file: that of the command, without that for a file of one row."""
    spent = []
    for checkout in checkouts:
        start, whole = (cpu_s(checkout, source, folder / "scored.csv") for source in (one_row, many_rows))
        spent.append(whole - start)
    return spent[0] / spent[1]


def write_rows(records: Sequence[dict[str, Any]], file: Path) -> int:
    """Write shipments as CSV and return the number of rows."""
    rows = [row for record in records for row in flat_rows(record)]
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(dict.fromkeys(name for row in rows for name in row)))
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)


def table(ratios: Ratios) -> Table:
    """Return the table of the ratios of all runs."""
    rows = [(name, number(median(of_name)), ", ".join(map(number, of_name))) for name, of_name in ratios.items()]
    return Table("This version over the other", ("", "median", "runs"), tuple(rows))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path, help="folder of the other checkout")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--items", type=int, default=100_000, help="goods items of the file")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    checkouts = [ROOT, options.other.resolve()]
    for checkout in checkouts:
        if not (checkout / ".venv" / "bin" / "python").exists():
            sys.exit(f"{checkout}: there is no environment in .venv; run `make dev` there.")
    console().print(describe(), style="dim")
    say("Simulating shipments ...")
    records = never_seen(simulated(options.items, options.seed), options.seed)
    bodies = [orjson.dumps(record) for record in records[: _WARM_UP + _TURNS * _PER_TURN]]
    requests = Requests.post("/v1/score", bodies).items
    ratios: Ratios = {"request, time": [], "request, processor": [], "row of a file, processor": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        one_row, many_rows = folder / "one.csv", folder / "many.csv"
        write_rows(records[:1], one_row)
        write_rows(records, many_rows)
        for run in range(options.runs):
            say(f"Run {run + 1} of {options.runs} ...")
            of_time, of_processor = compare_requests(checkouts, requests, folder)
            ratios["request, time"].append(of_time)
            ratios["request, processor"].append(of_processor)
            ratios["row of a file, processor"].append(compare_files(checkouts, one_row, many_rows, folder))
    table(ratios).show(console())


if __name__ == "__main__":
    main()
