"""Labels: what inspections found, when it was known, and how much each shipment counts.

Two forms are read: the manifest's own label columns (``content`` and its companions), checked with pandera, and a
binary column of the office's own, which trains one head named ``risk``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import pandera.pandas as pa
from numpy.typing import NDArray

from features.manifest.fields import CONTENT_LEVELS, CONTENTS, HEADS, INSPECTIONS
from features.table import normalise
from features.table.table import Coded, ManifestTable
from models.scoring import RISK
from training.data.windows import MOST_GAP_OF_SPAN, NEVER

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

#: A shipment selected with probability p stands for 1/p like it, but for no more than this: one find made at p = 0.002
#: would otherwise weigh as much as five hundred others, and the model would learn that one find.
MOST_WEIGHT: Final = 25.0
#: While boosters learn the order of shipments, a smaller cap holds. Measured on 250,000 simulated goods items (200 finds to
#: learn from): caps of 25, 5 and 3 gave a PR-AUC on the truth of 0.17, 0.23 and 0.26. Calibration and figures keep the full
#: weights, so probabilities stay those of the traffic the labels stand for.
MOST_LEARNING_WEIGHT: Final = 3.0
#: What a shipment that nobody opened counts while boosters learn. Most of the illicit ones are among these, so as clean examples
#: they are worth less than an inspected one. Measured on 600,000 simulated goods items (650 finds to learn from, 568 to test on):
#: weights of 1 and 0.2 gave a PR-AUC on the truth of 0.323 and 0.334 in one world, 0.314 and 0.333 in another.
PRESUMED_WEIGHT: Final = 0.2
#: How long a result is assumed to take where a label comes without the time it was known (but see `assumed_delay`).
ASSUMED_DELAY_S: Final = 14 * 86400

_YES: Final = frozenset({"1", "1.0", "true", "t", "yes", "y", "positive"})
_NO: Final = frozenset({"0", "0.0", "false", "f", "no", "n", "negative"})
_LISTED_PROBLEMS: Final = 5


class BadLabels(ValueError):
    """Label columns that cannot be used; the message names file, row, field, value and what would be right."""


@dataclass(frozen=True, slots=True)
class AsOf:
    """Labels as an office would have had them at one moment.

    ``find`` (n_rows, heads) per goods item; ``presumed`` (n_shipments,): not inspected, or the result was not known
    yet, and so presumed clean; ``weight`` (n_shipments,): 1/selection probability where a result is known, else 1;
    ``stated`` (n_shipments,): a result is known, and so is the probability of having been selected for it.
    """

    find: Bools
    presumed: Bools
    weight: Floats
    stated: Bools

    def take(self, rows: Ints, shipments: Ints) -> AsOf:
        """Those of chosen shipments and of their rows."""
        return AsOf(self.find[rows], self.presumed[shipments], self.weight[shipments], self.stated[shipments])


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels of a table.

    ``find`` (n_rows, heads); ``inspected`` (n_shipments,): a result exists; ``known_s`` (n_shipments,): seconds since
    epoch at which it was known, `NEVER` without one; ``weight`` and ``stated`` (n_shipments,) as in `AsOf`.
    """

    heads: tuple[str, ...]
    find: Bools
    inspected: Bools
    known_s: Ints
    weight: Floats
    stated: Bools
    notes: tuple[str, ...] = ()

    def as_of(self, table: ManifestTable, cut_s: int) -> AsOf:
        """Labels whose result was known at ``cut_s``; a later find is not a find yet."""
        known = self.inspected & (self.known_s <= cut_s)
        find, weight = self.find & known[table.shipment][:, None], np.where(known, self.weight, 1.0)
        return AsOf(find, ~known, weight, known & self.stated)

    def shipment_find(self, table: ManifestTable) -> Bools:
        """(n_shipments, heads): whether any item of the shipment is a find."""
        return any_of_shipment(table, self.find)


def any_of_shipment(table: ManifestTable, of_row: Bools) -> Bools:
    """(n_shipments, k) from (n_rows, k): true where any row of the shipment is."""
    if table.n_rows == 0:
        return np.zeros((0, of_row.shape[1]), dtype=np.bool_)
    return np.asarray(np.logical_or.reduceat(of_row, table.first_row, axis=0))


