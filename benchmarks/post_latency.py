"""Latency of single POSTs to a served champion, one connection, beside /healthz on the same connection."""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path

import numpy as np

from benchmarks.machine import describe
from features.fields import MANIFEST_NAMES
from features.shipment import shipment_to_json
from features.table import Coded, ManifestTable
from training.world import sample


def free_port() -> int:
    """A loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_ready(port: int, seconds: float = 30.0) -> HTTPConnection:
    """A connection to the service, once it answers."""
    deadline = time.monotonic() + seconds
    while True:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().read() and time.monotonic() < deadline:
                return connection
        except OSError:
            if time.monotonic() > deadline:
                raise SystemExit(f"The service did not answer on port {port} within {seconds} s.") from None
            time.sleep(0.05)


def ask(connection: HTTPConnection, method: str, path: str, body: bytes | None) -> float:
    """Milliseconds of one whole request."""
    start = time.perf_counter()
    connection.request(method, path, body, {"content-type": "application/json"} if body else {})
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        raise SystemExit(f"{method} {path} answered {answer.status}")
    return (time.perf_counter() - start) * 1e3


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2000)
    options = parser.parse_args()
    rows = options.calls * 2
    columns = {name: Coded.from_list(values) for name, values in sample(rows, 12).items() if name in MANIFEST_NAMES}
    shipments = ManifestTable.from_columns(columns, rows).accepted().to_shipments()[: options.calls]
    bodies = [json.dumps(shipment_to_json(shipment)).encode() for shipment in shipments]
    port = free_port()
    tidewaiter = str(Path(sys.executable).with_name("tidewaiter"))
    start = time.perf_counter()
    server = subprocess.Popen(
        [tidewaiter, "serve", "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        connection = wait_until_ready(port)
        print(describe())
        ready = time.perf_counter() - start
        print(f"ready after {ready:.2f} s; first POST {ask(connection, 'POST', '/v1/score', bodies[0]):.1f} ms")
        times: dict[str, list[float]] = {"GET /healthz": [], "POST /v1/score": [], "POST /v1/score?explain=all": []}
        for body in bodies:
            times["GET /healthz"].append(ask(connection, "GET", "/healthz", None))
            times["POST /v1/score"].append(ask(connection, "POST", "/v1/score", body))
            path = "/v1/score?explain=all&update_history=false"
            times["POST /v1/score?explain=all"].append(ask(connection, "POST", path, body))
        for what, values in times.items():
            p50, p90, p99 = np.percentile(values, [50, 90, 99])
            print(f"{what:28} n {len(values):,}  p50 {p50:6.2f} ms  p90 {p90:6.2f} ms  p99 {p99:6.2f} ms")
    finally:
        server.terminate()
        server.wait(timeout=20)


if __name__ == "__main__":
    main()
