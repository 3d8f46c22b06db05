"""Training data: the simulator's or an office's file, as a table in time order with its labels."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from features.groups.own.keys import OwnFields
from features.manifest.fields import LABEL_NAMES, MANIFEST_NAMES
from features.readers import ColumnMapping, TableReader, open_table
from features.readers.further import FurtherField, further_columns, missing_note
from features.table.table import Coded, ManifestTable
from training.data.labels import Bools, Ints, Labels, any_of_shipment, manifest_labels, own_labels
from training.data.own_fields import Candidates, candidates, choose
from training.data.world_truth import TruthColumns, WorldTruth

if TYPE_CHECKING:
    from training.worlds.own import WorldChunk
    from training.worlds.own.priors import Priors

#: Manifest columns are kept and labels are read; all else in a file is none of the model's business.
_KEPT: Final = frozenset(MANIFEST_NAMES) | frozenset(LABEL_NAMES)
Progress = Callable[[int], None]


class BadData(ValueError):
    """A data file that cannot be trained on or evaluated; the message names it and says what would be right."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Accepted rows in order of (declared_at, arrival), with labels.

    ``truth`` (n_rows, heads) is what was really inside, and ``world`` who sent it how: known for simulated data only, and
    never trained on. ``own`` says what an office's own data has besides (`features.groups.own.group`).
    ``data_row`` (n_rows,) is each row's number in the source, from 1.
    """

    source: str
    digest: str
    table: ManifestTable
    labels: Labels
    truth: Bools | None
    data_row: Ints
    has_times: bool
    rows_refused: int
    notes: tuple[str, ...]
    world: WorldTruth | None = None
    own: OwnFields | None = None

    def found(self) -> Bools:
        """(n_shipments,): whether anything was ever found in it."""
        return np.asarray(self.labels.shipment_find(self.table).any(axis=1))

    def truth_of_shipment(self) -> Bools | None:
        return None if self.truth is None else any_of_shipment(self.table, self.truth)

    def span(self) -> tuple[str, str]:
        """First and last day."""
        first, last = (datetime.fromtimestamp(int(s), UTC).date().isoformat() for s in self.table.declared_s[[0, -1]])
        return first, last


class ColumnsBuilder:
    """Collects chunks of coded columns into whole ones; a column that a chunk lacks is blank there."""

    def __init__(self) -> None:
        self._codes: dict[str, list[NDArray[np.int32]]] = {}
        self._values: dict[str, dict[str, int]] = {}
        self.n_rows = 0

    def add(self, columns: Mapping[str, Coded], n_rows: int) -> None:
        for name, column in columns.items():
            known = self._values.setdefault(name, {})
            codes = self._codes.setdefault(name, [_blank(self.n_rows)] if self.n_rows else [])
            renumbered = np.array([known.setdefault(value, len(known)) for value in column.values], dtype=np.int32)
            taken = renumbered[column.codes] if len(renumbered) else _blank(n_rows)
            codes.append(np.where(column.codes < 0, np.int32(-1), taken).astype(np.int32))
        self.n_rows += n_rows
        for name, codes in self._codes.items():
            if name not in columns:
                codes.append(_blank(n_rows))

    def columns(self) -> dict[str, Coded]:
        """The whole columns, which are not kept here any longer: of a million rows their chunks take as much again."""
        return {
            name: Coded(np.concatenate(self._codes.pop(name)), list(self._values.pop(name)), True)
            for name in list(self._codes)
        }


def _blank(n: int) -> NDArray[np.int32]:
    return np.full(n, -1, dtype=np.int32)


def as_text(values: Iterable[Any]) -> list[str | None]:
    """Values of a column as a manifest would state them: text, numbers in their shortest form, None for missing."""
    if isinstance(values, np.ndarray):
        values = values.tolist()
    out: list[str | None] = []
    for value in values:
        if value is None or isinstance(value, str):
            out.append(value or None)
        elif isinstance(value, bool):
            out.append("true" if value else "false")
        elif isinstance(value, float):
            out.append(None if value != value else repr(value))
        elif isinstance(value, datetime):
            # pandas.NaT is a datetime that has no year.
            out.append(None if value != value else value.isoformat())
        else:
            out.append(str(value))
    return out


def columns_digest(columns: Mapping[str, Coded]) -> str:
    """SHA-256 over names, values and codes of columns, whatever their order."""
    digest = hashlib.sha256()
    for name in sorted(columns):
        column = columns[name]
        digest.update(f"{name}\x1f{len(column.values)}\x1f".encode())
        digest.update("\x1e".join(column.values).encode("utf-8", "surrogatepass"))
        digest.update(np.ascontiguousarray(column.codes, dtype="<i4").tobytes())
    return digest.hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file, as `sha256sum` gives it."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def simulated(
    rows: int,
    seed: int,
    *,
    priors: Priors | None = None,
    watch: Callable[[WorldChunk], None] | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """``rows`` goods items of the simulated world of this seed, with an office's labels and the truth.

    ``priors`` replace those of `training.worlds.own`; ``watch`` is shown each chunk of the world.
    """
    from training.worlds.own import generate

    builder, truth = ColumnsBuilder(), TruthColumns()
    for chunk in generate(rows=rows, seed=seed, priors=priors):
        office = {name: Coded.from_list(as_text(values)) for name, values in chunk.office.items() if name in _KEPT}
        truth.add(chunk.truth)
        if watch is not None:
            watch(chunk)
        builder.add(office, truth.n_rows - builder.n_rows)
        if progress is not None:
            progress(builder.n_rows)
    columns = builder.columns()
    source = f"simulated: {rows} goods items, seed {seed}" + ("" if priors is None else ", other priors")
    return build(columns, builder.n_rows, source, columns_digest(columns), world=truth)


def from_file(
    path: Path,
    *,
    mapping: ColumnMapping | None = None,
    label: str | None = None,
    positive: str | None = None,
    in_order: bool = True,
    fields: tuple[FurtherField, ...] | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """A labelled file. ``label`` names a binary column of its own; else its ``content`` column is read.

    ``in_order=False`` keeps the rows as they stand in the file (for scoring as `tidewaiter score` would). ``fields`` are
    the further fields that a model asks for; without them they are chosen (`training.data.own_fields`), where the file has a
    label of its own or the mapping names some.
    Raises `BadData`, `training.data.labels.BadLabels`, and what the reader raises for a file that is no table.
    """
    builder = ColumnsBuilder()
    rejected = 0
    with open_table(path, mapping=mapping) as reader:
        wanted = _candidates(reader, mapping, label, path) if fields is None else None
        taken = fields if wanted is None else wanted.fields
        for chunk in reader:
            columns = manifest_columns(chunk.columns, reader.recognised, label)
            if label is not None:
                if label not in chunk.raw.column_names:
                    raise BadData(f"{path}: no column {label!r}; the columns are {', '.join(chunk.raw.column_names)}")
                columns[_own(label)] = Coded.from_arrow(chunk.raw.column(label))
            columns |= {_further(name): column for name, column in further_columns(chunk.native, taken or ()).items()}
            builder.add(columns, chunk.n_rows)
            rejected += len(chunk.rejected)
            if progress is not None:
                progress(builder.n_rows)
    if builder.n_rows == 0:
        raise BadData(f"{path}: no rows; a header line and at least one goods item are expected")
    data = build(
        builder.columns(), builder.n_rows, str(path), file_digest(path), label=label, positive=positive,
        decimal=reader.decimal, in_order=in_order, rejected=rejected, further=wanted,
    )  # fmt: skip
    lacking = missing_note(fields or (), reader.names)
    return replace(data, notes=(*data.notes, lacking)) if lacking else data


def _candidates(reader: TableReader, mapping: ColumnMapping | None, label: str | None, path: Path) -> Candidates | None:
    """Columns of the file that may become further fields; None where its label is the manifest's and none are named."""
    if label is None and (mapping is None or not mapping.further):
        return None
    try:
        return candidates(reader.recognised, mapping, label)
    except ValueError as error:
        raise BadData(f"{path}: {error}") from error


