"""Speed of one worker of the service compared with general model servers of the same bundle, by kind of request.

All servers run at once. Each is suspended (SIGSTOP) while another is measured, so that a round measures all of them
within a minute. Figures are medians over rounds. Ratios are computed within a round. The script needs about 8 GB of memory.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np

from benchmarks.client import Client, Driven, Requests, ask, connect
from benchmarks.machine import SERVERS
from benchmarks.script import Result, Size, run, say
from benchmarks.servers.catalogue import KINDS, OURS, STORE_OFF, Kind, RequestInputs, program
from benchmarks.servers.mlflow_save import save
from benchmarks.servers.running import PAUSE, Running, free_port, stopping
from benchmarks.shipments import Record, never_seen, simulated, with_names
from benchmarks.tables import Table, number, times
from features.manifest.records import read_record
from features.table.table import ManifestTable
from models.bundle import champion_dir, load

#: Numbers of concurrent connections.
CONNECTIONS: Final = (1, 8, 32)
#: Kind of request -> its name in tables.
_LABELS: Final = {
    "natural repetition": "1 shipment",
    "natural repetition, decisions stored": "1 shipment, decisions stored",
    "texts never seen": "1 shipment, new texts",
    "reasons for every one": "1 shipment, with reasons",
    "never seen, reasons": "1 shipment, new texts, with reasons",
    "names that OPSIN reads": "1 shipment, systematic name",
}
_WARM_UP: Final = 200
_BATCH: Final = 1_000
#: Number of available systematic names.
_NAMED: Final = 1_800
#: Simulated goods items per shipment; a shipment has 1.4 of them on average.
_ITEMS_EACH: Final = 1.45
_SEED: Final = 20261101
_READY: Final = b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Plan:
    """Size of the measurement.

    Attributes:
        items: goods items simulated for all servers.
        batches, each: batches for one worker, and shipments of each other kind of request. Every kind uses different
            shipments.
        seconds: per number of connections and round.
        starts: number of starts of the service.
    """

    items: int
    batches: int
    each: int
    rounds: int
    seconds: float
    starts: int


PLANS: Final = {
    Size.quick: Plan(items=12_000, batches=30, each=4_000, rounds=2, seconds=0.5, starts=1),
    Size.usual: Plan(items=120_000, batches=300, each=38_000, rounds=5, seconds=1.2, starts=5),
    Size.full: Plan(items=150_000, batches=420, each=52_000, rounds=7, seconds=1.2, starts=5),
}


def measure(size: Size) -> Result:
    """Return all figures; for the keys see `servers`, `own_requests` and `starts`."""
    plan = PLANS[size]
    say("simulating shipments")
    shipments = simulated(plan.items, _SEED)
    inputs = RequestInputs(shipments, feature_rows(shipments[:2000]))
    with tempfile.TemporaryDirectory(prefix="tidewaiter-bench-") as folder, Client() as client:
        scratch = Path(folder)
        return {
            "shipments": len(shipments),
            "ceiling": ceiling(client, scratch, inputs),
            "servers": servers(client, scratch, inputs, plan),
            "own_requests": own_requests(client, scratch, inputs, plan),
            "starts": starts(scratch, inputs, plan),
        }


def feature_rows(shipments: Sequence[Record]) -> list[list[float]]:
    """Return the features of goods items. JSON has no NaN, so missing values become 0."""
    model = load(champion_dir())
    table = ManifestTable.from_records(list(map(read_record, shipments)), receipt=0)
    history = model.history.copy().advance(table)
    return [list(map(float, row)) for row in np.nan_to_num(model.space.transform(table, history.values))]


def ceiling(client: Client, scratch: Path, inputs: RequestInputs) -> dict[str, float]:
    """Return connections -> requests per second of the client with a server that answers immediately."""
    file = scratch / "trivial.bin"
    requests = Requests.post("/", [json.dumps(one).encode() for one in inputs.shipments[:1000]])
    requests.write(file)
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.servers.trivial", str(port)]
    server = Running("trivial", command, port, scratch / "trivial.log")
    with stopping([server]):
        server.wait(requests.items[0])
        return {str(n): client.drive(port, file, connections=n, seconds=0.5).rate for n in CONNECTIONS}


class Position:
    """Position of a server in a list of requests. It returns to the start only after the last request."""

    def __init__(self, file: Path) -> None:
        self.file, self.start = file, 0

    def drive(self, client: Client, port: int, connections: int, seconds: float, at_most: int = 0) -> Driven:
        """Run the next period of load."""
        driven = client.drive(
            port, self.file, connections=connections, seconds=seconds, start=self.start, at_most=at_most
        )
        self.start += driven.sent
        return driven


def servers(client: Client, scratch: Path, inputs: RequestInputs, plan: Plan) -> list[dict[str, Any]]:
    """Return per server ``name``, ``given``, ``ready_s``, ``resident_mb``, ``sent`` requests, and ``rounds``: connections ->
    `Driven`.
    """
    bundle = champion_dir().resolve()
    say("saving MLflow models")
    save(bundle, scratch / "mlflow")
    running: list[tuple[Kind, Running, Position]] = []
    results: list[dict[str, Any]] = []
    with stopping() as started:
        for kind in KINDS:
            file = scratch / f"{kind.slug}.bin"
            requests = kind.requests(inputs)
            requests.write(file)
            server = kind.start(scratch, bundle)
            started.append(server)
            ready = server.wait(requests.items[0])
            say(f"{kind.name}, given {kind.given}: ready after {ready:.1f} s")
            position = Position(file)
            position.drive(client, server.port, 4, 30.0, at_most=_WARM_UP)
            results.append({"name": kind.name, "given": kind.given, "ready_s": ready, "rounds": []})
            server.suspend()
            running.append((kind, server, position))
        for number_of_round in range(plan.rounds):
            say(f"round {number_of_round + 1} of {plan.rounds}")
            # Alternate the order, so that drift within a round does not always affect the same servers.
            for (_, server, position), one in list(zip(running, results, strict=True))[
                :: -1 if number_of_round % 2 else 1
            ]:
                server.resume()
                position.drive(client, server.port, 4, 1.0, at_most=20)
                figures = {}
                for n in CONNECTIONS:
                    busy = server.cpu_s()
                    driven = position.drive(client, server.port, n, plan.seconds)
                    figures[str(n)] = {**_figures(driven), "cpu_ms": 1e3 * (server.cpu_s() - busy) / driven.requests}
                one["rounds"].append(figures)
                server.suspend()
        for (_, server, position), one in zip(running, results, strict=True):
            one["resident_mb"] = server.resident_mb()
            one["sent"] = position.start
    return results


@dataclass(frozen=True, slots=True)
class Own:
    """A kind of request to the service: ``shipments`` per request, to ``workers`` workers, with or without a store."""

    name: str
    shipments: int
    path: str
    bodies: Sequence[object]
    workers: int = 1
    stored: bool = False


def own_requests(client: Client, scratch: Path, inputs: RequestInputs, plan: Plan) -> list[dict[str, Any]]:
    """Return per kind of request ``name``, ``workers``, ``shipments`` per request, ``items`` per shipment, numbers of requests
    ``made`` and ``sent``, and ``rounds``: connections -> `Driven`.
    """
    cores = os.cpu_count() or 1
    # Each kind has its own shipments, because scoring the same shipment again takes a different time.
    more = plan.batches * 4 // 3 if cores > 1 else 0
    count = (plan.batches + more) * _BATCH + 4 * plan.each + _NAMED
    fresh = iter(simulated(int(_ITEMS_EACH * count), _SEED + 2))

    def some(count: int) -> list[Record]:
        return list(islice(fresh, count))

    def batches(workers: int, number: int) -> Own:
        bodies = [{"shipments": some(_BATCH)} for _ in range(number)]
        suffix = f", {workers} workers" if workers > 1 else ""
        return Own(f"batch of {_BATCH:,}{suffix}", _BATCH, "/v1/score/batch", bodies, workers)

    kinds = [
        Own("natural repetition", 1, "/v1/score", inputs.shipments),
        Own("natural repetition, decisions stored", 1, "/v1/score", some(plan.each), stored=True),
        Own("texts never seen", 1, "/v1/score", never_seen(some(plan.each), _SEED)),
        Own("reasons for every one", 1, "/v1/score?explain=all", some(plan.each)),
        Own("never seen, reasons", 1, "/v1/score?explain=all", never_seen(some(plan.each), _SEED + 1)),
        Own("names that OPSIN reads", 1, "/v1/score", with_names(some(_NAMED))),
        batches(1, plan.batches),
    ]
    if cores > 1:
        kinds.append(batches(cores, more))
    positions: list[Position] = []
    results: list[dict[str, Any]] = []
    for place, kind in enumerate(kinds):
        say(f"making requests: {kind.name}")
        Requests.post(kind.path, [json.dumps(body).encode() for body in kind.bodies]).write(
            scratch / f"own-{place}.bin"
        )
        positions.append(Position(scratch / f"own-{place}.bin"))
        results.append(
            {
                "name": kind.name,
                "workers": kind.workers,
                "shipments": kind.shipments,
                "items": _items_each(kind.bodies),
                "made": len(kind.bodies),
                "rounds": [],
            }
        )
    with stopping() as started:
        # Each kind has its own service, so that they do not share a history.
        for kind, position in zip(kinds, positions, strict=True):
            started.append(_serve(scratch, kind.workers, stored=kind.stored))
            position.drive(client, started[-1].port, 8, 30.0, at_most=max(8 * kind.workers, _WARM_UP // kind.shipments))
            started[-1].suspend()
        for number_of_round in range(plan.rounds):
            say(f"kinds of requests, round {number_of_round + 1} of {plan.rounds}")
            for server, position, one in zip(started, positions, results, strict=True):
                server.resume()
                driven = {n: position.drive(client, server.port, n, plan.seconds) for n in CONNECTIONS[:2]}
                server.suspend()
                one["rounds"].append({str(n): _figures(value) for n, value in driven.items()})
        for position, one in zip(positions, results, strict=True):
            one["sent"] = position.start
    return results


def _serve(scratch: Path, workers: int, *, stored: bool) -> Running:
    """Return the service, ready to answer. A store is a SQLite database, as by default."""
    port = free_port()
    command = [program("tidewaiter"), "serve", "--port", str(port), "--workers", str(workers)]
    environment = {} if stored else STORE_OFF
    server = Running(OURS, command, port, scratch / f"own-{port}.log", environment=environment, folder=scratch)
    server.wait(_READY)
    return server


def _items_each(bodies: Sequence[Any]) -> float:
    """Return the goods items per shipment."""
    records = [record for body in bodies for record in body.get("shipments", [body])]
    return sum(len(record["items"]) for record in records) / max(1, len(records))


def starts(scratch: Path, inputs: RequestInputs, plan: Plan) -> dict[str, list[float]]:
    """Return the times of each start.

    Returns: ``ready_s``, seconds until ready; ``help_s``, seconds of ``tidewaiter --help``; ``first_ms`` and
        ``thousandth_ms``, milliseconds of these requests; ``stream_ms``, milliseconds of a request in a stream of requests
        that is sent between them.

    The thousandth is sent like the first: over a new connection, after a pause in which the processor's caches lose
    unused data. After such a pause, any request takes two or three times as long as a request in a stream.
    """
    requests = Requests.post("/v1/score", [json.dumps(one).encode() for one in inputs.shipments[:1010]]).items
    durations: dict[str, list[float]] = {
        "ready_s": [],
        "help_s": [],
        "first_ms": [],
        "thousandth_ms": [],
        "stream_ms": [],
    }
    for start in range(plan.starts):
        # The store is in the working directory. A new store has no history that the start would have to read.
        folder = scratch / f"start-{start}"
        folder.mkdir()
        began = time.perf_counter()
        subprocess.run([program("tidewaiter"), "--help"], check=True, stdout=subprocess.DEVNULL)
        durations["help_s"].append(time.perf_counter() - began)
        port = free_port()
        command = [program("tidewaiter"), "serve", "--port", str(port)]
        server = Running(OURS, command, port, scratch / "start.log", folder=folder)
        with stopping([server]):
            durations["ready_s"].append(server.wait(_READY))
            durations["first_ms"].append(_over_new_connection(port, requests[0]))
            with contextlib.closing(connect(port)) as connection:
                stream = [_timed(connection, request) for request in requests[1:990]]
            late_requests = []
            for request in requests[990:]:
                time.sleep(PAUSE)
                server.wait(_READY)
                late_requests.append(_over_new_connection(port, request))
        # A single request is noisy, so use the requests around it.
        durations["thousandth_ms"].append(median(late_requests))
        durations["stream_ms"].append(median(stream[-20:]))
    return durations


def _over_new_connection(port: int, request: bytes) -> float:
    """Return the milliseconds of a request over a new connection."""
    with contextlib.closing(connect(port)) as connection:
        return _timed(connection, request)


def _timed(connection: socket.socket, request: bytes) -> float:
    """Return the milliseconds until the answer."""
    began = time.perf_counter()
    ask(connection, request)
    return (time.perf_counter() - began) * 1e3


def _figures(driven: Driven) -> dict[str, float]:
    return {**asdict(driven), "rate": driven.rate}


# ---- From figures to tables


def over_rounds(one: Result, connections: int, what: str) -> float:
    """Return the median over the rounds of one server or kind of request."""
    return float(median(figures[str(connections)][what] for figures in one["rounds"]))


def ratio(ours: Result, theirs: Result, connections: int) -> float:
    """Return our requests per second relative to theirs: the median of the ratios within rounds."""
    pairs = zip(ours["rounds"], theirs["rounds"], strict=True)
    return float(median(left[str(connections)]["rate"] / right[str(connections)]["rate"] for left, right in pairs))


def tables(result: Result) -> list[Table]:
    """Return the tables of `measure`'s figures."""
    client_share = max(
        figures[n]["client_share"]
        for one in result["servers"]
        for figures in one["rounds"]
        for n in map(str, CONNECTIONS)
    )
    ours = next(one for one in result["servers"] if one["name"] == OURS)
    rates = (f"requests/s, {n} connection{'s' if n > 1 else ''}" for n in CONNECTIONS)
    columns = ("server", "p50, ms", "p99, ms", *rates, "speed-up by Tidewaiter", "CPU per request, ms", "memory, MB")

    def row(one: Result) -> tuple[str, ...]:
        return (
            one["name"],
            number(over_rounds(one, 1, "p50_ms")),
            number(over_rounds(one, 1, "p99_ms")),
            *(number(over_rounds(one, n, "rate")) for n in CONNECTIONS),
            "" if one is ours else times(ratio(ours, one, 8)),
            number(over_rounds(one, 8, "cpu_ms")),
            number(one["resident_mb"]),
        )

    repeated = [
        one["name"] for one in result["servers"] if one["given"] == "manifests" and one["sent"] > result["shipments"]
    ]
    again = f"Received some shipments twice: {', '.join(repeated)}. " if repeated else ""
    ceilings = ", ".join(f"{number(rate)} requests/s at {n}" for n, rate in result["ceiling"].items())
    raw = Table(
        "One worker, all servers given raw manifests",
        columns,
        tuple(row(one) for one in result["servers"] if one["given"] == "manifests"),
        "All servers load the same bundle and score the same shipments with the same library. Tidewaiter also returns lane, "
        "evidence and warnings, and keeps metrics; the other servers return only the risk. Tidewaiter's store is off, because the "
        "others store nothing. *p50*, *p99*: latency at 1 connection. "
        "*Speed-up by Tidewaiter*: Tidewaiter's requests per second divided by those of the server, at 8 connections. *CPU*: "
        "processor time of all processes of the server, at 8 connections. *Memory*: resident memory of these processes. "
        f"{again}With a server that answers immediately, the client reaches {ceilings} connections. It was busy for at most "
        f"{100 * client_share:.0f} % of the time.",
    )
    ready = Table(
        "One worker, the other servers given precomputed features",
        columns,
        (row(ours), *(row(one) for one in result["servers"] if one["given"] == "numbers")),
        "The other servers only run LightGBM: they get features and return the combined risk of the boosters. Tidewaiter "
        "still gets raw manifests.",
    )
    return [raw, ready, _requests_table(result["own_requests"]), _starts_table(result["starts"])]


