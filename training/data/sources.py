"""Sources of training data: the simulator, an office's labelled file, and the truth file of a simulated one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from features.groups.own.keys import OwnFields
from features.manifest.fields import LABEL_NAMES, MANIFEST_NAMES
from features.readers import ColumnMapping, TableReader, open_table
from features.readers.chunk import Chunk
from features.readers.headers import FurtherField, further_columns, missing_note
from features.table.table import Coded, ManifestTable
from training.arrays import Bools, Ints
from training.data.dataset import (
    BadData,
    ColumnsBuilder,
    Dataset,
    as_text,
    columns_digest,
    file_digest,
    left_out_note,
    rows_of,
)
from training.data.labels import LabelColumns, Labels, OwnLabel, manifest_labels, own_labels
from training.data.own_fields import FieldCandidates, choose_fields, find_candidates, unread_columns
from training.data.world_truth import TruthColumns, WorldTruth
from training.progress import RowProgress
from training.worlds.own import generate
from training.worlds.own.priors import Priors

#: Manifest and label columns. The model uses no other column of a file by default.
_USED_NAMES: Final = frozenset(MANIFEST_NAMES) | frozenset(LABEL_NAMES)
#: Prefixes that keep an office's own columns distinct from manifest columns of the same name.
_FURTHER: Final = "further:"
_LABEL: Final = "label:"
#: Number of values that an error shows of each of several columns.
_VALUES_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class RawData:
    """Coded columns of a source with ``n_rows`` rows, including rows that will be refused.

    Names of further fields start with ``further:``; the name of an office's own label column starts with ``label:``.
    ``lines`` (n_rows,) contains the line of each row (in Parquet, its number), and ``rejected`` the lines and reasons of the rows
    that the reader rejected. ``recognised`` maps input columns to the manifest fields that they fill.
    """

    columns: Mapping[str, Coded]
    n_rows: int
    source: str
    digest: str
    decimal: str | None = None
    lines: Ints | None = None
    rejected: tuple[tuple[int, str], ...] = ()
    recognised: Mapping[str, str | None] = field(default_factory=dict)
    truth: TruthColumns | None = None
    candidates: FieldCandidates | None = None


def simulated(
    rows: int,
    seed: int,
    *,
    draws: int = 1,
    drawn_by: int | None = None,
    priors: Priors | None = None,
    progress: RowProgress | None = None,
) -> Dataset:
    """Simulate ``rows`` goods items with an office's labels and the ground truth.

    The rows are those of ``draws`` worlds, whose priors are drawn by the seed ``drawn_by`` (see `training.worlds.own.generate`).
    ``priors`` replace those of `training.worlds.own`.
    """
    builder, truth = ColumnsBuilder(), TruthColumns()
    for chunk in generate(rows=rows, seed=seed, draws=draws, drawn_by=drawn_by, priors=priors):
        office = {
            name: Coded.from_list(as_text(values)) for name, values in chunk.office.items() if name in _USED_NAMES
        }
        truth.add(chunk.truth)
        builder.add(office, truth.n_rows - builder.n_rows)
        if progress is not None:
            progress(builder.n_rows)
    columns = builder.columns()
    source = f"simulated: {rows} goods items, seed {seed}"
    source += ("" if draws == 1 else f", {draws} draws of the priors") + ("" if priors is None else ", other priors")
    return build(RawData(columns, builder.n_rows, source, columns_digest(columns), truth=truth))


def from_file(
    path: Path,
    *,
    mapping: ColumnMapping | None = None,
    label: str | None = None,
    positive: str | None = None,
    in_order: bool = True,
    fields: tuple[FurtherField, ...] | None = None,
    delay_s: int | None = None,
    progress: RowProgress | None = None,
) -> Dataset:
    """Read a labelled file.

    Args:
        path: The file.
        mapping: Mapping that renames and converts columns.
        label: The office's own binary label column; by default the column ``content`` contains the labels.
        positive: The value of ``label`` that marks a find.
        in_order: Whether to sort the rows by time. False keeps the order of the file, as `tidewaiter score` does.
        fields: The further fields of a model. By default `training.data.own_fields` chooses them if the file has its own label
            column or the mapping names further fields.
        delay_s: Seconds from declaration to result for results without a time; by default assumed.
        progress: Called with the number of rows read so far.

    A column that is mapped to a manifest field, but contains no valid value for it, becomes a candidate for a further field. A note
    reports this.

    Raises:
        BadData: The file has no rows or lacks a column.
        BadLabels: Its labels cannot be used.
    """
    own = OwnLabel(label, positive) if label is not None else None
    raw, names = _read(path, mapping, label, fields, (), progress)
    data = build(raw, own, in_order=in_order, delay_s=delay_s)
    unread = unread_columns(data.table, raw.recognised) if fields is None else []
    if unread and raw.candidates is not None:
        again, names = _read(path, mapping, label, None, tuple(column.name for column in unread), progress)
        data = build(again, own, in_order=in_order, delay_s=delay_s)
    use = "Its values are read as text." if raw.candidates is not None else "It is not used."
    notes = [column.note(use) for column in unread]
    missing = missing_note(fields or (), names)
    return replace(data, notes=(*notes, *data.notes, *([missing] if missing else [])))


def _read(
    path: Path,
    mapping: ColumnMapping | None,
    label: str | None,
    fields: tuple[FurtherField, ...] | None,
    unread: tuple[str, ...],
    progress: RowProgress | None,
) -> tuple[RawData, Sequence[str]]:
    """Read a file. Return its data and the names of all columns. See `from_file`.

    ``unread`` names columns that are recognised as manifest fields but are also candidates for further fields.
    """
    builder = ColumnsBuilder()
    lines: list[Ints] = []
    rejected: list[tuple[int, str]] = []
    with open_table(path, mapping=mapping) as reader:
        candidates = _candidates(reader, mapping, label, path) if fields is None else None
        if candidates is not None:
            candidates = replace(candidates, columns=(*candidates.columns, *unread))
        wanted = fields if candidates is None else candidates.fields
        for chunk in reader:
            columns = manifest_columns(chunk.columns, reader.recognised, label)
            if label is not None:
                columns[f"{_LABEL}{label}"] = _label_column(chunk, label, path)
            further = further_columns(chunk.native, wanted or ())
            columns |= {f"{_FURTHER}{name}": column for name, column in further.items()}
            builder.add(columns, chunk.n_rows)
            lines.append(chunk.lines)
            rejected += [(reject.line, reject.reason) for reject in chunk.rejected]
            if progress is not None:
                progress(builder.n_rows)
    if builder.n_rows == 0:
        raise BadData(f"{path}: no rows; a header line and at least one goods item are expected")
    raw = RawData(
        builder.columns(),
        builder.n_rows,
        str(path),
        file_digest(path),
        decimal=reader.decimal,
        lines=np.concatenate(lines),
        rejected=tuple(rejected),
        recognised=reader.recognised,
        candidates=candidates,
    )
    return raw, reader.names


def _label_column(chunk: Chunk, label: str, path: Path) -> Coded:
    """Return the label column of a chunk.

    Raises:
        BadData: The file has no column of this name, or several.
    """
    names = chunk.raw.column_names
    at = [place for place, name in enumerate(names) if name == label]
    if not at:
        raise BadData(f"{path}: no column {label!r}; the columns are {', '.join(names)}")
    columns = [Coded.from_arrow(chunk.raw.column(place)) for place in at]
    if len(at) > 1:
        seen = (
            f"column {place + 1} ({', '.join(map(repr, column.values[:_VALUES_SHOWN])) or 'blank'})"
            for place, column in zip(at, columns, strict=True)
        )
        raise BadData(
            f"{path}: {len(at)} columns are named {label!r}: {'; '.join(seen)}. "
            "The label must be one column: rename or remove the others."
        )
    return columns[0]


def _candidates(
    reader: TableReader, mapping: ColumnMapping | None, label: str | None, path: Path
) -> FieldCandidates | None:
    """Return the columns that may become further fields.

    The result is None if the labels are the manifest's and the mapping names no further fields.
    """
    if label is None and (mapping is None or not mapping.further):
        return None
    try:
        return find_candidates(reader.recognised, mapping, label)
    except ValueError as error:
        raise BadData(f"{path}: {error}") from error


def manifest_columns(
    columns: Mapping[str, Coded], recognised: Mapping[str, str | None], label: str | None
) -> dict[str, Coded]:
    """Return the manifest and label columns of a chunk.

    If the office's own ``label`` column was recognised as a manifest field, that field is left out, so that the label cannot
    become a feature.
    """
    hidden = recognised.get(label) if label is not None else None
    return {name: column for name, column in columns.items() if name in _USED_NAMES and name != hidden}


def build(raw: RawData, label: OwnLabel | None = None, *, in_order: bool = True, delay_s: int | None = None) -> Dataset:
    """Build a data set: drop refused rows, sort shipments by time if ``in_order``, check and read the labels.

    ``label`` is the office's own label column; by default the manifest's label columns are used. ``delay_s`` is as for `from_file`.

    Raises:
        BadData: No row can be read.
        BadLabels: The labels cannot be used.
    """
    others = {name: column for name, column in raw.columns.items() if name not in MANIFEST_NAMES}
    table, row, has_times, refused = _accepted_table(raw, others)
    if in_order and np.any(np.diff(table.declared_s) < 0):
        table, row = _sorted_by_time(table, row, raw, others)
    columns = LabelColumns({name: column.take(row - 1) for name, column in others.items()}, raw.source, row)
    labels = _labels(table, columns, label, has_times, delay_s)
    notes = list(labels.notes)
    left_out = left_out_note(refused, raw.n_rows + len(raw.rejected))
    if left_out is not None:
        notes.append(left_out)
    own_fields: OwnFields | None = None
    if raw.candidates is not None:
        own_fields, field_notes = choose_fields(table, raw.candidates, labels)
        notes += field_notes
    world = None if raw.truth is None else raw.truth.of(row - 1, table.first_row)
    truth: Bools | None = None if world is None else world.heads()
    return Dataset(
        raw.source, raw.digest, table, labels, truth, row, has_times, len(refused), tuple(notes), world, own_fields
    )


def _accepted_table(
    raw: RawData, others: Mapping[str, Coded]
) -> tuple[ManifestTable, Ints, bool, list[tuple[int, str]]]:
    """Return the accepted rows, their numbers from 1, whether any row has a time, and line and reason of the other rows."""
    manifest = {name: column for name, column in raw.columns.items() if name in MANIFEST_NAMES}
    table = ManifestTable.from_columns(manifest, raw.n_rows, decimal=raw.decimal, further=_further(others))
    accepted = ~table.refused
    if not accepted.any():
        first = "; ".join(f"{p.field}: {p.problem}" for p in next(iter(table.refusals().values()), []))
        raise BadData(
            f"{raw.source}: none of its {raw.n_rows} rows can be read ({first}); "
            "name its columns in a mapping file (--mapping)"
        )
    has_times = "declared_at" in manifest and bool(
        (table.seconds("declared_at")[accepted] > np.iinfo(np.int64).min).any()
    )
    line = np.arange(1, raw.n_rows + 1) if raw.lines is None else raw.lines
    refused = [(int(line[at]), "; ".join(map(str, problems))) for at, problems in table.refusals().items()]
    return table.accepted(), np.flatnonzero(accepted) + 1, has_times, [*raw.rejected, *refused]


def _sorted_by_time(
    table: ManifestTable, row: Ints, raw: RawData, others: Mapping[str, Coded]
) -> tuple[ManifestTable, Ints]:
    """Return the table and its row numbers with the shipments sorted by time."""
    order = rows_of(table, np.argsort(table.declared_s, kind="stable"))
    manifest = {name: column.take(order) for name, column in table.raw.items()}
    further = {name: table.further(name).take(order) for name in _further(others)}
    return ManifestTable.from_columns(manifest, len(order), decimal=raw.decimal, further=further), row[order]


def _labels(
    table: ManifestTable, columns: LabelColumns, label: OwnLabel | None, has_times: bool, delay_s: int | None
) -> Labels:
    if label is None:
        return manifest_labels(table, columns, has_times=has_times, delay_s=delay_s)
    column = columns.by_name[f"{_LABEL}{label.name}"]
    return own_labels(table, columns, column, label, has_times=has_times, delay_s=delay_s)


def _further(others: Mapping[str, Coded]) -> dict[str, Coded]:
    """Return the columns of further fields. Their names have no prefix."""
    return {name.removeprefix(_FURTHER): column for name, column in others.items() if name.startswith(_FURTHER)}


_KEYS: Final = ("shipment_id", "item_number")
_NEEDED: Final = (*_KEYS, "content", "network_id", "typologies", "strength", "violation")
_COLUMNS_READ: Final = (*_NEEDED, "reaction")


def read_truth(path: Path, table: ManifestTable) -> WorldTruth:
    """Read the truth of a table's rows. The file may contain further rows, in any order.

    Raises:
        BadData: The file is not a truth file, lacks a column or an item, or contains an item twice.
    """
    collected = TruthColumns()
    keys: list[tuple[str, str]] = []
    for columns in _truth_chunks(path):
        keys.extend(zip(columns["shipment_id"], columns["item_number"], strict=True))
        try:
            collected.add(columns)
        except ValueError as error:
            raise BadData(f"{path}: {error}") from None
    try:
        return collected.of(_truth_rows(path, keys, table), table.first_row)
    except ValueError as error:
        raise BadData(f"{path}: {error}") from None


def _truth_rows(path: Path, keys: list[tuple[str, str]], table: ManifestTable) -> Ints:
    row_of = {key: row for row, key in enumerate(keys)}
    if len(row_of) < len(keys):
        twice = next(key for row, key in enumerate(keys) if row_of[key] != row)
        raise BadData(f"{path}: item {twice[1]!r} of shipment {twice[0]!r} is listed twice")
    ids, numbers = (
        table.raw[name].to_list() if name in table.raw else [None] * table.n_rows for name in _KEYS
    )  # fmt: skip
    try:
        return np.array([row_of[(i or "", n or "")] for i, n in zip(ids, numbers, strict=True)], dtype=np.int64)
    except KeyError as error:
        shipment, number = error.args[0]
        raise BadData(f"{path}: no item {number!r} of shipment {shipment!r}, which is in the data") from None


def _truth_chunks(path: Path) -> Iterator[dict[str, list[str]]]:
    batches: Iterator[pa.RecordBatch]
    if path.suffix.lower() in (".parquet", ".pq"):
        batches = pq.ParquetFile(path).iter_batches()
    else:
        texts = pa.csv.ConvertOptions(
            column_types={name: pa.string() for name in _COLUMNS_READ}, strings_can_be_null=False
        )
        try:
            batches = iter(pa.csv.open_csv(path, convert_options=texts))
        except pa.ArrowInvalid as error:
            raise BadData(f"{path}: cannot be read as a table: {error}") from None
    for batch in batches:
        names = batch.schema.names
        lacking = [name for name in _NEEDED if name not in names]
        if lacking:
            raise BadData(f"{path}: no column {lacking[0]!r}; expected a file of `tidewaiter generate --truth`")
        yield {name: _texts(batch.column(name)) for name in _COLUMNS_READ if name in names}


def _texts(column: Any) -> list[str]:
    return [value or "" for value in column.cast(pa.string()).to_pylist()]