def _further(name: str) -> str:
    return f"further:{name}"


def _own(label: str) -> str:
    # Kept apart from manifest names: a column of the office's own may be called anything.
    return f"label:{label}"


def manifest_columns(
    columns: Mapping[str, Coded], recognised: Mapping[str, str | None], label: str | None
) -> dict[str, Coded]:
    """Manifest and label columns of a chunk, without the field that the office's own label column was recognised as.

    A label must not come back as evidence.
    """
    hidden = recognised.get(label) if label is not None else None
    return {name: column for name, column in columns.items() if name in _KEPT and name != hidden}


def build(
    columns: Mapping[str, Coded],
    n_rows: int,
    source: str,
    digest: str,
    *,
    world: TruthColumns | None = None,
    label: str | None = None,
    positive: str | None = None,
    decimal: str | None = None,
    in_order: bool = True,
    rejected: int = 0,
    further: Candidates | None = None,
) -> Dataset:
    """A dataset from raw coded columns: refused rows left out, shipments in time order, labels checked and read.

    ``further`` are columns, named by `_further`, of which the further fields are chosen.
    """
    manifest = {name: column for name, column in columns.items() if name in MANIFEST_NAMES}
    rest = {name: column for name, column in columns.items() if name not in MANIFEST_NAMES}
    beyond = {name.removeprefix(_further("")): column for name, column in rest.items() if name.startswith(_further(""))}
    table = ManifestTable.from_columns(manifest, n_rows, decimal=decimal, further=beyond)
    row = np.arange(1, n_rows + 1, dtype=np.int64)
    if table.refused.all():
        first = "; ".join(f"{p.field}: {p.problem}" for p in next(iter(table.refusals().values()), []))
        raise BadData(
            f"{source}: none of its {n_rows} rows can be read ({first}); name its columns in a mapping file (--mapping)"
        )
    keep = ~table.refused
    declared = manifest.get("declared_at")
    has_times = declared is not None and bool((table.seconds("declared_at")[keep] > np.iinfo(np.int64).min).any())
    table = table.accepted()
    row = row[keep]
    if in_order and np.any(np.diff(table.declared_s) < 0):
        order = rows_of(table, np.argsort(table.declared_s, kind="stable"))
        raw, beyond = (
            {name: column.take(order) for name, column in columns.items()}
            for columns in (table.raw, {name: table.further(name) for name in beyond})
        )
        table = ManifestTable.from_columns(raw, len(order), decimal=decimal, further=beyond)
        row = row[order]
    labelled = {name: column.take(row - 1) for name, column in rest.items()}
    if label is not None:
        own = labelled[_own(label)]
        labels = own_labels(table, own, labelled, source, row, name=label, positive=positive, has_times=has_times)
    else:
        labels = manifest_labels(table, labelled, source, row, has_times=has_times)
    notes = list(labels.notes)
    refused = int(n_rows - keep.sum())
    if refused or rejected:
        notes.append(f"{refused + rejected} rows could not be read and were left out.")
    own_fields: OwnFields | None = None
    if further is not None:
        own_fields, about = choose(table, further, labels)
        notes += about
    inside = None if world is None else world.of(row - 1, table.first_row)
    truth = None if inside is None else inside.heads()
    return Dataset(
        source, digest, table, labels, truth, row, has_times, refused + rejected, tuple(notes), inside, own_fields
    )


def rows_of(table: ManifestTable, shipments: Ints) -> Ints:
    """Row indices of the given shipments, shipment by shipment."""
    first = table.first_row[shipments]
    ends = np.concatenate((table.first_row[1:], [table.n_rows]))[shipments]
    counts = ends - first
    offsets = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.asarray(np.repeat(first, counts) + offsets, dtype=np.int64)
