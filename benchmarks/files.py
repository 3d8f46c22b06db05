"""Speed and memory of scoring a file, compared with a lower bound in the same run and a plain script."""

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
#: Number of rows with which costs are compared.
COMPARED: Final = 100_000
_SEED: Final = 11


@dataclass(frozen=True, slots=True)
class Plan:
    """Rows of the files of each format, and the repetitions of each way; rows -> repetitions for CSVs of growing size."""

    rows: int
    repeats: int
    scaling: dict[int, int]


PLANS: Final = {
    Size.quick: Plan(20_000, 1, {10_000: 1, COMPARED: 1}),
    Size.usual: Plan(COMPARED, 3, {10_000: 3, COMPARED: 3, 1_000_000: 2}),
    Size.full: Plan(COMPARED, 5, {10_000: 5, COMPARED: 5, 1_000_000: 2, 10_000_000: 1}),
}


def measure(size: Size) -> Result:
    """Return ``formats``: a list of ``name``, ``rows``, and for each way the seconds of each round; and ``scaling``:
    ``rows``, ``seconds``, ``peak_mb`` of each round.
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
    told = []
    for name, source, reasons in cases:
        say(name)
        one: dict[str, Any] = {"name": name, "rows": plan.rows, "ours": [], "floor": [], "lightgbm": [], "plain": []}
        for _ in range(plan.repeats):
            found = child("ours", source, int(reasons))
            one["explained"] = found["explained"]
            one["ours"].append(found["seconds"])
            for way in ("floor", "lightgbm"):
                one[way].append(child(way, source, int(found["explained"]))["seconds"])
            one["plain"].append(child("plain", source, int(reasons))["seconds"])
        told.append(one)
    return told


def scaling(scratch: Path, plan: Plan) -> list[dict[str, Any]]:
    """Measure CSVs of growing size, with those of `COMPARED` rows between the larger ones."""
    told: dict[int, dict[str, Any]] = {rows: {"rows": rows, "seconds": [], "peak_mb": []} for rows in plan.scaling}
    for rows, repeats in plan.scaling.items():
        source = scratch / f"in-{rows}.csv"
        say(f"writing a CSV of {rows:,} rows")
        write(source, None, rows, _SEED, calendar=next_days())
        for _ in range(repeats):
            for each in dict.fromkeys((COMPARED, rows) if rows > COMPARED else (rows,)):
                say(f"scoring {each:,} rows")
                found = child("ours", scratch / f"in-{each}.csv", 1)
                told[each]["seconds"].append(found["seconds"])
                told[each]["peak_mb"].append(found["peak_mb"])
        if rows != COMPARED:
            source.unlink()
    return list(told.values())


# ---- From figures to tables


def of_floor(one: Result) -> float:
    """Return the lower bound's time relative to ours: the median over rounds."""
    return float(median(bare / ours for bare, ours in zip(one["floor"], one["ours"], strict=True)))


def cost_us(one: Result) -> float:
    """Return microseconds per row for the scaling table."""
    return float(1e6 * median(one["seconds"]) / one["rows"])


def tables(result: Result) -> list[Table]:
    """Return tables of the formats and of growth with rows."""

    def row(one: Result) -> tuple[str, ...]:
        rates = [one["rows"] / median(one[way]) for way in ("ours", "floor", "lightgbm", "plain")]
        ahead = median(slow / fast for slow, fast in zip(one["plain"], one["ours"], strict=True))
        return (
            one["name"],
            number(rates[0]),
            number(rates[1]),
            f"{of_floor(one):.2f}",
            number(rates[2]),
            number(rates[3]),
            times(ahead),
            share(one["explained"] / one["rows"]),
        )

    sized = {one["rows"]: one for one in result["scaling"]}
    base = cost_us(sized[COMPARED])
    first = result["formats"][0]
    return [
        Table(
            "Files beside their floor",
            ("file", "rows/s", "floor", "of floor", "by LightGBM", "script", "ahead", "explained"),
            tuple(map(row, result["formats"])),
            f"Rows a second of files of {first['rows']:,} rows, output in the same format. *Floor*: pyarrow parses "
            "the file, all heads are predicted on ready-made numbers, and as many rows as are red or yellow get "
            "their contributions, on as many threads, with the model's own predictor; nothing else, and nothing is "
            "written. *By LightGBM*: the same with LightGBM's `predict` and `pred_contrib`. *Script*: pandas, the "
            "library's features of the whole frame at once, LightGBM head by head, `to_csv`; *ahead*: of the "
            "script. Without the time that loading the model takes.",
        ),
        Table(
            "Files by number of rows",
            ("rows", "rows/s", "µs a row", f"of {COMPARED:,}", "peak MB"),
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
            "CSV to CSV with reasons for red and yellow. Peak memory is that of the whole process, Python, "
            "libraries and model included.",
        ),
    ]


if __name__ == "__main__":
    run("files", __doc__, measure, tables)
