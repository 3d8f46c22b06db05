"""Report of `tidewaiter validate`, which shows how scoring would read a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from features.manifest.fields import FIELD, LABEL_NAMES, MANIFEST_NAMES
from features.readers import Chunk, ColumnMapping, TableReader, open_table
from features.table.table import ManifestTable
from service.files.options import Progress

#: Number of examples per field, and of refused rows, in the report.
_EXAMPLES: Final = 3
_SHOWN_REFUSALS: Final = 5
#: Fields whose absence the report mentions, because most features need them.
_EXPECTED: Final = (
    "shipment_id", "declared_at", "goods_description", "hs_code", "export_country", "origin_country", "consignor_name",
    "consignor_country", "consignee_name", "consignee_country", "gross_mass_kg", "customs_value", "currency",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class BadValue:
    """Value with a warning. ``line`` is its physical line, or in Parquet its row number."""

    line: int
    value: str
    problem: str


@dataclass(slots=True)
class FieldReport:
    """Recognised field.

    Attributes:
        source: input column or columns, or the mapping's constant.
        how: ``name``, ``alias`` (a guess), ``mapping`` or ``constant``.
        filled: number of rows with a value.
        warned: number of rows with a warning about the field.
        examples: examples of values with a warning.
    """

    name: str
    source: str
    how: str
    filled: int = 0
    warned: int = 0
    examples: list[BadValue] = field(default_factory=list)


@dataclass(slots=True)
class ValidationReport:
    """Recognised, guessed, missing and lost columns of a file, and counts. ``rows`` includes the ``refused`` rows."""

    name: str
    format: str
    encoding: str | None
    delimiter: str | None
    decimal: str | None
    fields: list[FieldReport]
    lost: list[str]
    notes: list[str]
    rows: int = 0
    shipments: int = 0
    refused: int = 0
    warned: int = 0
    refusals: list[tuple[int, str]] = field(default_factory=list)

    @property
    def guessed(self) -> dict[str, str]:
        """Field -> input column, for columns that were recognised by an alias."""
        return {one.name: one.source for one in self.fields if one.how == "alias"}

    @property
    def missing(self) -> list[str]:
        """Manifest fields that no column provides."""
        recognised = {one.name for one in self.fields}
        return [name for name in MANIFEST_NAMES if name not in recognised]

    def to_json(self) -> dict[str, object]:
        """Return the report as plain JSON values."""
        return {
            "file": self.name,
            "format": self.format,
            "encoding": self.encoding,
            "delimiter": self.delimiter,
            "decimal": self.decimal or ".",
            "rows": self.rows,
            "shipments": self.shipments,
            "refused": self.refused,
            "warned": self.warned,
            "fields": [
                {
                    "name": one.name,
                    "source": one.source,
                    "how": one.how,
                    "filled": one.filled,
                    "warned": one.warned,
                    "examples": [{"line": e.line, "value": e.value, "problem": e.problem} for e in one.examples],
                }
                for one in self.fields
            ],
            "missing": self.missing,
            "lost": self.lost,
            "notes": self.notes,
            "refusals": [{"line": line, "reason": reason} for line, reason in self.refusals],
        }

    def print(self, console: Console) -> None:
        """Print the report within 80 columns."""
        console.print(self.renderable())

    def renderable(self) -> Group:
        """Return the report for a Rich console."""
        delimiter = {"\t": "tab", None: "-"}.get(self.delimiter, f"'{self.delimiter}'")
        unit = "row" if self.format == "parquet" else "line"
        lines: list[Text | Table] = [
            Text(self.name, style="bold"),
            Text(
                f"{self.format}, encoding {self.encoding or '-'}, delimiter {delimiter}, "
                f"decimal '{self.decimal or '.'}'\n"
                f"{self.rows:,} rows, {self.shipments:,} shipments, {self.warned:,} rows with warnings, "
                f"{self.refused:,} rows refused"
            ),
            self._table(),
        ]
        examples = [(one.name, example) for one in self.fields for example in one.examples]
        if examples:
            lines.append(Text("\nExamples of warnings", style="bold"))
            lines += [Text(f"{unit} {e.line}: {name}: {e.problem}") for name, e in examples]
        if self.refusals:
            lines.append(Text("\nRefused", style="bold"))
            lines += [Text(f"{unit} {line}: {reason}") for line, reason in self.refusals]
            if self.refused > len(self.refusals):
                lines.append(Text(f"... and {self.refused - len(self.refusals):,} more"))
        if self.lost:
            lines.append(Text("\nLost (columns that belong to no field)", style="bold"))
            lines.append(Text(", ".join(self.lost)))
        absent = [name for name in self.missing if name in _EXPECTED]
        if absent:
            lines.append(Text("\nMissing (fields that most scores depend on)", style="bold"))
            lines.append(Text(", ".join(absent)))
        if self.notes:
            lines.append(Text("\nNotes", style="bold"))
            lines += [Text(note) for note in self.notes]
        return Group(*lines)

    def _table(self) -> Table:
        table = Table(box=box.SIMPLE, pad_edge=False)
        table.add_column("field", overflow="fold", max_width=27)
        table.add_column("from", overflow="fold", max_width=24)
        table.add_column("how", no_wrap=True)
        table.add_column("filled", justify="right", no_wrap=True)
        table.add_column("warned", justify="right", no_wrap=True)
        read = self.rows - self.refused
        for one in self.fields:
            guessed = "yellow" if one.how == "alias" else ""
            table.add_row(
                one.name,
                Text(one.source),
                Text("guessed" if one.how == "alias" else one.how, style=guessed),
                _share(one.filled, read),
                Text(_share(one.warned, read), style="yellow" if one.warned else ""),
            )
        return table


def _share(count: int, total: int) -> str:
    if not count or not total:
        return "0 %"
    share = 100 * count / total
    return f"{share:.1f} %" if 0.1 <= share <= 99.9 or count == total else ("<0.1 %" if share < 0.1 else ">99.9 %")


def validate_file(
    path: str | os.PathLike[str],
    mapping: ColumnMapping | None = None,
    *,
    progress: Progress | None = None,
) -> ValidationReport:
    """Read a file as `tidewaiter score` does, but without a model, and report how it was read.

    Raises:
        Unreadable: the file as a whole cannot be read.
        MappingError: the mapping does not fit the file.
    """
    with open_table(path, mapping=mapping) as reader:
        report = ValidationReport(
            name=reader.name,
            format=reader.format,
            encoding=reader.encoding,
            delimiter=reader.delimiter,
            decimal=reader.decimal,
            fields=_fields(reader, mapping),
            lost=[name for name, fields in reader.recognised.items() if fields is None],
            notes=[],
        )
        previous_time: int | None = None
        for chunk in reader:
            previous_time = _add(report, chunk, reader.decimal, previous_time)
            if progress is not None:
                progress(reader.bytes_read, reader.approx_bytes, report.rows)
        report.encoding = reader.encoding
        report.notes += reader.notes
    return report


def _fields(reader: TableReader, mapping: ColumnMapping | None) -> list[FieldReport]:
    """Return the recognised fields in the order of the manifest."""
    sources: dict[str, list[str]] = {}
    for column, names in reader.recognised.items():
        for name in (names or "").split(", "):
            sources.setdefault(name, []).append(column)
    mapped = set(mapping.mapped_fields) if mapping else set()
    fields = []
    for name in FIELD:
        if name in reader.constants:
            fields.append(FieldReport(name, f"= {reader.constants[name]}", "constant"))
        elif name in sources:
            how = "alias" if name in reader.guessed else "mapping" if name in mapped else "name"
            fields.append(FieldReport(name, " + ".join(sources[name]), how))
    return fields


def _add(report: ValidationReport, chunk: Chunk, decimal: str | None, previous_time: int | None) -> int | None:
    """Add a chunk to the report. Return the time of its last row, which the next chunk needs."""
    report.rows += chunk.n_rows + len(chunk.rejected)
    report.refused += len(chunk.rejected)
    refusals = [(reject.line, reject.reason) for reject in chunk.rejected]
    warned = np.zeros(chunk.n_rows, dtype=bool)
    warned[[note.position for note in chunk.notes]] = True
    if chunk.n_rows:
        table = ManifestTable.from_columns(chunk.columns, chunk.n_rows, decimal=decimal, previous_time=previous_time)
        previous_time = int(table.declared_s[-1])
        report.refused += int(table.refused.sum())
        refusals += [
            (int(chunk.lines[row]), "; ".join(map(str, problems))) for row, problems in table.refusals().items()
        ]
        report.shipments += table.accepted().n_shipments
        for one in report.fields:
            one.filled += int(((chunk.columns[one.name].codes >= 0) & ~table.refused).sum())
        rows = [row for row in table.warned_rows().tolist() if not table.refused[row]]
        warned[rows] = True
        _add_warnings(report.fields, chunk, table, rows)
    report.warned += int(warned.sum())
    room = _SHOWN_REFUSALS - len(report.refusals)
    report.refusals += sorted(refusals)[:room]
    report.notes += [f"Line {note.line}: {note.text}." for note in chunk.notes[: max(0, _EXAMPLES - len(report.notes))]]
    return previous_time


def _add_warnings(fields: Sequence[FieldReport], chunk: Chunk, table: ManifestTable, rows: Sequence[int]) -> None:
    """Count the rows with a warning per field, and collect examples with different problems."""
    by_name = {one.name: one for one in fields}
    for row in rows:
        counted: set[str] = set()
        for problem in table.warnings_of_row(row):
            if problem.field not in by_name or problem.field in LABEL_NAMES:
                continue
            one = by_name[problem.field]
            one.warned += problem.field not in counted
            counted.add(problem.field)
            shown = {example.problem for example in one.examples}
            if len(one.examples) < _EXAMPLES and problem.problem not in shown:
                column = chunk.columns[one.name]
                code = int(column.codes[row])
                value = column.values[code] if code >= 0 else ""
                one.examples.append(BadValue(int(chunk.lines[row]), value, problem.problem))
