"""Show what is recorded of the law on the substances that users ask for first, cell by cell: `python -m tools.law_cells`.

A cell is a substance in a place. It has a first day, a year, a day by which a text has it, or nothing. docs/law.md says where the
law of each place was looked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Final

from features.reference import Group, substances
from features.substances import Substances, status

PLACES: Final = ("UN", "US", "CN", "IN", "MX", "CA", "GB", "EU", "DE", "FR", "NL", "CH", "AU", "JP")
#: Drugs, adulterants and precursors of fentanyl in Table I of the convention of 1988. The nitazenes under it of 1961 come on top.
NAMED: Final = (
    "fentanyl",
    "carfentanil",
    "heroin",
    "cocaine",
    "methamphetamine",
    "oxycodone",
    "diazepam",
    "ketamine",
    "bromazolam",
    "xylazine",
    "medetomidine",
    "NPP",
    "4-ANPP",
    "4-anilinopiperidine",
    "1-boc-4-AP",
    "norfentanyl",
    "4-piperidone",
    "1-boc-4-piperidone",
)


def cells(on: date) -> Iterator[tuple[str, str, str, str]]:
    """Yield (substance, place, precision, text) for each cell: ``day``, ``year``, ``by`` or ``not recorded``."""
    index = Substances.load()
    nitazenes = [row.name for row in substances() if row.group is Group.NITAZENE]
    matches = [index.match(name, chemical=True) for name in (*NAMED, *nitazenes)]
    for match in matches:
        if match is None or (match.substance in nitazenes and not status(match, on, "UN").listed):
            continue
        for place in PLACES:
            first = status(match, on, place).first
            if first is None or first.effective_from is None:
                yield match.substance, place, "not recorded", ""
            else:
                text = f"{first.effective_from} {first.instrument}, {first.listing}: {first.source}"
                yield match.substance, place, str(first.date_precision), text


def shares(on: date) -> Counter[str]:
    """Return the number of cells by precision."""
    return Counter(precision for *_, precision, _ in cells(on))


if __name__ == "__main__":
    today = datetime.now(UTC).date()
    for cell in cells(today):
        print(*cell, sep=" | ")
    print(dict(shares(today)))
