"""Figures of `benchmarks.reasons` as part of the page: our contributions compared with LightGBM's and the shap package's."""

from __future__ import annotations

from typing import Final

from benchmarks import reasons
from benchmarks.machine import LIBRARIES
from benchmarks.script import Result, Size, run
from benchmarks.tables import Table, number, times

REFERENCE: Final = "LightGBM pred_contrib"


def measure(size: Size) -> Result:
    """Return ``records``: see `benchmarks.reasons.measure`."""
    return {"records": reasons.measure(1 if size is Size.quick else 7)}


def rows_label(rows: int) -> str:
    """Return a number of rows in words."""
    return "1 row" if rows == 1 else f"{rows:,} rows"


def speedup(result: Result, record: Result) -> float:
    """Return the speed relative to LightGBM with the same booster and number of rows."""
    slow = next(
        one
        for one in result["records"]
        if one["way"] == REFERENCE and (one["booster"], one["rows"]) == (record["booster"], record["rows"])
    )
    return float(slow["seconds_per_row"] / record["seconds_per_row"])


def tables(result: Result) -> list[Table]:
    """Return one table per booster."""
    boosters = dict.fromkeys(record["booster"] for record in result["records"])
    notes = (
        "Time per row to compute the contributions of all features on one thread, for one row alone and for many rows at a time. "
        "*Largest difference*: from LightGBM's values, in log-odds.",
    )
    return [
        Table(
            f"Feature contributions: {booster}",
            ("implementation", "rows", "µs per row", "speed relative to LightGBM", "largest difference"),
            tuple(
                (
                    record["way"],
                    f"{record['rows']:,}",
                    number(1e6 * record["seconds_per_row"]),
                    times(speedup(result, record)),
                    f"{record['difference']:.0e}",
                )
                for record in result["records"]
                if record["booster"] == booster
            ),
            note,
        )
        for booster, note in zip(boosters, (*notes, *[""] * len(boosters)), strict=False)
    ]


if __name__ == "__main__":
    run("reason_tables", __doc__, measure, tables, (*LIBRARIES, "shap"))
