"""Training labels: finds per goods item, times at which results became known, and sample weights of shipments.

Labels come in one of two forms. The manifest's label columns (``content`` and its companions) train one head per kind of
content; pandera checks them. An office's own binary column trains a single head named ``risk``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from features.manifest.fields import CONTENT_LEVELS, CONTENTS, HEADS, INSPECTIONS, OTHER_CONTRABAND
from features.table import normalise
from features.table.table import Coded, ManifestTable
from models.scoring import RISK
from training.arrays import Bools, Floats, Ints
from training.data.windows import MOST_GAP_OF_SPAN, NEVER

if TYPE_CHECKING:
    from pandera.pandas import DataFrameSchema

#: Cap on the weight 1/p of a shipment that was selected with probability p. Without a cap, one find at p = 0.002 would weigh
#: as much as 500 others, and the model would overfit to it.
MOST_WEIGHT: Final = 25.0
#: Smaller cap for fitting the boosters. On 250,000 simulated goods items with 200 training finds, caps of 25, 5 and 3 gave a
#: PR-AUC against the true contents of 0.17, 0.23 and 0.26. Calibration and metrics use the larger cap, because their results
#: must hold for the traffic that the labels represent.
MOST_LEARNING_WEIGHT: Final = 3.0
#: Weight of an uninspected shipment when fitting the boosters. Most illicit shipments are never inspected, so uninspected
#: shipments are less reliable examples of clean traffic than inspected ones. On 600,000 simulated goods items (650 finds for
#: training, 568 for testing), weights of 1 and 0.2 gave a PR-AUC against the true contents of 0.323 and 0.334 in one world,
#: and of 0.314 and 0.333 in another.
PRESUMED_WEIGHT: Final = 0.2
#: Assumed delay from declaration to result for labels without a time; `assumed_delay` shortens it for short data.
ASSUMED_DELAY_S: Final = 14 * 86400

_YES: Final = frozenset({"1", "1.0", "true", "t", "yes", "y", "positive"})
_NO: Final = frozenset({"0", "0.0", "false", "f", "no", "n", "negative"})
_LISTED_PROBLEMS: Final = 5
#: Number of characters of a label value in a note.
_SHOWN_LENGTH: Final = 40


class BadLabels(ValueError):
    """Error for unusable label columns. The message names file, row, field, value and the expected values."""


@dataclass(frozen=True, slots=True)
class KnownLabels:
    """Labels that an office knew at one moment.

    Attributes:
        find: (n_rows, heads) whether the goods item is a find.
        presumed: (n_shipments,) whether the shipment is presumed clean because no result was known.
        weight: (n_shipments,) capped inverse of the selection probability for a known result; 1 for other shipments, but 0 for
            those with other contraband, which are neither finds nor clean.
        stated: (n_shipments,) whether both the result and the selection probability are known.
    """

    find: Bools
    presumed: Bools
    weight: Floats
    stated: Bools

    def take(self, rows: Ints, shipments: Ints) -> KnownLabels:
        """Return the labels of the given shipments and rows."""
        return KnownLabels(self.find[rows], self.presumed[shipments], self.weight[shipments], self.stated[shipments])


def judged(labels: KnownLabels, heads: tuple[str, ...]) -> KnownLabels:
    """Return the labels for an evaluation: under an office's own label, a shipment without a result is left out.

    Shipments that nobody inspected are nearly all clean. But a blank of an office's own label says nothing about the row.
    """
    if heads != (RISK,):
        return labels
    return replace(labels, weight=np.where(labels.presumed, 0.0, labels.weight))


@dataclass(frozen=True, slots=True)
class Labels:
    """All labels of a table.

    Attributes:
        heads: Names of the heads.
        find: (n_rows, heads) whether the goods item is a find.
        inspected: (n_shipments,) whether a result exists.
        known_s: (n_shipments,) time of the result in seconds since 1970; `NEVER` without a result.
        weight: (n_shipments,) as in `KnownLabels`.
        stated: (n_shipments,) as in `KnownLabels`.
        notes: Remarks for the user.
    """

    heads: tuple[str, ...]
    find: Bools
    inspected: Bools
    known_s: Ints
    weight: Floats
    stated: Bools
    notes: tuple[str, ...] = ()

    def known_at(self, table: ManifestTable, cut_s: int) -> KnownLabels:
        """Return the labels known at ``cut_s``. Shipments with a later result are presumed clean."""
        known = self.inspected & (self.known_s <= cut_s)
        find, weight = (
            self.find & known[table.shipment][:, None],
            np.where(known, self.weight, np.minimum(self.weight, 1.0)),
        )
        return KnownLabels(find, ~known, weight, known & self.stated)

    def shipment_find(self, table: ManifestTable) -> Bools:
        """Return whether any item of each shipment is a find, shape (n_shipments, heads)."""
        return any_of_shipment(table, self.find)


@dataclass(frozen=True, slots=True)
class LabelColumns:
    """Raw label columns of a table.

    Attributes:
        by_name: Column name -> values, aligned with the rows of the table.
        source: Name of the file, for error messages.
        row_number: (n_rows,) row numbers in the file, from 1, for error messages.
    """

    by_name: Mapping[str, Coded]
    source: str
    row_number: Ints

    def optional(self, *names: str) -> LabelColumns:
        """Return the named columns, without those that do not exist."""
        present = {name: column for name, column in self.by_name.items() if name in names}
        return LabelColumns(present, self.source, self.row_number)

    def first_row_with(self, column: Coded, code: int) -> int:
        """Return the number of the first row that has the value ``code`` in ``column``."""
        return int(self.row_number[int(np.argmax(column.codes == code))])


@dataclass(frozen=True, slots=True)
class OwnLabel:
    """Name of an office's own binary label column, and the value ``positive`` that marks a find.

    Without ``positive``, the usual spellings of yes and no are recognised.
    """

    name: str
    positive: str | None = None


def any_of_shipment(table: ManifestTable, of_row: Bools) -> Bools:
    """Return per shipment (n_shipments, k) whether any of its rows has the flag set in ``of_row`` (n_rows, k)."""
    if table.n_rows == 0:
        return np.zeros((0, of_row.shape[1]), dtype=np.bool_)
    return np.asarray(np.logical_or.reduceat(of_row, table.first_row, axis=0))


def assumed_delay(declared_s: Ints, stated_s: int | None = None) -> int:
    """Return the delay from declaration to result, in seconds, for results without a time.

    The delay is ``stated_s``, by default the shorter of two weeks and 6 % of the data's span.
    """
    if stated_s is not None:
        return stated_s
    span = int(declared_s.max() - declared_s.min()) if len(declared_s) else 0
    return int(min(ASSUMED_DELAY_S, MOST_GAP_OF_SPAN * span))


def seconds_of(text: str) -> int | None:
    """Parse a manifest time (ISO 8601, UTC by default) to seconds since 1970; None if it cannot be parsed."""
    return normalise.time(text)[0]


def _is_probability(text: str) -> bool:
    try:
        return 0.0 < float(text) <= 1.0
    except ValueError:
        return False


def _schema() -> DataFrameSchema:
    """Return the schema of the label columns. Adapting reads no labels, so it must not need pandera."""
    import pandera.pandas as pa

    def codes(allowed: Mapping[str, str]) -> pa.Column:
        check = pa.Check(lambda s: s.isin(sorted(allowed)), error=f"one of {', '.join(sorted(allowed))}, or blank")
        return pa.Column(object, check, nullable=True)

    def texts(is_valid: Callable[[str], bool], expected: str) -> pa.Column:
        check = pa.Check(lambda s: s.map(is_valid).astype(bool), error=expected)
        return pa.Column(object, check, nullable=True)

    return pa.DataFrameSchema(
        {
            "content": codes(CONTENTS),
            "content_level": codes(CONTENT_LEVELS),
            "inspection": codes(INSPECTIONS),
            "inspected_at": texts(lambda v: seconds_of(v) is not None, "an ISO 8601 time, or blank"),
            "selection_probability": texts(_is_probability, "a number above 0 and at most 1, or blank"),
        }
    )


_CODES: Final = ("content", "content_level", "inspection")


def _distinct(column: Coded, *, lower: bool) -> list[str]:
    return [value.strip().lower() if lower else value.strip() for value in column.values]


def check_label_columns(columns: LabelColumns) -> None:
    """Check each distinct value of the label columns.

    Raises:
        BadLabels: A value is not allowed.
    """
    from pandera.errors import SchemaErrors

    schema = _schema()
    problems: list[str] = []
    for name in schema.columns:
        column = columns.by_name.get(name)
        if column is None:
            continue
        texts = _distinct(column, lower=name in _CODES)
        frame = pd.DataFrame({name: pd.Series(texts, dtype=object)})
        try:
            schema.select_columns([name]).validate(frame, lazy=True)
        except SchemaErrors as error:
            for case in error.failure_cases.itertuples():
                code = int(str(case.index)) if case.index is not None else 0
                row = columns.first_row_with(column, code)
                problems.append(f"row {row}, field {name}: got {column.values[code]!r}, but expected {case.check}")
    if problems:
        more = f"; and {len(problems) - _LISTED_PROBLEMS} more values" if len(problems) > _LISTED_PROBLEMS else ""
        raise BadLabels(f"{columns.source}: " + "; ".join(problems[:_LISTED_PROBLEMS]) + more)


def _number_of(column: Coded | None, n: int) -> Floats:
    if column is None:
        return np.full(n, np.nan)
    return np.asarray(column.lookup(np.array([float(v) for v in column.values], dtype=np.float64), np.nan))


def _seconds_column(column: Coded | None, n: int) -> Ints:
    if column is None:
        return np.full(n, NEVER, dtype=np.int64)
    values = np.array([NEVER if (s := seconds_of(v)) is None else s for v in column.values], dtype=np.int64)
    return np.asarray(column.lookup(values, NEVER), dtype=np.int64)


def manifest_labels(
    table: ManifestTable, columns: LabelColumns, *, has_times: bool, delay_s: int | None = None
) -> Labels:
    """Read labels from ``content``, ``content_level``, ``inspected_at``, ``inspection`` and ``selection_probability``.

    ``delay_s`` is the delay of results without a time (`assumed_delay`).

    Raises:
        BadLabels: There is no ``content`` column, or a value is not allowed.
    """
    if "content" not in columns.by_name:
        raise BadLabels(
            f"{columns.source}: no column `content`; label the rows with it, or name a label column of your own (--label)"
        )
    check_label_columns(columns)
    content = columns.by_name["content"]
    heads = tuple(HEADS)
    of_value = [[text in HEADS[head] for head in heads] for text in _distinct(content, lower=True)]
    find_of_value = np.array(of_value, dtype=np.bool_).reshape(-1, len(heads))
    find = np.asarray(content.lookup(find_of_value, False), dtype=np.bool_)
    level = columns.by_name.get("content_level")
    if level is not None:
        is_shipment = np.array([text == "shipment" for text in _distinct(level, lower=True)], dtype=np.bool_)
        of_shipment = np.asarray(level.lookup(is_shipment, False))
        find = find | any_of_shipment(table, find & of_shipment[:, None])[table.shipment]
    is_other = np.array([text == OTHER_CONTRABAND for text in _distinct(content, lower=True)], dtype=np.bool_)
    other = np.asarray(content.lookup(is_other, False), dtype=np.bool_)
    return _labels(table, heads, find, content, columns, has_times=has_times, delay_s=delay_s, other=other)


def own_labels(
    table: ManifestTable,
    columns: LabelColumns,
    column: Coded,
    label: OwnLabel,
    *,
    has_times: bool,
    delay_s: int | None = None,
) -> Labels:
    """Read the labels of one head, ``risk``, from a binary ``column`` of an office's own.

    A row with the positive value of ``label`` (the same text but for case and spaces, or an equal number) is a find. Every other
    value means clean, and a blank means that the result is unknown. A note counts the rows of each value. ``inspected_at`` and
    ``selection_probability`` are used if present; ``delay_s`` is the delay of results without a time (`assumed_delay`).

    Raises:
        BadLabels: No row has the positive value, or a value is neither yes nor no.
    """
    texts = _distinct(column, lower=False)
    if label.positive is not None:
        is_find = [_same(text, label.positive) for text in texts]
        if not any(is_find):
            seen = ", ".join(repr(text) for text in texts[:_LISTED_PROBLEMS])
            raise BadLabels(
                f"{columns.source}, field {label.name}: no row has the positive value {label.positive!r}; "
                f"values seen: {seen}"
            )
    else:
        is_find = [text.lower() in _YES for text in texts]
        for code, text in enumerate(texts):
            if text.lower() not in _YES | _NO:
                row = columns.first_row_with(column, code)
                raise BadLabels(
                    f"{columns.source}: row {row}, field {label.name}: got {text!r}, but expected 1/0, true/false or "
                    "yes/no; or say which value is a find (--positive)"
                )
    check_label_columns(columns.optional("inspected_at", "selection_probability"))
    find = np.asarray(column.lookup(np.array(is_find, dtype=np.bool_), False), dtype=np.bool_)[:, None]
    labels = _labels(table, (RISK,), find, column, columns, has_times=has_times, delay_s=delay_s)
    return replace(labels, notes=(_values_note(column, label.name, is_find), *labels.notes))


def _values_note(column: Coded, name: str, is_find: list[bool]) -> str:
    """Return how many rows have each value of a label column, those of finds and of clean rows apart."""
    rows = np.bincount(column.codes[column.codes >= 0], minlength=len(column.values)).tolist()
    parts = []
    for of_finds, meaning in ((True, "finds"), (False, "clean")):
        counted = [
            (text, n) for text, n, one in zip(column.values, rows, is_find, strict=True) if n and one == of_finds
        ]
        counted.sort(key=lambda pair: (-pair[1], pair[0]))
        shown = ", ".join(f"{text[:_SHOWN_LENGTH]!r} ({n:,})" for text, n in counted[:_LISTED_PROBLEMS])
        more = len(counted) - _LISTED_PROBLEMS
        parts.append(f"{meaning}: {shown or 'none'}" + (f" and {more} other values" if more > 0 else ""))
    blank = int((column.codes < 0).sum())
    return f"Label {name!r}, rows by value: {'; '.join(parts)}; unknown: {blank:,} blank."


def _labels(
    table: ManifestTable,
    heads: tuple[str, ...],
    find: Bools,
    result: Coded,
    columns: LabelColumns,
    *,
    has_times: bool,
    delay_s: int | None,
    other: Bools | None = None,
) -> Labels:
    """Build labels from finds (n_rows, heads). A row has a result where ``result`` is not blank.

    A shipment with ``other`` contraband (n_rows,) and without a find counts as uninspected, with the weight 0.
    """
    has_result = result.codes >= 0
    if other is None:
        other = np.zeros(table.n_rows, dtype=np.bool_)
    has_any, has_other, has_find = any_of_shipment(table, np.column_stack((has_result, other, find.any(axis=1)))).T
    left_out = has_other & ~has_find
    inspected = has_any & ~left_out
    known_row = np.where(has_result, _seconds_column(columns.by_name.get("inspected_at"), table.n_rows), NEVER)
    known_s, notes = _known_s(table, known_row, inspected, has_times=has_times, delay_s=delay_s)
    weight, stated = _weights(table, columns, inspected)
    if left_out.any():
        notes = (*notes, f"{int(left_out.sum())} shipments with other contraband count neither as finds nor as clean.")
    return Labels(heads, find, inspected, known_s, np.where(left_out, 0.0, weight), stated, notes)


def _weights(table: ManifestTable, columns: LabelColumns, inspected: Bools) -> tuple[Floats, Bools]:
    """Return each shipment's weight, and whether its result and selection probability are known, both (n_shipments,)."""
    probability = _number_of(columns.by_name.get("selection_probability"), table.n_rows)[table.first_row]
    stated = inspected & ~np.isnan(probability)
    return np.where(stated, np.minimum(1.0 / np.where(stated, probability, 1.0), MOST_WEIGHT), 1.0), stated