def request_label(name: str) -> str:
    """Return the name of a kind of request in tables."""
    return _LABELS.get(name, name.replace(f"batch of {_BATCH:,}", f"batch of {_BATCH:,} shipments"))


def _requests_table(kinds: Sequence[Result]) -> Table:
    def row(kind: Result) -> tuple[str, ...]:
        rate = over_rounds(kind, 8, "rate") * kind["shipments"]
        items = number(rate * kind["items"]) if kind["shipments"] > 1 else ""
        return (
            request_label(kind["name"]),
            number(over_rounds(kind, 1, "p50_ms")),
            number(over_rounds(kind, 1, "p99_ms")),
            number(rate),
            items,
        )

    repeated = [request_label(kind["name"]) for kind in kinds if kind["sent"] > kind["made"]]
    again = f" Some requests were sent twice: {'; '.join(repeated)}." if repeated else ""
    return Table(
        "Tidewaiter, by kind of request",
        ("request", "p50, ms", "p99, ms", "shipments/s", "goods items/s"),
        tuple(map(row, kinds)),
        "Each kind has its own service with one worker, unless the row names another number. Each worker has its own history. "
        "Decisions are stored only where the row says so. "
        "*p50*, *p99*: latency at 1 connection. Throughput is measured at 8 connections. Texts repeat as in the simulated trade, "
        "except *new texts*: goods, names and addresses consist of words that no earlier request contained. *With reasons*: "
        "`explain=all`; otherwise only red and yellow shipments are explained. *Systematic name*: OPSIN, a Java program beside "
        f"the service, reads a name of a chemical.{again}",
    )


def _starts_table(values: dict[str, list[float]]) -> Table:
    rows: list[tuple[str, str, Callable[[float], str]]] = [
        ("`tidewaiter --help`", "help_s", lambda value: f"{number(value)} s"),
        ("start of the service until ready", "ready_s", lambda value: f"{number(value)} s"),
        ("first request", "first_ms", lambda value: f"{number(value)} ms"),
        ("thousandth request", "thousandth_ms", lambda value: f"{number(value)} ms"),
        ("request in a stream", "stream_ms", lambda value: f"{number(value)} ms"),
    ]
    return Table(
        "Start",
        ("figure", "median", "maximum"),
        tuple((name, show(median(values[key])), show(max(values[key]))) for name, key, show in rows),
        "The service scores a few shipments before it reports ready. The first and the thousandth request each follow a pause "
        "of some milliseconds and use a new connection. Requests in a stream follow each other without a pause.",
    )


if __name__ == "__main__":
    run("serving", __doc__, measure, tables, SERVERS)
