"""Columns of a scored file: input columns under unique names, followed by the score columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from features.readers import OwnValues
from models.scoring.scores import ALL_SCORE_COLUMNS
from service.files.chunk_scorer import ScoredChunk


class OutputLayout:
    """Layout of the output: the copied input columns, their names, and the score columns.

    Attributes:
        names: names of all output columns, in order.
        replaced: input columns that are replaced by score columns of the same name, or dropped.
        notes: one sentence per renamed column.
    """

    def __init__(
        self,
        names: Sequence[str],
        score_columns: Sequence[str],
        *,
        unique_names: bool = False,
        dictionaries: bool = True,
        drop: Sequence[str] = (),
    ) -> None:
        """
        Args:
            names: input columns, in order.
            score_columns: score columns, in order.
            unique_names: whether to rename duplicate column names.
            dictionaries: whether score columns may be dictionary-encoded.
            drop: further input columns to omit.
        """
        self._dictionaries = dictionaries
        replaced = {*ALL_SCORE_COLUMNS, *drop}
        self._copied = [index for index, name in enumerate(names) if name not in replaced]
        self.replaced = tuple(dict.fromkeys(name for name in names if name in replaced))
        self.notes: list[str] = []
        written: list[str] = []
        for index in self._copied:
            name = names[index]
            number = 2
            while unique_names and name in written:
                name = f"{names[index]}_{number}"
                number += 1
            if name != names[index]:
                self.notes.append(f"A further column {names[index]!r} is written as {name!r}.")
            written.append(name)
        self.names = (*written, *score_columns)

    def copied_cells(self, cells: Sequence[str]) -> list[str]:
        """Return those cells of an input row that are copied to the output."""
        return [cells[index] for index in self._copied]

    def accepted_rows(self, scored: ScoredChunk) -> tuple[pa.Table, OwnValues | None]:
        """Return the accepted rows of a chunk with their scores, and the JSON values of the input."""
        chunk = scored.chunk
        copied = self._input_columns(scored)
        own = chunk.own
        if len(scored.rows) < chunk.n_rows:
            accepted = pa.array(scored.rows)
            copied = [column.take(accepted) for column in copied]
            rows = scored.rows.tolist()
            own = own and {name: values and [values[row] for row in rows] for name, values in own.items()}
        if own is not None and self.replaced:
            # A file that was scored before has old values of the score columns; drop these.
            own = {name: values for name, values in own.items() if name not in self.replaced}
        return pa.table([*copied, *self._scores(scored)], names=list(self.names)), own

    def all_rows(self, scored: ScoredChunk) -> pa.Table:
        """Return all rows of a chunk; the scores of refused rows are null."""
        scores = self._scores(scored)
        n_rows = scored.chunk.n_rows
        if len(scored.rows) < n_rows:
            positions = np.full(n_rows, -1, dtype=np.int64)
            positions[scored.rows] = np.arange(len(scored.rows))
            indices: Any = pa.array(positions, mask=positions < 0)
            scores = [column.take(indices) for column in scores]
        return pa.table([*self._input_columns(scored), *scores], names=list(self.names))

    def _input_columns(self, scored: ScoredChunk) -> list[Any]:
        return [scored.chunk.native.column(index) for index in self._copied]

    def _scores(self, scored: ScoredChunk) -> list[Any]:
        columns = list(scored.columns.values())
        if self._dictionaries:
            return columns
        return [column.dictionary_decode() if pa.types.is_dictionary(column.type) else column for column in columns]