def _same(text: str, positive: str) -> bool:
    if _folded(text) == _folded(positive):
        return True
    try:
        return float(text) == float(positive)
    except ValueError:
        return False


def _folded(text: str) -> str:
    """Return the text without differences of case and spaces."""
    return " ".join(text.split()).casefold()


def _known_s(
    table: ManifestTable, known_row: Ints, inspected: Bools, *, has_times: bool, delay_s: int | None
) -> tuple[Ints, tuple[str, ...]]:
    """Return the time of each shipment's result, and notes for the user.

    The time is the latest of the shipment's rows (``known_row``), and at least one second after the declaration. If no row has a
    time, it is `assumed_delay` after the declaration.
    """
    if not has_times:
        return np.full(table.n_shipments, NEVER, dtype=np.int64), ()
    missing = np.iinfo(np.int64).min
    times = np.where(known_row == NEVER, missing, known_row)
    latest = np.maximum.reduceat(times, table.first_row) if table.n_rows else np.zeros(0, dtype=np.int64)
    without_time = inspected & (latest == missing)
    delay = assumed_delay(table.declared_s, delay_s)
    known = np.where(without_time, table.declared_s + delay, np.maximum(latest, table.declared_s + 1))
    notes: tuple[str, ...] = ()
    if without_time.any():
        notes = (
            f"{int(without_time.sum())} results have no inspected_at: "
            f"taken as known {delay / 86400:.1f} days after declared_at.",
        )
    return np.where(inspected, known, NEVER).astype(np.int64), notes
