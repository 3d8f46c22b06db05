"""Cases that must be caught, cases that must pass, and pairs whose order is certain.

In `must_catch.csv` and `must_pass.csv`, the first columns state what an officer expects, and the others are the manifest. The cases
were written from the law, not from scores. If the model fails a case, the model is wrong, so never change the case.
"""

from __future__ import annotations

import csv
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from features.groups.history.history import History
from features.manifest.fields import FIELD, Level
from features.table.table import Coded, ManifestTable
from models.rules import OfficeRules, office_rules
from models.scoring import RiskModel, ScoreSettings
from training.gate.checks import Verdict

FOLDER: Final = Path(__file__).parent / "officer"
REGISTER: Final = FOLDER / "register.csv"
#: Columns of a case -> the values that must all occur in each file.
GRID: Final = {
    "grid_channel": ("postal", "express", "air_cargo", "ocean", "truck", "rail"),
    "grid_naming": ("exact", "cas", "systematic", "foreign", "misspelt", "item7"),
    "grid_account_age": ("new", "old", "unknown"),
    "grid_hs": ("right", "wrong"),
    "grid_masses": ("given", "missing"),
}
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


NAME: Final = "officer's cases"
#: Expectations that a candidate may miss although the model in service meets them, per kind.
MAY_MISS: Final = {"caught": 1, "passed": 3, "caught by the score alone": 5, "in order": 1}


def officer(ours: RiskModel, theirs: RiskModel) -> Verdict:
    """Compare which expectations of an officer a candidate and the model in service meet."""
    expected = {name: load_cases(f"must_{name}.csv") for name in ("catch", "pass")}
    pairs = load_pairs({case.id: case for cases in expected.values() for case in cases})
    met, before = (_met(model, expected, pairs) for model in (ours, theirs))
    missed: dict[str, list[str]] = {kind: [] for kind in MAY_MISS}
    for (kind, name), is_met in met.items():
        if before[kind, name] and not is_met:
            missed[kind].append(name)
    every = Counter(kind for kind, _ in met)
    done = Counter(kind for (kind, _), is_met in met.items() if is_met)
    lost = {kind: names for kind, names in missed.items() if len(names) > MAY_MISS[kind]}
    counts = ", ".join(f"{done[kind]} of {every[kind]} {kind}" for kind in MAY_MISS)
    shown = "; ".join(
        f"{len(names)} no longer {kind}: {', '.join(names[:3])}{' ...' if len(names) > 3 else ''}"
        for kind, names in missed.items()
        if names
    )
    text = f"{counts}. {shown + '.' if shown else 'None is lost that the model in service meets.'}"
    figures = {"met": {kind: done[kind] for kind in MAY_MISS}, "lost": missed}
    return Verdict(NAME, "fail" if lost else "pass", text, figures)


def _met(
    model: RiskModel, expected: Mapping[str, Sequence[Case]], pairs: Sequence[Pair]
) -> dict[tuple[str, str], bool]:
    """Return whether a model meets each expectation, by kind and name."""
    catch, passing = expected["catch"], expected["pass"]
    met = {("caught", case.id): not is_below(lane, case.lane) for case, lane in _lanes(model, catch)}
    met |= {("passed", case.id): not is_below(case.lane, lane) for case, lane in _lanes(model, passing)}
    alone = _lanes(model, catch, rules=False)
    met |= {("caught by the score alone", case.id): not is_below(lane, case.lane) for case, lane in alone}
    for pair in pairs:
        above, below = (_risk(model, side) for side in (pair.above, pair.below))
        met["in order", pair.why] = above == below if pair.equal else above > below
    return met


def is_below(lane: str, least: str) -> bool:
    """Return whether a lane is below another one."""
    return LANES.index(lane) < LANES.index(least)


def _lanes(model: RiskModel, cases: Sequence[Case], *, rules: bool = True) -> list[tuple[Case, str]]:
    """Return the lanes of cases. Those with and without the register are scored apart, each after no earlier traffic."""
    lanes = []
    for registered in (False, True):
        part = [case for case in cases if case.registered is registered]
        if not part:
            continue
        rows = [row | {"shipment_id": case.id} for case in part for row in case.rows]
        scores = model.score(_table(rows), History.empty(), settings=_settings(rules, registered))
        lanes += list(zip(part, scores.lane.tolist(), strict=True))
    return lanes


def _risk(model: RiskModel, side: Side) -> float:
    """Return the risk of a manifest alone, without rules."""
    return float(model.score(_table(side.rows), History.empty(), settings=_settings(False, side.registered)).risk[0])


def _settings(rules: bool, registered: bool) -> ScoreSettings:
    office: OfficeRules | None = office_rules(None if rules else "none", REGISTER if registered else None)
    return ScoreSettings(rules=office)


def _table(rows: Sequence[Row]) -> ManifestTable:
    columns = {name: Coded.from_list([row[name] or None for row in rows]) for name in rows[0]}
    return ManifestTable.from_columns(columns, len(rows))
