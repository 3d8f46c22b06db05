"""Time per stage of scoring one shipment, a batch, and a file.

Timers wrap functions of the library during a measurement only. The time of a stage excludes the stages that it calls. *Other* is
time without a timer. The stages of a file overlap, so its figures are processor time of the threads. LightGBM uses one thread, so
that its time is counted.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any, Final
from unittest.mock import patch

import orjson
from pydantic_core import from_json, to_json

from benchmarks.script import Result, Size, run, say
from benchmarks.shipments import next_days, simulated
from benchmarks.tables import Table, number, share
from features.space import FeatureSpace
from models.bundle import champion_dir, load
from models.scoring import RiskModel, ScoreSettings
from service.core.memory import long_lived_objects
from service.scoring.answers import Options, score
from service.scoring.live_history import LiveHistory
from service.scoring.model_host import ServedModel

#: Stage -> its functions, as ``module:name`` where callers look them up.
STAGES: Final[dict[str, tuple[str, ...]]] = {
    "reader": ("features.readers.reader:TableReader.__iter__",),
    "read shipments": ("service.scoring.answers:read_record",),
    "table": (
        "features.table.table:ManifestTable.from_records",
        "features.table.table:ManifestTable.from_columns",
        "features.table.table:ManifestTable.accepted",
    ),
    "history, keys": ("features.groups.history.history:history_keys",),
    "history": ("features.groups.history.history:History.advance",),
    **{
        f"features, {group.name}": (f"{type(group).__module__}:{type(group).__name__}.fill",)
        for group in FeatureSpace().groups
    },
    "features, the rest": ("features.space:FeatureSpace.measure",),
    "predict": ("models.scoring.risk_model:RiskModel.predict_raw",),
    "calibrate, lanes": (
        "models.scoring.risk_model:RiskModel.calibrate",
        "models.scoring.risk_model:RiskModel.not_by_country_alone",
        "models.lanes:Lanes.assign",
        "models.calibration.percentile:ReferenceScores.percentile",
    ),
    "reasons": (
        "models.scoring.explaining:Explainer.explain",
        "models.reasons.explanations:Explanations.texts",
        "models.reasons.explanations:Explanations.to_json",
    ),
    "answer": ("models.scoring.scores:Scores.answers",),
    "score columns": (
        "service.files.chunk_scorer:ChunkScorer.prepare",
        "service.files.chunk_scorer:ChunkScorer.score",
    ),
    "writer": (
        "service.files.layout:OutputLayout.accepted_rows",
        "service.files.formats:DelimitedWriter.write",
        "service.files.formats:DelimitedWriter.close",
    ),
}
_REST: Final = "the rest"
#: Stage -> its name in the table.
_LABELS: Final = {
    "reader": "read the file",
    "table": "build the table",
    "history, keys": "history: keys of parties and places",
    "history": "history: read and update",
    "features, the rest": "features: other",
    "calibrate, lanes": "calibrate, assign lanes",
    "reasons": "compute and write reasons",
    "answer": "build the answer",
    "score columns": "add score columns",
    "writer": "write the file",
    _REST: "other",
}


class Stopwatch:
    """Time of each stage in nanoseconds, without nested stages, summed over all threads."""

    def __init__(self, clock: Callable[[], int] = time.perf_counter_ns) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._inner = threading.local()
        self.spent: dict[str, int] = {}
        self.calls = 0

    @contextlib.contextmanager
    def timing(self, stage: str) -> Iterator[None]:
        """Add the time of the block, without nested blocks, to the time of a stage."""
        within: list[int] | None = getattr(self._inner, "stack", None)
        if within is None:
            within = self._inner.stack = []
        within.append(0)
        began = self._clock()
        try:
            yield
        finally:
            took = self._clock() - began
            own = took - within.pop()
            if within:
                within[-1] += took
            with self._lock:
                self.spent[stage] = self.spent.get(stage, 0) + own
                self.calls += 1

    def around(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with a timer around it, or around each step of its generator."""

        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.timing(stage):
                result = function(*args, **kwargs)
            return self._steps(stage, result) if inspect.isgenerator(result) else result

        return timed

    def _steps(self, stage: str, items: Iterator[Any]) -> Iterator[Any]:
        while True:
            with self.timing(stage):
                item = next(items, self)
            if item is self:
                return
            yield item


