"""Maintainer's script that builds `data/usd_rates.csv` from the euro reference rates of the European Central Bank.

    python -m tools.build_rates eurofxref-hist.zip

The input is the ECB's history file (`eurofxref-hist.zip` or the CSV in it), with the units of each currency per euro on each
working day, or `N/A` without a rate. The output has one row per month and currency with the mean of the daily rates in USD per
unit, computed from the two euro rates of each day.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
import zipfile
from collections import defaultdict
from pathlib import Path
from statistics import fmean
from typing import Final

FIRST_MONTH: Final = "2015-01"
TARGET: Final = Path(__file__).parents[1] / "features" / "reference" / "data" / "usd_rates.csv"


def read_history(path: Path) -> list[dict[str, str]]:
    """Return the rows of the ECB's history file, a CSV or a ZIP archive that contains it."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            text = archive.read(archive.namelist()[0]).decode("utf-8")
    else:
        text = path.read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text)))


def monthly_usd_per_unit(history: list[dict[str, str]]) -> list[tuple[str, str, float]]:
    """Return sorted tuples (month ``YYYY-MM``, currency, mean USD per unit), including the euro."""
    daily: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in history:
        month = row["Date"][:7]
        if month < FIRST_MONTH:
            continue
        usd_per_euro = float(row["USD"])
        daily[month, "EUR"].append(usd_per_euro)
        for currency, per_euro in row.items():
            if currency not in ("Date", "USD", "") and per_euro not in ("N/A", "", None):
                daily[month, currency].append(usd_per_euro / float(per_euro))
    return [(month, currency, fmean(values)) for (month, currency), values in sorted(daily.items())]


def main() -> None:
    """Parse the arguments and write the table."""
    parser = argparse.ArgumentParser(description="Rebuild the bundled monthly rate table from the ECB's history file.")
    parser.add_argument("history", type=Path, help="eurofxref-hist.zip or the CSV in it")
    parser.add_argument("--out", type=Path, default=TARGET)
    arguments = parser.parse_args()
    rates = monthly_usd_per_unit(read_history(arguments.history))
    with arguments.out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("month", "currency", "usd_per_unit"))
        writer.writerows((month, currency, f"{rate:.6g}") for month, currency, rate in rates)
    sys.stdout.write(f"{len(rates)} rates, {rates[0][0]} to {rates[-1][0]}, written to {arguments.out}\n")


if __name__ == "__main__":
    main()