def assumed_delay(declared_s: Ints) -> int:
    """Seconds a result is assumed to take where no time is given: two weeks, or 6 % of the data's span if that is
    less.
    """
    span = int(declared_s.max() - declared_s.min()) if len(declared_s) else 0
    return int(min(ASSUMED_DELAY_S, MOST_GAP_OF_SPAN * span))


def _code_check(codes: Mapping[str, str]) -> pa.Check:
    allowed = sorted(codes)
    return pa.Check(lambda s: s.isin(allowed), error=f"one of {', '.join(allowed)}, or blank")


def seconds_of(text: str) -> int | None:
    """Seconds since epoch of a time as manifests state it (ISO 8601, UTC unless it says otherwise), or None."""
    return normalise.time(text)[0]


def _is_probability(text: str) -> bool:
    try:
        return 0.0 < float(text) <= 1.0
    except ValueError:
        return False


_SCHEMA: Final = pa.DataFrameSchema(
    {
        "content": pa.Column(object, _code_check(CONTENTS), nullable=True),
        "content_level": pa.Column(object, _code_check(CONTENT_LEVELS), nullable=True),
        "inspection": pa.Column(object, _code_check(INSPECTIONS), nullable=True),
        "inspected_at": pa.Column(
            object,
            pa.Check(
                lambda s: s.map(lambda v: seconds_of(v) is not None).astype(bool), error="an ISO 8601 time, or blank"
            ),
            nullable=True,
        ),
        "selection_probability": pa.Column(
            object,
            pa.Check(lambda s: s.map(_is_probability).astype(bool), error="a number above 0 and at most 1, or blank"),
            nullable=True,
        ),
    }
)
_CODES: Final = ("content", "content_level", "inspection")


def _distinct(column: Coded, *, lower: bool) -> list[str]:
    return [value.strip().lower() if lower else value.strip() for value in column.values]


def check_label_columns(columns: Mapping[str, Coded], source: str, row_number: Ints) -> None:
    """Raise `BadLabels` unless every label value is one the contract knows.

    Distinct values are checked, each once; ``row_number`` (n_rows,) gives the data row to name in the message.
    """
    problems: list[str] = []
    for name in _SCHEMA.columns:
        column = columns.get(name)
        if column is None:
            continue
        texts = _distinct(column, lower=name in _CODES)
        frame = pd.DataFrame({name: pd.Series(texts, dtype=object)})
        try:
            _SCHEMA.select_columns([name]).validate(frame, lazy=True)
        except pa.errors.SchemaErrors as error:
            for case in error.failure_cases.itertuples():
                index = int(str(case.index)) if case.index is not None else 0
                row = int(row_number[int(np.argmax(column.codes == index))])
                expected = str(case.check)
                problems.append(f"row {row}, field {name}: got {column.values[index]!r}, but expected {expected}")
    if problems:
        more = f"; and {len(problems) - _LISTED_PROBLEMS} more values" if len(problems) > _LISTED_PROBLEMS else ""
        raise BadLabels(f"{source}: " + "; ".join(problems[:_LISTED_PROBLEMS]) + more)


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
    table: ManifestTable, columns: Mapping[str, Coded], source: str, row_number: Ints, *, has_times: bool
) -> Labels:
    """Labels from ``content``, ``content_level``, ``inspected_at``, ``inspection`` and ``selection_probability``.

    ``columns`` are the raw label columns, aligned with the table's rows. Raises `BadLabels`.
    """
    if "content" not in columns:
        raise BadLabels(
            f"{source}: no column `content`; label the rows with it, or name a label column of your own (--label)"
        )
    check_label_columns(columns, source, row_number)
    n = table.n_rows
    content = columns["content"]
    texts = _distinct(content, lower=True)
    heads = tuple(HEADS)
    per_value = np.array([[text in HEADS[head] for head in heads] for text in texts], dtype=np.bool_).reshape(
        -1, len(heads)
    )
    find = np.asarray(content.lookup(per_value, False), dtype=np.bool_)
    level = columns.get("content_level")
    if level is not None:
        whole = np.asarray(
            level.lookup(np.array([text == "shipment" for text in _distinct(level, lower=True)], dtype=np.bool_), False)
        )
        spread = any_of_shipment(table, find & whole[:, None])
        find = find | spread[table.shipment]
    inspected = any_of_shipment(table, (content.codes >= 0)[:, None])[:, 0]
    known_row = np.where(content.codes >= 0, _seconds_column(columns.get("inspected_at"), n), NEVER)
    known_s, notes = _known(table, known_row, inspected, has_times=has_times)
    return Labels(heads, find, inspected, known_s, *_selection(table, columns, inspected), notes)


