"""The store of the service as training data, for `tidewaiter train --from-store`.

Each shipment counts once, as first declared, with its result as known before a day. It has the history features of the moment of
its decision. Those of the service are replayed in the order of its log, with the results that it had learned, and so equal those
that it scored with. Stored files have no place in that log. They are replayed in order of time, as with `train --data`, and a
result counts from the day after it was known.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from sqlalchemy import select

from features.groups.history.columns import WIDTH
from features.groups.history.history import History
from features.manifest.fields import ITEM_NAMES
from features.manifest.records import HEAD_NAMES, Record, encode_records
from features.table.table import Coded
from service.core.database.times import iso_time, microseconds_of, now_us
from service.history import log
from service.history.learning import DAY
from service.history.log import Entry, Page
from service.history.replay import PAGE, advance, records_of
from service.scoring.decision import SCORER_DIGITS
from service.scoring.tables import Decision, versions_of
from service.training.known import DELAY_QUANTILE, FILES, NO_RESULT, RESULTS, Cut, Decided, Results, decisions, results
from training.adapting.scoring import Replayed
from training.adapting.traffic import LEAST_SHIPMENTS
from training.data.dataset import BadData, ColumnsBuilder, Dataset, columns_digest, rows_of
from training.data.sources import RawData, build
from training.data.windows import NEVER
from training.stages import LoadedData

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from numpy.typing import NDArray
    from sqlalchemy import Connection

    from models.bundle import ModelStore
    from service.core.database.engine import Database
    from service.history.key import Sealer
    from training.arrays import Bools, Floats, Ints
    from training.progress import Progress, StageLog

_DAY_S: Final = 86_400
#: Why decisions are left out, in words.
_CAUSES: Final = {
    "what_if": "what-if",
    "erased": "with an erased manifest",
    "without_a_time": "far from the present",
    "counted_later": "counted on that day",
    "repeated": "on a shipment that was decided before",
    "unreadable": "with a manifest that cannot be read",
}


def source_of(known_at: datetime | None, delay_s: int | None) -> Callable[[StageLog], LoadedData]:
    """Return a function that reads the store of the settings.

    Args:
        known_at: day before which the results were known; by default tomorrow, so that all that is known today counts.
        delay_s: label delay in seconds; None to estimate it.

    Raises:
        WrongUse: the day lies in the future.
    """
    from service.core.commands import WrongUse, environment, open_database
    from service.history.key import Sealer, secret_of

    tomorrow = (now_us() // DAY + 1) * DAY
    cut = Cut(tomorrow if known_at is None else microseconds_of(known_at.replace(tzinfo=UTC)), delay_s)
    if cut.known_at > tomorrow:
        raise WrongUse(f"--known-at: {cut.day} lies in the future.")
    settings = environment()
    sealer = Sealer(secret_of(settings))

    def read(log: StageLog) -> LoadedData:
        with log.stage("Data") as progress, open_database(existing=True) as database:
            return load(database, sealer, settings.store(), cut, progress)

    return read


def load(database: Database, sealer: Sealer, models: ModelStore, cut: Cut, progress: Progress) -> LoadedData:
    """Read the store.

    Args:
        sealer: opens what the service kept of shipments that it could not store.
        models: bundles of the service, which may have the history with which it began.

    Raises:
        BadData: the store has too few shipments, or no outcome of one of them.
    """
    with database.snapshot() as connection:
        decided = decisions(connection, cut)
        found = results(connection, decided, cut)
        began = _beginning(connection, models, decided.in_log)
    if len(decided.position) < LEAST_SHIPMENTS:
        raise BadData(
            f"the store: {len(decided.position):,} shipments with a manifest were received before {cut.day}; --from-store adapts "
            f"to the traffic, which needs at least {LEAST_SHIPMENTS:,}"
        )
    if not (found.content != NO_RESULT).any():
        raise BadData(
            f"the store: no outcome of its shipments was recorded before {cut.day}; record inspections first, for example with "
            "`tidewaiter outcomes import`"
        )
    manifests = _Manifests(decided)
    if True in began:
        pages = log.pages(
            database, sealer, after=-1, since=None, size=PAGE, until=cut.known_at - 1, stored=decided.last
        )
        _replay_log(began[True].history, pages, manifests, progress)
    for entries in _file_pages(database, decided, cut):
        places, records, _ = records_of(entries)
        manifests.add([entries[place].position or 0 for place in places], records)
        progress(f"{manifests.rows:,} goods items")
    number, columns = manifests.number(), manifests.builder.columns()
    columns |= _label_columns(decided, found, number)
    digest = hashlib.sha256(columns_digest(columns).encode())
    for part in (manifests.values, found.immature):
        digest.update(np.ascontiguousarray(part).tobytes())
    raw = RawData(columns, len(number), f"store, known before {cut.day}", digest.hexdigest())
    data = build(raw, delay_s=0)
    # The decision of each shipment of the data, which is in order of time.
    of = number[data.data_row[data.table.first_row] - 1]
    labels = replace(data.labels, weight=np.where(found.immature[of], 0.0, data.labels.weight))
    lineage = _lineage(decided, found, of, cut)
    data = replace(data, labels=labels, notes=(*_notes(lineage, cut), *data.notes))
    progress(f"{data.table.n_shipments:,} shipments, {int(data.shipment_has_find().sum()):,} with a find")
    lineage["history_began_with"] = {("files", "service")[one]: began[one].model for one in began if began[one].model}
    replayed = _replayed(data, decided, of, manifests.values[of], began)
    return LoadedData(data, replayed=replayed, lineage=lineage | {"sha256": raw.digest})


@dataclass(frozen=True, slots=True)
class Began:
    """History with which decisions began, and the digest of the model that had it; None for an empty history."""

    history: History
    model: str | None


class _Manifests:
    """Goods items of the decisions to learn from.

    Attributes:
        values: (n, H) history features of each decision.
        rows: number of goods items so far.
    """

    def __init__(self, decided: Decided) -> None:
        self.builder = ColumnsBuilder()
        self.values = np.full((len(decided.position), WIDTH), np.nan)
        self.rows = 0
        self._position = decided.position
        self._number: list[Ints] = []

    def add(self, positions: Sequence[int], records: Sequence[Record], values: Floats | None = None) -> None:
        """Add those of some decisions (m,) that are to be learned from, with their history features (m, H)."""
        at = np.array(positions, dtype=np.int64)
        place = np.minimum(np.searchsorted(self._position, at), len(self._position) - 1)
        wanted = np.flatnonzero(self._position[place] == at)
        number = place[wanted]
        if values is not None:
            self.values[number] = values[wanted]
        chosen = [records[k] for k in wanted.tolist()]
        items = np.array([len(record.items) for record in chosen], dtype=np.int64)
        codes = np.empty((len(HEAD_NAMES) + len(ITEM_NAMES), int(items.sum())), dtype=np.int32)
        texts = encode_records(chosen, codes)
        columns = {
            name: Coded(codes[row], texts[row] or [], True)
            for row, name in enumerate((*HEAD_NAMES, *ITEM_NAMES))
            if texts[row] is not None
        }
        self.builder.add(columns, codes.shape[1])
        self._number.append(np.repeat(number, items))
        self.rows = self.builder.n_rows

    def number(self) -> Ints:
        """Return the index of the decision of each goods item (rows,)."""
        return np.concatenate(self._number)


def _beginning(connection: Connection, models: ModelStore, in_log: Bools) -> dict[bool, Began]:
    """Return the history with which the service (True) and files (False) began: that of the bundle of the first decision.

    It is empty if that bundle is not installed. The bundled champion has none.

    Args:
        in_log: (n,) whether a decision is in the history of the service.
    """
    folders = {folder.name[-SCORER_DIGITS:]: folder for folder in models.versions()}
    began: dict[bool, Began] = {}
    for of_service in np.unique(in_log).tolist():
        order = Decision.history_order
        of_kind = order.is_not(None) if of_service else order.is_(None) & Decision.via.in_(FILES)
        columns = (Decision.model_version, Decision.model_digest, Decision.rules_digest, Decision.answer)
        first = connection.execute(
            select(*columns).where(of_kind, Decision.what_if.is_(False)).order_by(order, Decision.position).limit(1)
        ).one()
        model = versions_of(first).model_digest
        folder = folders.get(model[:SCORER_DIGITS])
        began[of_service] = Began(History.empty(), None)
        if folder is not None and (history := models.load_version(folder).history).sequence:
            began[of_service] = Began(history, model)
    return began


def _replay_log(history: History, pages: Iterator[Page], manifests: _Manifests, progress: Progress) -> None:
    """Replay the log of the service, and add the manifests of its decisions."""
    for page in pages:
        done = advance(history, page)
        shipments = [k for k, entry in enumerate(done.entries) if entry.position is not None]
        positions = [done.entries[k].position or 0 for k in shipments]
        manifests.add(positions, [done.records[k] for k in shipments], done.values[shipments])
        progress(f"{manifests.rows:,} goods items")


def _file_pages(database: Database, decided: Decided, cut: Cut) -> Iterator[list[Entry]]:
    """Yield the decisions on shipments of files, in pages."""
    position = 0
    while True:
        query = (
            select(Decision.position, Decision.declared_s, Decision.manifest)
            .where(
                Decision.position > position,
                Decision.position <= decided.last,
                Decision.history_order.is_(None),
                Decision.via.in_(FILES),
                Decision.what_if.is_(False),
                Decision.manifest.is_not(None),
                Decision.received_at < cut.known_at,
            )
            .order_by(Decision.position)
            .limit(PAGE)
        )
        with database.read() as connection:
            found = connection.execute(query).all()
        if found:
            position = found[-1].position
            yield [Entry(0, bytes(row.manifest), row.declared_s, position=row.position) for row in found]
        if len(found) < PAGE:
            return


def _label_columns(decided: Decided, found: Results, number: Ints) -> dict[str, Coded]:
    """Return the label columns of goods items. An outcome concerns the whole shipment.

    If a person chose another lane before the result was known, the probability of selection is unknown.
    """
    content = found.content[number]
    probability = np.where(decided.overridden_at <= found.found_at, np.nan, decided.probability)[number]
    times, of_time = np.unique(found.found_at[number], return_inverse=True)
    probabilities, of_probability = np.unique(probability, return_inverse=True)
    has_result = content != NO_RESULT

    def coded(codes: NDArray[Any], values: Sequence[str], present: Bools) -> Coded:
        return Coded(np.where(present, codes, -1).astype(np.int32), list(values), True).compact()

    return {
        "content": coded(content, RESULTS, has_result),
        "content_level": coded(np.zeros_like(number), ("shipment",), has_result),
        "inspected_at": coded(of_time, [iso_time(one) for one in times.tolist()], has_result),
        "selection_probability": coded(
            of_probability, [repr(one) for one in probabilities.tolist()], has_result & ~np.isnan(probability)
        ),
    }


def _replayed(data: Dataset, decided: Decided, of: Ints, values: Floats, began: dict[bool, Began]) -> Replayed:
    """Return the history features of the data's shipments, and the history after them with all results.

    The history of the service goes on, because files do not enter it. Without decisions of the service, that of the files does.

    Args:
        of: (S,) decision of each shipment.
        values: (S, H) history features of the shipments in the history of the service. Those of the others are written here.
        began: histories of the service after its replay, and of files before it.
    """
    table, find, known_s = data.table, data.shipment_has_find(), data.labels.known_s
    in_log = decided.in_log[of]
    files = np.flatnonzero(~in_log)
    if len(files):
        of_files = began[False].history
        part = table.take(rows_of(table, files))
        if of_files.watermark > part.declared_s[0]:
            # It may have counted these shipments.
            of_files = History.empty()
        known = known_s[files]
        values[files] = of_files.replay(part, find[files], np.where(known == NEVER, -1, known)).values
        if not in_log.any():
            return Replayed(values, of_files)
    history = began[True].history
    # The next service learns these results when it starts.
    new = np.flatnonzero(in_log & (known_s != NEVER) & ~np.isin(of, decided.learned))
    if len(new):
        history.learn(table.take(rows_of(table, new)), find[new])
    return Replayed(values, history)


def _lineage(decided: Decided, found: Results, of: Ints, cut: Cut) -> dict[str, Any]:
    """Return where the data come from, as JSON values. ``of`` (S,) are the decisions that were read."""
    contents = np.bincount(found.content[of] + 1, minlength=len(RESULTS) + 1)[1:].tolist()
    unreadable = len(decided.position) - len(of)
    left_out = decided.left_out | {"unreadable": unreadable}
    return {
        "known_before": cut.day,
        "decisions": {
            "first_position": int(decided.position[of].min()),
            "last_position": int(decided.position[of].max()),
            "first_received_at": iso_time(int(decided.received_at[of].min())),
            "last_received_at": iso_time(int(decided.received_at[of].max())),
            "shipments": len(of),
            "of_files": int((~decided.in_log[of]).sum()),
        },
        "left_out": {cause: count for cause, count in left_out.items() if count},
        "results": {content: count for content, count in zip(RESULTS, contents, strict=True) if count},
        "label_delay_days": round(found.delay_s / _DAY_S, 2),
        "immature": int(found.immature[of].sum()),
    }


def _notes(lineage: dict[str, Any], cut: Cut) -> list[str]:
    """Return the lineage for the user."""
    about = lineage["decisions"]
    results = ", ".join(f"{count:,} {content.replace('_', ' ')}" for content, count in lineage["results"].items())
    notes = [
        f"The store as known before {cut.day}: {about['shipments']:,} shipments, received {about['first_received_at'][:10]} to "
        f"{about['last_received_at'][:10]}; results: {results}."
    ]
    if lineage["left_out"]:
        causes = ", ".join(f"{count:,} {_CAUSES[cause]}" for cause, count in lineage["left_out"].items())
        notes.append(f"Decisions left out: {causes}.")
    if lineage["immature"]:
        delay = "as stated" if cut.delay_s is not None else f"in which {DELAY_QUANTILE:.0%} of the results arrived"
        notes.append(
            f"{lineage['immature']:,} shipments without a result are younger than the label delay ({lineage['label_delay_days']:g} "
            f"days, {delay}) and count neither as clean nor as presumed clean."
        )
    return notes
