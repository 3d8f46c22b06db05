"""Requests that are designed to block others, and the longest time for which the service answers nothing else during each.

A probe sends ``GET /healthz`` every 5 ms over one connection. The slowest answer bounds the time for which the event loop was
blocked.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator, Mapping, Sequence

import orjson

from benchmarks.client import Requests, connect

_INTERVAL_SECONDS = 0.005
_MAX_BODY_BYTES = 15_900_000


def bodies() -> Iterator[tuple[str, str, bytes]]:
    """Yield name, path and body of each request."""
    batch = "/v1/score/batch"
    yield "1,000 shipments of 75 goods items", batch, _batch([_shipment(number, 75) for number in range(1000)])
    yield "200,000 shipments", batch, _batch([_shipment(number, 1) for number in range(200_000)])[:_MAX_BODY_BYTES]
    yield "numbers", batch, b'{"shipments":[{"z":[' + b"1," * (_MAX_BODY_BYTES // 2) + b"1]}]}"
    yield "lists", batch, b'{"shipments":[{"z":[' + b"[]," * (_MAX_BODY_BYTES // 3) + b"1]}]}"
    yield "lists as shipments", batch, b'{"shipments":[' + b"[]," * 249_000 + b"1]}"
    yield "members", batch, b"{" + b'"z":[],' * (_MAX_BODY_BYTES // 7) + b'"z":1}'
    yield "escapes", batch, _described(b"\\u00e9" * (4_000_000 // 6))
    yield "long numbers", batch, b'{"shipments":[' + b",".join([b"1" * 4000] * (_MAX_BODY_BYTES // 4001)) + b"]}"
    few = [{"shipment_id": str(k), "items": [{"quantity": 1}] * 240} for k in range(1000)]
    yield "240,000 goods items", batch, _batch(few)
    further = [{"shipment_id": str(k), "items": [{"further": {f"{k}-{j}": j}} for j in range(200)]} for k in range(600)]
    yield "120,000 names under further", batch, _batch(further)
    words = [{"goods_description": " ".join(f"wo{k}rd{j}" for j in range(1000))} for k in range(95)]
    yield "95,000 words", batch, _batch([{"shipment_id": "a", "items": words}])
    structures = [{"declared_chemical": f"CC(=O)N(C{'C' * (k % 40)}{'N' * (k // 40)})C1CCN(C)CC1"} for k in range(999)]
    yield "999 structures", batch, _batch([{"shipment_id": "a", "items": structures}])
    yield "lists in questions", "/v1/goods/batch", b'{"queries":[' + b"[]," * 249_000 + b"1]}"


def longest_waits(port: int) -> dict[str, dict[str, float]]:
    """Return the status and seconds of each request by its name, and the slowest answer to ``/healthz`` meanwhile in ms."""
    figures = {}
    for name, path, body in bodies():
        ended = threading.Event()
        waits: list[float] = []
        probe = threading.Thread(target=_probe, args=(port, ended, waits))
        probe.start()
        began = time.perf_counter()
        status = _status(port, Requests.post(path, [body]).items[0])
        seconds = time.perf_counter() - began
        ended.set()
        probe.join()
        figures[name] = {"status": status, "seconds": round(seconds, 2), "longest_ms": round(max(waits) * 1e3, 1)}
    return figures


def _probe(port: int, ended: threading.Event, waits: list[float]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    while not ended.wait(_INTERVAL_SECONDS) or not waits:
        began = time.perf_counter()
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        waits.append(time.perf_counter() - began)
    connection.close()


def _status(port: int, request: bytes) -> int:
    connection = connect(port)
    connection.settimeout(600)
    connection.sendall(request)
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    answer.read()
    connection.close()
    return answer.status


def _batch(shipments: Sequence[Mapping[str, object]]) -> bytes:
    return orjson.dumps({"shipments": shipments})


def _described(text: bytes) -> bytes:
    return b'{"shipments":[{"shipment_id":"a","items":[{"goods_description":"' + text + b'"}]}]}'


def _shipment(number: int, items: int) -> dict[str, object]:
    words = "silicone blue with holder and further words about the goods"
    return {
        "shipment_id": f"S{number}",
        "consignor": {"name": f"Sender {number} Trading Co Ltd", "country": "CN", "address": f"{number} Long Road"},
        "consignee": {"name": f"Receiver {number}", "country": "US", "postcode": f"{number % 99999:05d}"},
        "items": [
            {
                "goods_description": f"phone case model {number}-{item} {words}",
                "hs_code": "392690",
                "customs_value": 12.5,
            }
            for item in range(items)
        ],
    }
