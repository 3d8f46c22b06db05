"""Which columns of an office's own data become further fields, and which are left out: said in notes, one each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.groups.own.keys import OwnFields
from features.manifest.fields import FIELD, MANIFEST_NAMES
from features.readers import ColumnMapping
from features.readers.further import FurtherField, Kind, position_of
from features.table import normalise
from features.table.table import Coded, ManifestTable
from models.scoring import RISK
from training.data.labels import Labels

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: Share of a column's values that must be numbers, and how many different ones, to take it as numeric: office numbers,
#: codes of procedures and the like are numbers by their looks only.
_NUMBERS_SHARE: Final = 0.95
_LEAST_NUMBERS: Final = 20
_LEAST_WHOLE_NUMBERS: Final = 200
#: A column of texts with more different values than this share of its rows names each row.
_ID_SHARE: Final = 0.9
_ID_LEAST_ROWS: Final = 50
#: A value settles the label when this share of the rows has it and so many finds (or clean rows) would be expected of them,
#: but there is none: by chance that happens once in 10^13 times.
_SETTLING_SHARE: Final = 0.01
_SETTLING_EXPECTED: Final = 30.0
#: A field goes with the goods when it makes fewer combinations with them than this share of what chance would make.
_OF_GOODS_SHARE: Final = 0.75
_LOOKED_AT: Final = 200_000
#: What `tidewaiter score` and `--predictions` append: outcomes of a model, no evidence.
_SCORED: Final = frozenset(
    [
        "risk",
        "percentile",
        "item_risk",
        "lane",
        "selected_by",
        "substance",
        "substance_kind",
        "substance_hit",
        "warnings",
        "model_version",
        "bundle_digest",
        "reason_1",
        "reason_2",
        "reason_3",
        "risk_fentanyl_or_analogue",
        "risk_precursor",
        "risk_equipment",
    ]
)


@dataclass(frozen=True, slots=True)
class Candidates:
    """Columns that may become further fields. ``named`` gives the kind of those that the mapping names."""

    columns: tuple[str, ...]
    named: Mapping[str, Kind]
    notes: tuple[str, ...]

    @property
    def fields(self) -> tuple[FurtherField, ...]:
        """All of them, to be read as text."""
        return tuple(FurtherField(name, "categorical") for name in self.columns)


def candidates(recognised: Mapping[str, str | None], mapping: ColumnMapping | None, label: str | None) -> Candidates:
    """Columns that no manifest field is made of, less the label and those the mapping ignores, and those it names.

    ``recognised``: input column -> manifest field, or None (`TableReader.recognised`).

    Raises:
        ValueError: the mapping names a column that the file does not have, or the label.
    """
    columns = list(recognised)
    named: dict[str, Kind] = {}
    for name, kind in (mapping.further if mapping is not None else {}).items():
        place = position_of(name, columns)
        if place is None:
            raise ValueError(f"no column {name!r}, which [fields] of the mapping names; there are {', '.join(columns)}")
        if columns[place] == label:
            raise ValueError(f"[fields] of the mapping names the label {label!r}; a label is no evidence of itself")
        named[columns[place]] = "numeric" if kind == "numeric" else "categorical"
    ignored = set()
    for name in mapping.ignored if mapping is not None else ():
        place = position_of(name, columns)
        if place is None:
            raise ValueError(f"no column {name!r}, which [fields] ignore of the mapping names")
        ignored.add(columns[place])
    notes = []
    found = []
    for name in columns:
        if name in named:
            found.append(name)
        elif name == label or recognised[name] is not None:
            continue
        elif name in ignored:
            notes.append(f"Column {name!r} is left out: the mapping ignores it.")
        elif name in _SCORED:
            notes.append(f"Column {name!r} is left out: it holds what a model said.")
        else:
            found.append(name)
    return Candidates(tuple(found), named, tuple(notes))


def choose(table: ManifestTable, offered: Candidates, labels: Labels) -> tuple[OwnFields, list[str]]:
    """The further fields among the offered columns, and notes on what was taken as what and what was left out why."""
    notes = list(offered.notes)
    known = labels.inspected[table.shipment]
    find = np.asarray(labels.find.any(axis=1), dtype=np.bool_)
    fields: list[FurtherField] = []
    for name in offered.columns:
        column = table.further(name).compact()
        numbers = table.further_number(name)
        kind = offered.named.get(name)
        if kind is None:
            reason = _unfit(column, numbers) or _settles(column, find, known)
            if reason is not None:
                notes.append(f"Column {name!r} is left out: {reason}")
                continue
            kind = _kind(column, numbers)
        of_goods = _goes_with_goods(table, column)
        fields.append(FurtherField(name, kind, of_goods))
    for kind in ("numeric", "categorical"):
        taken = [repr(field.name) for field in fields if field.kind == kind]
        if taken:
            notes.append(f"Further {kind} fields: {', '.join(taken)}.")
    tied = [repr(field.name) for field in fields if field.of_goods]
    if tied:
        notes.append(f"They go with the goods: {', '.join(tied)}.")
    return OwnFields(tuple(fields), _filled_columns(table), labels.heads != (RISK,)), notes


def _filled_columns(table: ManifestTable) -> tuple[str, ...]:
    return tuple(
        name for name in MANIFEST_NAMES if name in table.raw and name in FIELD and (table.raw[name].codes >= 0).any()
    )


def _unfit(column: Coded, numbers: NDArray[np.float64]) -> str | None:
    """Why a column cannot be evidence, whatever the label."""
    there = column.codes >= 0
    n, distinct = int(there.sum()), len(column.values)
    if distinct == 0:
        return "it is blank."
    if distinct == 1 and n == len(column):
        return f"it is {column.values[0][:40]!r} on every row."
    if n < _ID_LEAST_ROWS:
        return f"only {n} rows have a value."
    numeric = _mostly_numbers(column)
    if not numeric and distinct > _ID_SHARE * n:
        return "nearly every row has its own value, as references do."
    if numeric and distinct == n and _are_references(column, numbers[there]):
        return "it numbers the rows."
    if not numeric and _mostly_dates(column):
        return "it holds dates; name it declared_at in the mapping if rows are to be ordered by it."
    return None


def _settles(column: Coded, find: Bools, known: Bools) -> str | None:
    """Why the column seems to say what was found rather than what was declared."""
    rows = int(known.sum())
    if not rows:
        return None
    codes = column.codes[known].astype(np.int64) + 1
    count = np.bincount(codes, minlength=len(column.values) + 1)
    finds = np.bincount(codes, find[known], minlength=len(column.values) + 1)
    rate = finds.sum() / rows
    large = count >= _SETTLING_SHARE * rows
    none = large & (count * rate >= _SETTLING_EXPECTED) & (finds == 0)
    every = large & (count * (1.0 - rate) >= _SETTLING_EXPECTED) & (finds == count)
    if not (none | every).any():
        return None
    code = int(np.argmax(np.where(none | every, count, 0)))
    value = repr(column.values[code - 1][:40]) if code else "blank"
    return (
        f"IT SETTLES THE LABEL. All {int(count[code])} rows where it is {value} are "
        f"{'finds' if every[code] else 'clean'}, though {rate:.1%} of all rows are finds; it looks like another label. "
        "Name it under fields in the mapping if it is known when goods are declared."
    )


def _kind(column: Coded, numbers: NDArray[np.float64]) -> Kind:
    if not _mostly_numbers(column):
        return "categorical"
    distinct = np.unique(numbers[~np.isnan(numbers)])
    whole = bool(np.all(distinct == np.rint(distinct)))
    return "numeric" if len(distinct) >= (_LEAST_WHOLE_NUMBERS if whole else _LEAST_NUMBERS) else "categorical"


def _mostly_numbers(column: Coded) -> bool:
    """Whether nearly all values are numbers, and none is a code with zeros in front."""
    coded = any(text[0] == "0" and text[1:].isdigit() for text in column.values if len(text) > 1)
    numbers = sum(not np.isnan(normalise.signed_number(text)) for text in column.values)
    return not coded and numbers >= _NUMBERS_SHARE * len(column.values)


def _are_references(column: Coded, numbers: NDArray[np.float64]) -> bool:
    lengths = {len(text) for text in column.values}
    whole = bool(np.all(numbers == np.rint(numbers)))
    rising = bool(np.all(np.diff(numbers) > 0))
    return whole and (rising or (len(lengths) == 1 and min(lengths) > 4))


def _mostly_dates(column: Coded) -> bool:
    dates = sum(normalise.time(text)[0] is not None for text in column.values)
    return dates >= _NUMBERS_SHARE * len(column.values)


def _goes_with_goods(table: ManifestTable, column: Coded) -> bool:
    """Whether the column makes far fewer combinations with the goods than it would if dealt at random."""
    code = table.text("hs_code" if "hs_code" in table.raw else "goods_description")
    rows = np.flatnonzero((column.codes >= 0) & (code.codes >= 0))[:_LOOKED_AT]
    if not len(rows) or len(column.values) < 2:
        return False
    goods, values = code.codes[rows].astype(np.int64), column.codes[rows].astype(np.int64)
    dealt = np.random.default_rng(0).permutation(values)

    def pairs(other: Ints) -> int:
        return len(np.unique(goods * len(column.values) + other))

    found, chance, least = pairs(values), pairs(dealt), len(np.unique(goods))
    # With the fewest combinations possible, one per kind of goods, the share is 0; with those of chance it is 1.
    return chance > least and (found - least) < _OF_GOODS_SHARE * (chance - least)