def own_labels(
    table: ManifestTable,
    column: Coded,
    columns: Mapping[str, Coded],
    source: str,
    row_number: Ints,
    *,
    name: str,
    positive: str | None,
    has_times: bool,
) -> Labels:
    """Labels from a binary column of the office's own: one head, ``risk``.

    With ``positive`` that value (as text or as an equal number) is a find and any other is clean; without, yes and no
    are read in their usual spellings. Blank is not known. ``inspected_at`` and ``selection_probability`` are used where
    present.
    """
    texts = _distinct(column, lower=False)
    if positive is not None:
        is_find = [_same(text, positive) for text in texts]
        if not any(is_find):
            seen = ", ".join(repr(text) for text in texts[:_LISTED_PROBLEMS])
            raise BadLabels(f"{source}, field {name}: no row has the positive value {positive!r}; values seen: {seen}")
    else:
        is_find = []
        for code, text in enumerate(texts):
            if text.lower() not in _YES | _NO:
                row = int(row_number[int(np.argmax(column.codes == code))])
                raise BadLabels(
                    f"{source}: row {row}, field {name}: got {text!r}, but expected 1/0, true/false or yes/no; "
                    "or say which value is a find (--positive)"
                )
            is_find.append(text.lower() in _YES)
    check_label_columns(
        {k: v for k, v in columns.items() if k in ("inspected_at", "selection_probability")}, source, row_number
    )
    find = np.asarray(column.lookup(np.array(is_find, dtype=np.bool_), False), dtype=np.bool_)[:, None]
    inspected = any_of_shipment(table, (column.codes >= 0)[:, None])[:, 0]
    known_row = np.where(column.codes >= 0, _seconds_column(columns.get("inspected_at"), table.n_rows), NEVER)
    known_s, notes = _known(table, known_row, inspected, has_times=has_times)
    return Labels((RISK,), find, inspected, known_s, *_selection(table, columns, inspected), notes)


def _selection(table: ManifestTable, columns: Mapping[str, Coded], inspected: Bools) -> tuple[Floats, Bools]:
    """(n_shipments,) 1/selection probability of inspected shipments, capped; 1 where it is not known. And where it is."""
    probability = _number_of(columns.get("selection_probability"), table.n_rows)[table.first_row]
    known = inspected & ~np.isnan(probability)
    return np.where(known, np.minimum(1.0 / np.where(known, probability, 1.0), MOST_WEIGHT), 1.0), known


def _same(text: str, positive: str) -> bool:
    if text == positive.strip():
        return True
    try:
        return float(text) == float(positive)
    except ValueError:
        return False


def _known(table: ManifestTable, known_row: Ints, inspected: Bools, *, has_times: bool) -> tuple[Ints, tuple[str, ...]]:
    """When each shipment's result was known: the last of its items', after its declaration; assumed where not given."""
    if not has_times:
        return np.full(table.n_shipments, NEVER, dtype=np.int64), ()
    given = np.where(known_row == NEVER, np.iinfo(np.int64).min, known_row)
    last = np.maximum.reduceat(given, table.first_row) if table.n_rows else np.zeros(0, dtype=np.int64)
    without = inspected & (last == np.iinfo(np.int64).min)
    delay = assumed_delay(table.declared_s)
    known = np.where(without, table.declared_s + delay, np.maximum(last, table.declared_s + 1))
    notes: tuple[str, ...] = ()
    if without.any():
        days = delay / 86400
        notes = (
            f"{int(without.sum())} results have no inspected_at: taken as known {days:.1f} days after declared_at.",
        )
    return np.where(inspected, known, NEVER).astype(np.int64), notes
