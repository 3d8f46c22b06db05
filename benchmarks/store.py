"""Throughput of one worker with and without a store, which commits each decision before its answer is sent.

Three services run on this machine: without a store, with SQLite (``synchronous=FULL``) and with PostgreSQL
(``synchronous_commit=on``). Each is suspended (SIGSTOP) while another is measured with distinct shipments over 8
connections. Both databases are in the system's temporary folder; if that is in memory, set TMPDIR to a folder on a disk.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Final

from sqlalchemy import create_engine, text

from benchmarks.client import Client, Requests
from benchmarks.script import Result, Size, run, say
from benchmarks.servers.catalogue import program
from benchmarks.servers.running import Running, free_port, stopping
from benchmarks.serving import Position
from benchmarks.shipments import simulated
from benchmarks.tables import Table, number
from tests.service.store.engines import cluster, new_database

_CONNECTIONS: Final = 8
_WARM_UP: Final = 400
_SEED: Final = 20261127
_ITEMS_EACH: Final = 1.45
_READY: Final = b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
WITHOUT: Final = "without"
#: Target throughput with each store, as a share of that without a store.
WANTED: Final = {"sqlite": 0.6, "postgresql": 0.5}


@dataclass(frozen=True, slots=True)
class Plan:
    """Size of the measurement: number of shipments per service, of rounds, and of seconds per service and round."""

    shipments: int
    rounds: int
    seconds: float


PLANS: Final = {
    Size.quick: Plan(20_000, 5, 1.0),
    Size.usual: Plan(120_000, 15, 2.0),
    Size.full: Plan(200_000, 30, 2.0),
}


def measure(size: Size) -> Result:
    """Return per service the results of its rounds, and the number of decisions that it stored."""
    plan = PLANS[size]
    say("simulating shipments")
    shipments = simulated(int(_ITEMS_EACH * plan.shipments), _SEED)
    distinct = [{**one, "shipment_id": f"S{place}"} for place, one in enumerate(shipments)]
    with tempfile.TemporaryDirectory(prefix="tidewaiter-bench-") as folder, cluster(fsync=True) as server:
        scratch = Path(folder)
        file = scratch / "requests.bin"
        Requests.post("/v1/score", [json.dumps(one).encode() for one in distinct]).write(file)
        databases = {
            WITHOUT: None,
            "sqlite": f"sqlite:///{scratch / 'store.db'}",
            "postgresql": new_database(server.url),
        }
        services = {}
        rounds: list[dict[str, Result]] = []
        with Client() as client, stopping() as started:
            for name, url in databases.items():
                services[name] = _serve(scratch, name, url), Position(file)
                started.append(services[name][0])
                services[name][1].drive(client, services[name][0].port, _CONNECTIONS, 60.0, at_most=_WARM_UP)
                services[name][0].suspend()
            for number_of_round in range(plan.rounds):
                figures = {}
                for name, (service, position) in list(services.items())[:: -1 if number_of_round % 2 else 1]:
                    service.resume()
                    busy = service.cpu_s()
                    driven = position.drive(client, service.port, _CONNECTIONS, plan.seconds)
                    cpu_ms = 1e3 * (service.cpu_s() - busy) / driven.requests
                    service.suspend()
                    figures[name] = {**asdict(driven), "rate": driven.rate, "cpu_ms": cpu_ms}
                rounds.append(figures)
                say(f"round {number_of_round + 1}: " + ", ".join(f"{k} {v['rate']:,.0f}/s" for k, v in figures.items()))
        stored = {name: _decisions(url) for name, url in databases.items() if url is not None}
        sent = {name: position.start for name, (_, position) in services.items()}
    return {"rounds": rounds, "stored": stored, "sent": sent}


def _serve(scratch: Path, name: str, url: str | None) -> Running:
    port = free_port()
    command = [program("tidewaiter"), "serve", "--port", str(port)]
    store = {"TIDEWAITER_STORE": "off"} if url is None else {"TIDEWAITER_STORE": "on", "TIDEWAITER_DATABASE_URL": url}
    environment = {**store, "PYTHONPATH": str(Path.cwd())}
    service = Running(name, command, port, scratch / f"{name}.log", environment=environment, folder=scratch)
    service.wait(_READY)
    return service


def _decisions(url: str) -> int:
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        count = connection.execute(text("SELECT count(*) FROM decisions")).scalar_one()
    engine.dispose()
    return int(count)


def share(result: Result, name: str) -> float:
    """Return the throughput with a store as a share of that without: the ratio of the medians over the rounds."""
    rates = {key: median(figures[key]["rate"] for figures in result["rounds"]) for key in (name, WITHOUT)}
    return float(rates[name] / rates[WITHOUT])


def tables(result: Result) -> list[Table]:
    """Return the table of `measure`'s figures."""

    def row(name: str) -> tuple[str, ...]:
        def middle(what: str) -> str:
            return number(float(median(figures[name][what] for figures in result["rounds"])))

        figures = (middle("rate"), middle("p50_ms"), middle("p99_ms"), middle("cpu_ms"))
        if name == WITHOUT:
            return (name, *figures, "", "", "")
        return (name, *figures, number(share(result, name)), number(WANTED[name]), number(result["stored"][name]))

    return [
        Table(
            "Throughput with a store",
            ("store", "requests/s", "p50, ms", "p99, ms", "CPU per request, ms", "share", "target", "decisions stored"),
            tuple(map(row, (WITHOUT, *WANTED))),
            "Medians over rounds, with 8 connections and distinct shipments. *Share*: throughput relative to that without a store.",
        )
    ]


if __name__ == "__main__":
    run("store", __doc__, measure, tables)
