"""Choice of the further fields among the columns of an office's own data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.groups.own.keys import COUNTED, NATIONAL_DIGITS, OwnFields
from features.manifest.fields import FIELD, MANIFEST_NAMES, Level
from features.manifest.fields import Kind as ManifestKind
from features.manifest.records import REFERENCES
from features.readers import ColumnMapping
from features.readers.headers import FurtherField, Kind, position_of
from features.table import normalise
from features.table.table import TIME_MISSING, Coded, ManifestTable
from models.scoring import RISK
from models.scoring.scores import ALL_SCORE_COLUMNS
from training.arrays import Bools, Floats, Ints
from training.data.labels import Labels

#: Minimum share of numbers among the values of a numeric column; minimum counts of distinct numbers, in general and if all are
#: whole. Columns with fewer numbers are categories written as numbers, such as office numbers and procedure codes.
_NUMBERS_SHARE: Final = 0.95
_LEAST_NUMBERS: Final = 20
_LEAST_WHOLE_NUMBERS: Final = 200
#: A text column whose distinct values exceed this share of its rows is an identifier.
_ID_SHARE: Final = 0.9
_ID_LEAST_ROWS: Final = 50
#: A value determines the label if its rows contain no find (or no clean row). It must occur in at least this share of all rows,
#: and at least this many finds (or clean rows) must be expected among its rows. The probability of this by chance is about 1e-13.
_DETERMINING_SHARE: Final = 0.01
_DETERMINING_EXPECTED: Final = 30.0
#: A column contains results if its determining values cover at least these shares of the clean rows or of the finds. Declared data
#: has determining values too, such as a genus that was never a find, but they cover few rows.
_LEAST_OF_CLEAN: Final = 0.5
_LEAST_OF_FINDS: Final = 0.2
#: A field describes the goods if it forms few distinct pairs with them: fewer than this share of the number after shuffling its
#: values. Both numbers exclude one pair per kind of goods.
_OF_GOODS_SHARE: Final = 0.75
_COMPARED_ROWS: Final = 200_000
#: A column of a file's parts: its name, or all its values, say so. It tells how the file was made, not what was declared.
_PARTS: Final = frozenset({"split", "fold", "partition", "is_train", "is_test", "train_test"})
_NAMES_OF_PARTS: Final = frozenset(
    {"train", "training", "test", "testing", "val", "valid", "validation", "dev", "holdout"}
)
#: A column alone nearly determines the label if its values with the most finds, chosen on half of the rows, cover at least the
#: first share of the finds and at most the second share of the clean rows among the others.
_NEAR_FINDS: Final = 0.6
_NEAR_CLEAN: Final = 0.02
_NEAR_LEAST_FINDS: Final = 20
_NEAR_BINS: Final = 50
#: Manifest columns that are counted in any case: those of the parties, the goods and their origin, which identify declarations.
_ALWAYS_COUNTED: Final = frozenset(
    {"consignor_name", "consignee_name", "goods_description", "origin_country", "export_country"}
)
#: Output columns of `tidewaiter score` and `--predictions`, which are not evidence.
_MODEL_OUTPUTS: Final = frozenset(ALL_SCORE_COLUMNS)


@dataclass(frozen=True, slots=True)
class FieldCandidates:
    """Columns that may become further fields. ``named`` maps the columns named in the mapping file to their kinds."""

    columns: tuple[str, ...]
    named: Mapping[str, Kind]
    notes: tuple[str, ...]

    @property
    def fields(self) -> tuple[FurtherField, ...]:
        """All candidates, as categorical fields."""
        return tuple(FurtherField(name, "categorical") for name in self.columns)


def find_candidates(
    recognised: Mapping[str, str | None], mapping: ColumnMapping | None, label: str | None
) -> FieldCandidates:
    """Return the columns named in the mapping, and all others except manifest fields, the label and ignored columns.

    ``recognised`` maps input columns to manifest fields or None (`TableReader.recognised`).

    Raises:
        ValueError: The mapping names the label or a column that the file does not have.
    """
    columns = list(recognised)
    named: dict[str, Kind] = {}
    for name, kind in (mapping.further if mapping is not None else {}).items():
        place = position_of(name, columns)
        if place is None:
            raise ValueError(
                f"[fields] of the mapping names {name!r}, which is not a column; there are {', '.join(columns)}"
            )
        if columns[place] == label:
            raise ValueError(f"[fields] of the mapping names the label {label!r}; a label cannot be its own evidence")
        named[columns[place]] = "numeric" if kind == "numeric" else "categorical"
    ignored = set()
    for name in mapping.ignored if mapping is not None else ():
        place = position_of(name, columns)
        if place is None:
            raise ValueError(f"[fields] ignore of the mapping names {name!r}, which is not a column")
        ignored.add(columns[place])
    notes = []
    accepted = []
    for name in columns:
        if name in named:
            accepted.append(name)
        elif name == label or recognised[name] is not None:
            continue
        elif name in ignored:
            notes.append(f"Column {name!r} is left out: the mapping ignores it.")
        elif name in _MODEL_OUTPUTS:
            notes.append(f"Column {name!r} is left out: it contains the output of a model.")
        else:
            accepted.append(name)
    return FieldCandidates(tuple(accepted), named, tuple(notes))


def choose_fields(table: ManifestTable, candidates: FieldCandidates, labels: Labels) -> tuple[OwnFields, list[str]]:
    """Return the chosen further fields, and notes on their kinds and on why other columns are left out."""
    notes = list(candidates.notes)
    known = labels.inspected[table.shipment]
    find = np.asarray(labels.find.any(axis=1), dtype=np.bool_)
    fields: list[FurtherField] = []
    for name in candidates.columns:
        column = table.further(name).compact()
        numbers = table.further_number(name)
        kind = candidates.named.get(name)
        if kind is None:
            reason = _unusable(name, column, numbers) or _determines_label(column, find, known)
            if reason is not None:
                notes.append(f"Column {name!r} is left out: {reason}")
                continue
            kind = _kind(column, numbers)
        of_goods = _describes_goods(table, column)
        fields.append(FurtherField(name, kind, of_goods))
    notes += [note for name, column in _columns_used(table, fields) if (note := _near_label(name, column, find, known))]
    for kind in ("numeric", "categorical"):
        chosen = [repr(field.name) for field in fields if field.kind == kind]
        if chosen:
            notes.append(f"Further {kind} fields: {', '.join(chosen)}.")
    goods_fields = [repr(field.name) for field in fields if field.of_goods]
    if goods_fields:
        notes.append(f"Further fields that describe the goods: {', '.join(goods_fields)}.")
    columns, not_counted = _counted_columns(table)
    return OwnFields(tuple(fields), columns, labels.heads != (RISK,)), [*notes, *not_counted]


def _filled_columns(table: ManifestTable) -> tuple[str, ...]:
    return tuple(
        name for name in MANIFEST_NAMES if name in table.raw and name in FIELD and (table.raw[name].codes >= 0).any()
    )


def _counted_columns(table: ManifestTable) -> tuple[tuple[str, ...], list[str]]:
    """Return the manifest columns for `OwnFields`, and notes on those whose values are not counted."""
    columns, notes = [], []
    for name in _filled_columns(table):
        reason = None
        if name in COUNTED and name not in _ALWAYS_COUNTED:
            column = table.text(name)
            of_item = FIELD[name].level is Level.ITEM
            reason = _says_nothing((column if of_item else column.take(table.first_row)).compact())
        if reason is None:
            columns.append(name)
        else:
            notes.append(f"Values of {name} are not counted: {reason}")
    hs = table.text("hs_code")
    length = hs.lookup(np.array([len(code) for code in hs.values], dtype=np.int64), 0)
    columns += [f"hs{n}" for n in reversed(NATIONAL_DIGITS) if np.count_nonzero(length >= n) >= _ID_LEAST_ROWS][:1]
    return tuple(columns), notes


def _says_nothing(column: Coded) -> str | None:
    """Return the reason why the values of a manifest column (n,) tell nothing about other rows, or None."""
    n, distinct = int(np.count_nonzero(column.codes >= 0)), len(column.values)
    if distinct == 1 and n == len(column):
        return f"it is {column.values[0][:_EXAMPLE_LENGTH]!r} on every row."
    if n >= _ID_LEAST_ROWS and distinct > _ID_SHARE * n:
        return "nearly every row has a different value."
    return None


def _unusable(name: str, column: Coded, numbers: Floats) -> str | None:
    """Return the reason why a column cannot be evidence for any label, or None."""
    present = column.codes >= 0
    n, distinct = int(present.sum()), len(column.values)
    if distinct == 0:
        return "it is blank."
    if name.strip().lower() in _PARTS or {text.strip().lower() for text in column.values} <= _NAMES_OF_PARTS:
        return "it names parts of the file; name it under fields in the mapping if it was declared."
    if distinct == 1 and n == len(column):
        return f"it is {column.values[0][:40]!r} on every row."
    if n < _ID_LEAST_ROWS:
        return f"only {n} rows have a value."
    numeric = _mostly_numbers(column)
    if not numeric and distinct > _ID_SHARE * n:
        return "nearly every row has a different value, as in a column of references."
    if numeric and distinct == n and _are_references(column, numbers[present]):
        return "its values number the rows."
    if not numeric and _mostly_dates(column):
        return "it contains dates; name it declared_at in the mapping if rows are to be ordered by it."
    return None


def _determines_label(column: Coded, find: Bools, known: Bools) -> str | None:
    """Return the reason why a column seems to contain results instead of declared data, or None."""
    rows = int(known.sum())
    if not rows:
        return None
    codes = column.codes[known].astype(np.int64) + 1
    count = np.bincount(codes, minlength=len(column.values) + 1)
    finds = np.bincount(codes, find[known], minlength=len(column.values) + 1)
    rate = finds.sum() / rows
    large = count >= _DETERMINING_SHARE * rows
    never = large & (count * rate >= _DETERMINING_EXPECTED) & (finds == 0)
    always = large & (count * (1.0 - rate) >= _DETERMINING_EXPECTED) & (finds == count)
    of_clean, of_finds = count[never].sum(), count[always].sum()
    if of_clean < max(1.0, _LEAST_OF_CLEAN * (rows - finds.sum())) and of_finds < max(
        1.0, _LEAST_OF_FINDS * finds.sum()
    ):
        return None
    code = int(np.argmax(np.where(never | always, count, 0)))
    value = repr(column.values[code - 1][:40]) if code else "blank"
    return (
        f"IT DETERMINES THE LABEL. All {int(count[code])} rows where it is {value} are "
        f"{'finds' if always[code] else 'clean'}, though {rate:.1%} of all rows are finds; it looks like another label. "
        "Name it under fields in the mapping if it is known when goods are declared."
    )


def _columns_used(table: ManifestTable, fields: Sequence[FurtherField]) -> Iterator[tuple[str, Coded]]:
    """Yield name and values of each declared column: the further fields, then those of the manifest."""
    for field in fields:
        yield field.name, table.further(field.name)
    for name in _filled_columns(table):
        if name not in REFERENCES:
            yield name, table.raw[name]


def _near_label(name: str, column: Coded, find: Bools, known: Bools) -> str | None:
    """Return a warning if the column alone tells nearly all finds from clean rows, or None.

    Values are ranked by their share of finds on every other row with a result, and judged on the rows between.
    """
    rows = np.flatnonzero(known)
    if find[rows].sum() < _NEAR_LEAST_FINDS:
        return None
    used = column.take(rows).compact()
    group = _groups(used)
    learned, judged = slice(0, None, 2), slice(1, None, 2)
    finds = find[rows]
    n = int(group.max()) + 1
    of_find = np.bincount(group[learned], finds[learned], n)
    rate = of_find / (np.bincount(group[learned], minlength=n) + 1.0)
    order = np.argsort(-rate, kind="stable")
    covered = np.cumsum(np.bincount(group[judged], finds[judged], n)[order]) / max(1.0, finds[judged].sum())
    clean = np.cumsum(np.bincount(group[judged], ~finds[judged], n)[order]) / max(1.0, (~finds[judged]).sum())
    inside = np.flatnonzero((covered >= _NEAR_FINDS) & (clean <= _NEAR_CLEAN))
    if not len(inside):
        return None
    last = int(inside[0])
    first = int(order[0])
    example = next((used.values[code][:_EXAMPLE_LENGTH] for code in used.codes[group == first] if code >= 0), "")
    return (
        f"COLUMN {name!r} NEARLY DETERMINES THE LABEL: {last + 1} of its values, such as {example!r}, are on "
        f"{covered[last]:.0%} of the finds and {clean[last]:.1%} of the clean rows. If it is not known when goods are "
        "declared, ignore it in the mapping."
    )


def _groups(column: Coded) -> Ints:
    """Return the group (n,) of each row: its value, or for a column of many numbers one of at most 50 ranges; blank is 0."""
    if not _mostly_numbers(column) or len(column.values) <= _NEAR_BINS:
        return column.codes.astype(np.int64) + 1
    number = column.lookup(np.array([normalise.signed_number(text) for text in column.values]), np.nan)
    stated = ~np.isnan(number)
    edges = np.unique(np.quantile(number[stated], np.linspace(0.0, 1.0, _NEAR_BINS + 1)[1:-1]))
    return np.where(stated, np.searchsorted(edges, number, side="right") + 1, 0)


def _kind(column: Coded, numbers: Floats) -> Kind:
    if not _mostly_numbers(column):
        return "categorical"
    distinct = np.unique(numbers[~np.isnan(numbers)])
    whole = bool(np.all(distinct == np.rint(distinct)))
    return "numeric" if len(distinct) >= (_LEAST_WHOLE_NUMBERS if whole else _LEAST_NUMBERS) else "categorical"


def _mostly_numbers(column: Coded) -> bool:
    """Return whether nearly all values are numbers, and none has leading zeros, as codes have."""
    coded = any(text[0] == "0" and text[1:].isdigit() for text in column.values if len(text) > 1)
    numbers = sum(not np.isnan(normalise.signed_number(text)) for text in column.values)
    return not coded and numbers >= _NUMBERS_SHARE * len(column.values)


def _are_references(column: Coded, numbers: Floats) -> bool:
    lengths = {len(text) for text in column.values}
    whole = bool(np.all(numbers == np.rint(numbers)))
    rising = bool(np.all(np.diff(numbers) > 0))
    return whole and (rising or (len(lengths) == 1 and min(lengths) > 4))


def _mostly_dates(column: Coded) -> bool:
    dates = sum(normalise.time(text)[0] is not None for text in column.values)
    return dates >= _NUMBERS_SHARE * len(column.values)


def _describes_goods(table: ManifestTable, column: Coded) -> bool:
    """Return whether the column forms far fewer distinct pairs with the goods than its shuffled values do."""
    code = table.text("hs_code" if "hs_code" in table.raw else "goods_description")
    rows = np.flatnonzero((column.codes >= 0) & (code.codes >= 0))[:_COMPARED_ROWS]
    if not len(rows) or len(column.values) < 2:
        return False
    goods, values = code.codes[rows].astype(np.int64), column.codes[rows].astype(np.int64)
    shuffled = np.random.default_rng(0).permutation(values)

    def distinct_pairs(other: Ints) -> int:
        return len(np.unique(goods * len(column.values) + other))

    actual, chance, least = distinct_pairs(values), distinct_pairs(shuffled), len(np.unique(goods))
    # On this scale, 0 is one pair per kind of goods and 1 is the number of pairs after shuffling.
    return chance > least and (actual - least) < _OF_GOODS_SHARE * (chance - least)


_EXAMPLE_LENGTH: Final = 40


@dataclass(frozen=True, slots=True)
class UnreadColumn:
    """Input column without a valid value, its fields, the number of its values, and an example with its problem."""

    name: str
    fields: str
    values: int
    example: str
    problem: str

    def note(self, use: str) -> str:
        """Return a note for the user. ``use`` is a sentence on how the column is used instead."""
        shown = f"'{self.example[:_EXAMPLE_LENGTH]}'"
        problem = self.problem if shown in self.problem else f"{shown} {self.problem}"
        return f"Column {self.name!r} is read as {self.fields}, but none of its {self.values:,} values is valid: {problem}. {use}"


def unread_columns(table: ManifestTable, recognised: Mapping[str, str | None]) -> list[UnreadColumn]:
    """Return the input columns whose manifest fields are all declared but never valid.

    Args:
        table: The rows.
        recognised: Input columns -> manifest fields, separated by commas (`TableReader.recognised`).
    """
    unread = {name for name in MANIFEST_NAMES if name in table.raw and name not in REFERENCES and _never(table, name)}
    columns = []
    for column, names in recognised.items():
        fields = (names or "").split(", ")
        if not unread.issuperset(fields):
            continue
        given = table.raw[fields[0]]
        row = int(np.argmax(given.codes >= 0))
        problem = next((one.problem for one in table.warnings_of_row(row) if one.field == fields[0]), "is not valid")
        count = int((given.codes >= 0).sum())
        columns.append(UnreadColumn(column, " and ".join(fields), count, given.values[given.codes[row]], problem))
    return columns


def _never(table: ManifestTable, name: str) -> bool:
    given = table.raw[name].codes >= 0
    return bool(given.any()) and not _valid(table, name)[given].any()


def _valid(table: ManifestTable, name: str) -> Bools:
    kind = FIELD[name].kind
    if kind is ManifestKind.NUMBER:
        return ~np.isnan(table.number(name))
    if kind is ManifestKind.TIME:
        return np.asarray(table.seconds(name) != TIME_MISSING)
    return np.asarray(table.text(name).codes >= 0)
