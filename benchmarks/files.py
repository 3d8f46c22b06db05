"""Speed and memory of scoring a file, compared with the minimal work in the same run and with a plain script."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.file_ways import write_jsonl
from benchmarks.script import Result, Size, run, say
from benchmarks.shipments import next_days
from benchmarks.tables import Table, number, share, times
from training.worlds.own import write

FORMATS: Final = ("csv", "parquet", "jsonl")
#: Name of a measured file -> its name in tables.
_LABELS: Final = {"csv": "CSV", "parquet": "Parquet", "jsonl": "JSONL", "csv, no reasons": "CSV without reasons"}
#: Number of rows of the file that the other files are compared with.
COMPARED: Final = 100_000
_SEED: Final = 11


@dataclass(frozen=True, slots=True)
class Plan:
    """Rows of the file of each format, repetitions of each way, and for CSVs of growing size rows -> repetitions."""

    rows: int
    repeats: int
    scaling: dict[int, int]


PLANS: Final = {
    Size.quick: Plan(20_000, 1, {10_000: 1, COMPARED: 1}),
    Size.usual: Plan(COMPARED, 3, {10_000: 3, COMPARED: 3, 1_000_000: 2}),
    Size.full: Plan(COMPARED, 5, {10_000: 5, COMPARED: 5, 1_000_000: 2, 10_000_000: 1}),
}


def measure(size: Size) -> Result:
    """Return ``formats``: a list of ``name``, ``rows`` and the seconds of each round by way; and ``scaling``: a list of
    ``rows``, and the ``seconds`` and ``peak_mb`` of each round.
    """
    plan = PLANS[size]
    with tempfile.TemporaryDirectory(prefix="tidewaiter-bench-") as folder:
        scratch = Path(folder)
        return {"formats": formats(scratch, plan), "scaling": scaling(scratch, plan)}


def child(way: str, source: Path, explained: int) -> dict[str, float]:
    """Return the figures of `benchmarks.file_ways`."""
    target = source.with_name(f"out{source.suffix if way == 'ours' else '.csv'}")
    command = [sys.executable, "-m", "benchmarks.file_ways", way, str(source), str(target), str(explained)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    target.unlink(missing_ok=True)
    return dict(json.loads(done.stdout))


def formats(scratch: Path, plan: Plan) -> list[dict[str, Any]]:
    """Measure format after format; the ways alternate."""
    say(f"writing files of {plan.rows:,} rows")
    sources = {name: scratch / f"in.{name}" for name in FORMATS}
    for name in ("csv", "parquet"):
        write(sources[name], None, plan.rows, _SEED, calendar=next_days())
    write_jsonl(sources["csv"], sources["jsonl"])
    cases = [(name, source, True) for name, source in sources.items()] + [("csv, no reasons", sources["csv"], False)]
    results = []
    for name, source, reasons in cases:
        say(name)
        result: dict[str, Any] = {"name": name, "rows": plan.rows, "ours": [], "floor": [], "lightgbm": [], "plain": []}
        for _ in range(plan.repeats):
            figures = child("ours", source, int(reasons))
            result["explained"] = figures["explained"]
            result["ours"].append(figures["seconds"])
            for way in ("floor", "lightgbm"):
                result[way].append(child(way, source, int(figures["explained"]))["seconds"])
            result["plain"].append(child("plain", source, int(reasons))["seconds"])
        results.append(result)
    return results


def scaling(scratch: Path, plan: Plan) -> list[dict[str, Any]]:
    """Measure CSVs of growing size. The larger ones alternate with that of `COMPARED` rows."""
    results: dict[int, dict[str, Any]] = {rows: {"rows": rows, "seconds": [], "peak_mb": []} for rows in plan.scaling}
    for rows, repeats in plan.scaling.items():
        source = scratch / f"in-{rows}.csv"
        say(f"writing a CSV of {rows:,} rows")
        write(source, None, rows, _SEED, calendar=next_days())
        for _ in range(repeats):
            for each in dict.fromkeys((COMPARED, rows) if rows > COMPARED else (rows,)):
                say(f"scoring {each:,} rows")
                figures = child("ours", scratch / f"in-{each}.csv", 1)
                results[each]["seconds"].append(figures["seconds"])
                results[each]["peak_mb"].append(figures["peak_mb"])
        if rows != COMPARED:
            source.unlink()
    return list(results.values())


# ---- From figures to tables


def file_label(name: str) -> str:
    """Return the name of a measured file in tables."""
    return _LABELS.get(name, name)


def of_floor(result: Result) -> float:
    """Return our throughput relative to the minimal work: the median of the ratios within rounds."""
    return float(median(minimal / ours for minimal, ours in zip(result["floor"], result["ours"], strict=True)))


def cost_us(result: Result) -> float:
    """Return microseconds per row for the scaling table."""
    return float(1e6 * median(result["seconds"]) / result["rows"])


def tables(result: Result) -> list[Table]:
    """Return tables of the formats and of growth with rows."""

    def row(one: Result) -> tuple[str, ...]:
        rates = [one["rows"] / median(one[way]) for way in ("ours", "floor", "lightgbm", "plain")]
        speedup = median(slow / fast for slow, fast in zip(one["plain"], one["ours"], strict=True))
        return (
            file_label(one["name"]),
            number(rates[0]),
            number(rates[1]),
            f"{of_floor(one):.2f}",
            number(rates[2]),
            number(rates[3]),
            times(speedup),
            share(one["explained"] / one["rows"]),
        )

    sized = {one["rows"]: one for one in result["scaling"]}
    base = cost_us(sized[COMPARED])
    first = result["formats"][0]
    return [
        Table(
            "Files by format",
            (
                "file",
                "rows/s",
                "minimal work, rows/s",
                "relative to minimal work",
                "minimal work by LightGBM, rows/s",
                "script, rows/s",
                "relative to script",
                "explained",
            ),
            tuple(map(row, result["formats"])),
            f"Rows per second for files of {first['rows']:,} rows. The output has the format of the input. *Minimal work*: pyarrow "
            "parses the file, all heads are predicted from precomputed features, and as many rows get contributions as there are "
            "red and yellow shipments, with as many threads and the model's own predictor. Nothing is written. *By LightGBM*: the "
            "same with LightGBM's `predict` and `pred_contrib`. *Script*: pandas, the library's features of the whole frame at "
            "once, LightGBM head by head, `to_csv`. *Explained*: red and yellow shipments as a share of the rows. The time to load "
            "the model is not included.",
        ),
        Table(
            "Files by number of rows",
            ("rows", "rows/s", "µs per row", f"relative to {COMPARED:,} rows", "peak memory, MB"),
            tuple(
                (
                    f"{rows:,}",
                    number(rows / median(one["seconds"])),
                    number(cost_us(one)),
                    f"{cost_us(one) / base:.2f}",
                    number(max(one["peak_mb"])),
                )
                for rows, one in sized.items()
            ),
            "CSV to CSV, with reasons for red and yellow shipments. Peak memory is that of the whole process, with Python, "
            "libraries and model.",
        ),
    ]


if __name__ == "__main__":
    run("files", __doc__, measure, tables)
