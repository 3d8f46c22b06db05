"""The measured servers: how each is started, and the form of its requests."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.client import Requests
from benchmarks.servers.running import Running, free_port
from benchmarks.servers.work import BUNDLE
from benchmarks.shipments import Record, flat_rows

ROOT: Final = Path(__file__).resolve().parents[2]
OURS: Final = "Tidewaiter"
#: The other servers store nothing, so the service stores nothing either when they are compared.
STORE_OFF: Final = {"TIDEWAITER_STORE": "off"}


@dataclass(frozen=True, slots=True)
class RequestInputs:
    """Shipments and rows of features, from which each server's requests are made."""

    shipments: Sequence[Record]
    numbers: Sequence[list[float]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A server and its input.

    Attributes:
        given: form of the input, ``manifests`` or ``numbers``.
        command: returns the command that starts the server, from a scratch folder (with the MLflow models) and a port.
        requests: builds the requests.
    """

    name: str
    given: str
    command: Callable[[Path, int], list[str]]
    requests: Callable[[RequestInputs], Requests]

    @property
    def slug(self) -> str:
        """A name for files."""
        return "".join(letter if letter.isalnum() else "-" for letter in f"{self.name} {self.given}".lower())

    def start(self, scratch: Path, bundle: Path) -> Running:
        """Start the server on a free port. Its files and output go to ``scratch``."""
        port = free_port()
        environment = {
            **STORE_OFF,
            BUNDLE: str(bundle),
            # Neither BentoML nor MLflow finds the checkout by itself.
            "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DO_NOT_TRACK": "true",
            "BENTOML_DO_NOT_TRACK": "true",
            "BENTOML_HOME": str(scratch / "bentoml"),
        }
        return Running(
            self.name,
            self.command(scratch, port),
            port,
            scratch / f"{self.slug}.log",
            environment=environment,
            folder=scratch,
        )


def program(name: str) -> str:
    """Return the path of a program in this Python's environment."""
    return str(Path(sys.executable).with_name(name))


def _ours(_: Path, port: int) -> list[str]:
    return [program("tidewaiter"), "serve", "--port", str(port)]


def _mlflow(model: str) -> Callable[[Path, int], list[str]]:
    def command(scratch: Path, port: int) -> list[str]:
        options = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--env-manager", "local"]
        return [program("mlflow"), "models", "serve", "--model-uri", str(scratch / "mlflow" / model), *options]

    return command


def _bentoml(service: str) -> Callable[[Path, int], list[str]]:
    def command(_: Path, port: int) -> list[str]:
        options = ["--host", "127.0.0.1", "--port", str(port)]
        return [program("bentoml"), "serve", f"benchmarks.servers.{service}", *options]

    return command


def _litserve(kind: str, batch: int) -> Callable[[Path, int], list[str]]:
    def command(_: Path, port: int) -> list[str]:
        return [sys.executable, "-m", "benchmarks.servers.lit", kind, str(batch), str(port)]

    return command


def _post(path: str, shape: Callable[[Record], object]) -> Callable[[RequestInputs], Requests]:
    return lambda inputs: Requests.post(path, [json.dumps(shape(one)).encode() for one in inputs.shipments])


def _post_numbers(path: str, shape: Callable[[list[float]], object]) -> Callable[[RequestInputs], Requests]:
    return lambda inputs: Requests.post(path, [json.dumps(shape(row)).encode() for row in inputs.numbers])


def _flat(inputs: RequestInputs) -> Requests:
    rows = map(flat_rows, inputs.shipments)
    return Requests.post("/invocations", [json.dumps({"dataframe_records": each}).encode() for each in rows])


#: The service first, then the others.
KINDS: Final = (
    Kind(OURS, "manifests", _ours, _post("/v1/score", lambda one: one)),
    Kind("MLflow, signature", "manifests", _mlflow("records"), _post("/invocations", lambda one: {"inputs": [one]})),
    Kind(
        "MLflow, no signature",
        "manifests",
        _mlflow("plain"),
        _post("/invocations", lambda one: {"dataframe_records": [one]}),
    ),
    Kind("MLflow, signature, columns", "manifests", _mlflow("columns"), _flat),
    Kind("BentoML", "manifests", _bentoml("bento_manifests:Single"), _post("/score", lambda one: one)),
    Kind(
        "BentoML, batching",
        "manifests",
        _bentoml("bento_manifests:Batched"),
        _post("/score", lambda one: {"shipments": [one]}),
    ),
    Kind("LitServe", "manifests", _litserve("manifests", 1), _post("/score", lambda one: one)),
    Kind("LitServe, batching", "manifests", _litserve("manifests", 32), _post("/score", lambda one: one)),
    Kind(
        "MLflow, signature",
        "numbers",
        _mlflow("numbers"),
        _post_numbers("/invocations", lambda row: {"inputs": [row]}),
    ),
    Kind(
        "MLflow, no signature",
        "numbers",
        _mlflow("numbers-plain"),
        _post_numbers("/invocations", lambda row: {"inputs": [row]}),
    ),
    Kind("BentoML", "numbers", _bentoml("bento_numbers:Single"), _post_numbers("/score", lambda row: row)),
    Kind(
        "BentoML, batching",
        "numbers",
        _bentoml("bento_numbers:Batched"),
        _post_numbers("/score", lambda row: {"rows": [row]}),
    ),
    Kind("LitServe", "numbers", _litserve("numbers", 1), _post_numbers("/score", lambda row: {"values": row})),
    Kind(
        "LitServe, batching", "numbers", _litserve("numbers", 32), _post_numbers("/score", lambda row: {"values": row})
    ),
)
