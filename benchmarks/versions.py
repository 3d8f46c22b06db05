"""Processor time of two versions of the project for the same requests and files, side by side.

``python -m benchmarks.versions ../other`` compares this checkout with another one that has its own environment in ``.venv`` and its
modules compiled. Both services, without a store, get the same shipments in turn: single ones over 1, 8 and 32 connections, and
batches of 1,000 over one connection. Both command lines score the same file in turn. All texts are new to both. The result is
the ratio of this version to the other: its median over the runs, and all runs. A ratio of 1.05 means that this version takes 5 %
longer.
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any, Final

import orjson

from benchmarks.client import Client, Requests
from benchmarks.machine import describe
from benchmarks.script import console, say
from benchmarks.servers.running import Running, free_port
from benchmarks.shipments import flat_rows, never_seen, simulated
from benchmarks.tables import Table, number

ROOT: Final = Path(__file__).resolve().parents[1]
_READY: Final = b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
#: Connections -> turns of a run. Each turn sends `_PER_TURN` requests to each version.
_TURNS: Final = {1: 30, 8: 20, 32: 20}
_PER_TURN: Final = 200
_WARM_UP: Final = 600
_BATCH: Final = 1_000
_BATCH_TURNS: Final = 10
#: Seconds until a turn is given up.
_PATIENCE: Final = 300.0
#: `-c` imports from the working directory, whichever checkout is installed in the environment.
_COMMAND: Final = ("-c", "from service.cli import main; main()")
_WITHOUT_STORE: Final = {"TIDEWAITER_STORE": "off", "TIDEWAITER_AUTH": "off"}
#: Name of a measurement -> ratio of each run.
Ratios = dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Load:
    """Requests that both versions get: ``warm_up`` of them first, then ``per_turn`` in each of the ``turns``.

    Attributes:
        name: name of the measurement.
        file: file of the requests, see `Requests.write`.
        connections: number of connections over which they are sent.
    """

    name: str
    file: Path
    connections: int
    warm_up: int
    turns: int
    per_turn: int


def loads(records: Sequence[dict[str, Any]], folder: Path) -> list[Load]:
    """Write the requests into files and return the loads. No load uses a shipment of another one."""
    left = iter(records)
    found = []
    for connections, turns in _TURNS.items():
        count = _WARM_UP + turns * _PER_TURN
        file = folder / f"{connections}.bin"
        Requests.post("/v1/score", [orjson.dumps(record) for record in islice(left, count)]).write(file)
        plural = "" if connections == 1 else "s"
        found.append(Load(f"request, {connections} connection{plural}", file, connections, _WARM_UP, turns, _PER_TURN))
    file = folder / "batches.bin"
    bodies = [orjson.dumps({"shipments": list(islice(left, _BATCH))}) for _ in range(1 + _BATCH_TURNS)]
    Requests.post("/v1/score/batch", bodies).write(file)
    return [*found, Load(f"batch of {_BATCH:,}", file, 1, 1, _BATCH_TURNS, 1)]


def command(checkout: Path, *arguments: str) -> list[str]:
    """Return the command line of a checkout."""
    return [str(checkout / ".venv" / "bin" / "python"), *_COMMAND, *arguments]


@contextmanager
def services(checkouts: Sequence[Path], folder: Path) -> Iterator[list[Running]]:
    """Run the service of each checkout, without a store, during the context."""
    with ExitStack() as stack:
        servers: list[Running] = []
        for place, checkout in enumerate(checkouts):
            port = free_port()
            arguments = command(checkout, "serve", "--port", str(port))
            log = folder / f"{place}.log"
            server = Running(f"version {place}", arguments, port, log, environment=_WITHOUT_STORE, folder=checkout)
            stack.callback(server.stop)
            servers.append(server)
        for server in servers:
            server.wait(_READY)
        yield servers


def compare_load(client: Client, servers: Sequence[Running], load: Load) -> tuple[float, float]:
    """Return the ratios of the time per request (median over the turns), and of the processor time of the servers.

    Both get the same requests in turn. One of them is first in every other turn.
    """
    for server in servers:
        client.drive(server.port, load.file, connections=load.connections, seconds=_PATIENCE, at_most=load.warm_up)
    before = [server.cpu_s() for server in servers]
    ratios = []
    for turn in range(load.turns):
        seconds = [0.0, 0.0]
        start = load.warm_up + turn * load.per_turn
        for place in (0, 1) if turn % 2 else (1, 0):
            port = servers[place].port
            driven = client.drive(
                port, load.file, connections=load.connections, seconds=_PATIENCE, start=start, at_most=load.per_turn
            )
            seconds[place] = driven.seconds
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
    ratios: Ratios = {}
    with tempfile.TemporaryDirectory() as name, Client() as client:
        folder = Path(name)
        one_row, many_rows = folder / "one.csv", folder / "many.csv"
        write_rows(records[:1], one_row)
        write_rows(records, many_rows)
        measured = loads(records, folder)
        for run in range(options.runs):
            say(f"Run {run + 1} of {options.runs} ...")
            # New services for each run, because a service remembers texts.
            with services(checkouts, folder) as servers:
                for load in measured:
                    of_time, of_processor = compare_load(client, servers, load)
                    ratios.setdefault(f"{load.name}, time", []).append(of_time)
                    ratios.setdefault(f"{load.name}, processor", []).append(of_processor)
            ratios.setdefault("row of a file, processor", []).append(
                compare_files(checkouts, one_row, many_rows, folder)
            )
    table(ratios).show(console())


if __name__ == "__main__":
    main()