def find(target: str) -> tuple[Any, str] | None:
    """Return the owner and name of ``module:name``; None if it does not exist."""
    module, _, path = target.partition(":")
    *outer, name = path.split(".")
    try:
        owner: Any = functools.reduce(getattr, outer, import_module(module))
        inspect.getattr_static(owner, name)
    except (ImportError, AttributeError):
        return None
    return owner, name


@contextlib.contextmanager
def watched(watch: Stopwatch) -> Iterator[None]:
    """Put timers around the functions of `STAGES` within the block."""
    with contextlib.ExitStack() as stack:
        for stage, targets in STAGES.items():
            for owner, name in filter(None, map(find, targets)):
                stack.enter_context(
                    patch.object(owner, name, _timed(watch, stage, inspect.getattr_static(owner, name)))
                )
        yield


def _timed(watch: Stopwatch, stage: str, original: Any) -> Any:
    if isinstance(original, classmethod | staticmethod):
        return type(original)(watch.around(stage, original.__func__))
    if isinstance(original, property):
        assert original.fget is not None
        return property(watch.around(stage, original.fget))
    if isinstance(original, functools.cached_property):
        timed_property = functools.cached_property(watch.around(stage, original.func))
        timed_property.__set_name__(object, original.attrname or "")
        return timed_property
    return watch.around(stage, original)


# ---- Measurements


class Answering:
    """Answers requests like the service, without HTTP."""

    def __init__(self, model: RiskModel) -> None:
        self._served = ServedModel(model, LiveHistory(model.history.copy()), champion_dir(), "", "snapshot")
        self._settings = ScoreSettings()

    def answer(self, body: bytes, watch: Stopwatch | None = None) -> bytes:
        """Return the answer to a list of shipments, both as JSON."""
        timing = watch.timing if watch else lambda _: contextlib.nullcontext()
        with timing("parse JSON"):
            records = from_json(body, cache_strings="keys")
        outcome = score(self._served, records, Options(), self._settings, max_items=999)
        with timing("write JSON"):
            return orjson.dumps(outcome.results)


