"""Cases that must be caught, cases that must pass, and pairs whose order is certain.

In `must_catch.csv` and `must_pass.csv`, the first columns state what an officer expects, and the others are the manifest. The cases
were written from the law, not from scores. If the model fails a case, the model is wrong, so never change the case.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from features.manifest.fields import FIELD, Level

FOLDER: Final = Path(__file__).parent
REGISTER: Final = FOLDER / "register.csv"
#: Columns of a case -> the values that must all occur in each file.
GRID: Final = {
    "grid_channel": ("postal", "express", "air_cargo", "ocean", "truck", "rail"),
    "grid_naming": ("exact", "cas", "systematic", "foreign", "misspelt", "item7"),
    "grid_account_age": ("new", "old", "unknown"),
    "grid_hs": ("right", "wrong"),
    "grid_masses": ("given", "missing"),
}
#: Maximum number of cases per cell of the grid.
PER_CELL: Final = 2
LANES: Final = ("green", "yellow", "red")

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Case:
    """A shipment with an officer's expectation.

    Attributes:
        lane: the lowest allowed lane of a case that must be caught, the highest allowed lane of a case that must pass.
        registered: whether the office's register is in force.
        why: the officer's reason.
        grid: axis -> value.
        rows: the manifest, one row per goods item.
    """

    id: str
    lane: str
    registered: bool
    why: str
    grid: Mapping[str, str]
    rows: tuple[Row, ...]

    @property
    def named_item(self) -> int:
        """Index of the item that the case is about."""
        return 6 if self.grid["grid_naming"] == "item7" else 0

    @property
    def goods(self) -> str:
        """Declared goods of the item in question."""
        row = self.rows[self.named_item]
        texts = (row[name] for name in ("goods_description", "declared_chemical", "cas_number"))
        return " / ".join(filter(None, texts))


def load_cases(name: str) -> list[Case]:
    """Return the cases of a file in its order."""
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    shipments: dict[str, list[Row]] = {}
    for row in rows:
        shipments.setdefault(row["case"], []).append(row)
    return [_case(id_, of_case) for id_, of_case in shipments.items()]


def _case(id_: str, rows: list[Row]) -> Case:
    first = rows[0]
    manifest = tuple({name: value for name, value in row.items() if name in FIELD} for row in rows)
    grid = {axis: first[axis] for axis in GRID}
    return Case(id_, first["lane"], first.get("register") == "yes", first["why"], grid, manifest)


@dataclass(frozen=True, slots=True)
class Side:
    """One manifest of a pair."""

    text: str
    rows: tuple[Row, ...]
    registered: bool


@dataclass(frozen=True, slots=True)
class Pair:
    """Two manifests, of which the first has the higher risk, or both the same."""

    why: str
    above: Side
    below: Side
    equal: bool


def load_pairs(cases: Mapping[str, Case]) -> list[Pair]:
    """Return the pairs of `pairs.toml`.

    Args:
        cases: id -> case, of both files.

    Raises:
        KeyError: a pair names a case or a column that does not exist.
    """
    with (FOLDER / "pairs.toml").open("rb") as file:
        pairs = tomllib.load(file)["pair"]
    return [
        Pair(pair["why"], _side(pair["above"], cases), _side(pair["below"], cases), pair.get("equal", False))
        for pair in pairs
    ]


def _side(side: dict[str, Any], cases: Mapping[str, Case]) -> Side:
    case, change = cases[side["case"]], side.get("change", {})
    rows = [dict(row) for row in case.rows]
    for name, value in change.items():
        for row in [rows[case.named_item]] if FIELD[name].level is Level.ITEM else rows:
            row[name] = value
    changed = ", ".join(f"{name} = {value!r}" for name, value in change.items())
    return Side(f"{case.id} ({changed or case.goods})", tuple(rows), bool(side.get("register")))