def measure(size: Size) -> Result:
    """Return ``single``, ``batch`` and ``file``, each with ``stages``: stage -> microseconds per shipment or row, their sum
    ``timed``, and ``whole``, the same without timers.
    """
    quick = size is Size.quick
    items, singles, batches, file_rows = (12_000, 300, 4, 20_000) if quick else (90_000, 3_000, 30, 200_000)
    say("simulating shipments")
    records = simulated(items, 5)
    model = load(champion_dir())
    single_end = len(records) // 3
    bodies = [to_json([record]) for record in records]
    per_batch = min(1_000, (len(records) - single_end) // batches)
    lists = [to_json(records[single_end + k * per_batch : single_end + (k + 1) * per_batch]) for k in range(batches)]
    say("one at a time")
    single = answered(model, bodies[: min(single_end, 2 * singles + 500)], warm_up=500 if not quick else 100, unit=1)
    say("batches")
    # Warm up, because code that few shipments need is loaded when the first of them arrives.
    batch = answered(model, lists, warm_up=1 if quick else 6, unit=per_batch)
    say("file")
    return {"single": single, "batch": {**batch, "shipments": per_batch}, "file": scored_file(model, file_rows)}


def answered(model: RiskModel, bodies: Sequence[bytes], *, warm_up: int, unit: int) -> Result:
    """Answer every second request with timers, and return microseconds per shipment."""
    answering, watch = Answering(model), Stopwatch()
    plain: list[int] = []
    timed: list[int] = []
    with long_lived_objects():
        for body in bodies[:warm_up]:
            answering.answer(body)
        for place, body in enumerate(bodies[warm_up:]):
            if place % 2:
                began = time.perf_counter_ns()
                answering.answer(body)
                plain.append(time.perf_counter_ns() - began)
            else:
                with watched(watch):
                    began = time.perf_counter_ns()
                    answering.answer(body, watch)
                    timed.append(time.perf_counter_ns() - began)
    scale = 1e-3 / (len(timed) * unit)
    stages = {
        stage: watch.spent[stage] * scale for stage in ("parse JSON", *STAGES, "write JSON") if stage in watch.spent
    }
    total = sum(timed) * scale
    return {
        "stages": stages | {_REST: total - sum(stages.values())},
        "timed": total,
        "whole": sum(plain) * 1e-3 / (max(1, len(plain)) * unit),
        "median": median(plain or timed) * 1e-3 / unit,
        "timers": watch.calls / len(timed),
    }


def scored_file(model: RiskModel, rows: int) -> Result:
    """Score a CSV into a CSV, and return microseconds of processor time per row."""
    from service.files.batch import score_file
    from training.worlds.own import write

    watch = Stopwatch(time.thread_time_ns)
    with tempfile.TemporaryDirectory(prefix="tidewaiter-bench-") as folder:
        source, target = Path(folder) / "in.csv", Path(folder) / "out.csv"
        write(source, None, rows, 5, calendar=next_days())
        # Score once before, because the first use fills caches.
        score_file(source, target, model)
        began = time.process_time_ns()
        score_file(source, target, model)
        plain = time.process_time_ns() - began
        with watched(watch):
            began = time.process_time_ns()
            score_file(source, target, model)
            timed = time.process_time_ns() - began
    stages = {stage: watch.spent[stage] * 1e-3 / rows for stage in STAGES if stage in watch.spent}
    total = timed * 1e-3 / rows
    return {
        "stages": stages | {_REST: total - sum(stages.values())},
        "timed": total,
        "whole": plain * 1e-3 / rows,
        "rows": rows,
        "timers": watch.calls / rows,
    }


def stage_label(stage: str) -> str:
    """Return the name of a stage in the table."""
    return _LABELS.get(stage, stage.replace("features, ", "features: "))


def tables(result: Result) -> list[Table]:
    """Return one table: microseconds and share of each stage."""
    parts = [result["single"], result["batch"], result["file"]]
    names = list(dict.fromkeys(stage for part in parts for stage in part["stages"] if stage != _REST))
    order = ["parse JSON", *STAGES, "write JSON"]
    rows = []
    for name in [*sorted(names, key=order.index), _REST]:
        cells: list[str] = []
        for part in parts:
            spent = part["stages"].get(name)
            cells += ["", ""] if spent is None else [number(spent), share(spent / part["timed"])]
        rows.append((stage_label(name), *cells))
    rows.append(("total, with timers", *(cell for part in parts for cell in (number(part["timed"]), ""))))
    rows.append(("total, without timers", *(cell for part in parts for cell in (number(part["whole"]), ""))))
    return [
        Table(
            "Time per stage",
            ("stage", "single shipment, µs", "share", "batch, µs per shipment", "share", "file, µs per row", "share"),
            tuple(rows),
            "*Single shipment*: time to answer one shipment, from JSON to JSON, in process and without HTTP. *Batch*: the same "
            f"for a batch of {result['batch']['shipments']:,}, per shipment. *File*: processor time per row to score a CSV of "
            f"{result['file']['rows']:,} rows into a CSV, with reasons for red and yellow shipments. *Other* is time without a "
            "timer. The difference between the last two rows is the cost of the timers.",
        )
    ]


if __name__ == "__main__":
    run("stages", __doc__, measure, tables)
