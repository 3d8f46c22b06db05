"""Past decisions in batches that a contender scores, from the log of the service's history and from stored files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import select

from features.groups.history.history import History
from service.backtests.contender import Batch
from service.backtests.decided import decided_at
from service.history.log import FILES, Entry
from service.history.replay import PAGE, records_of
from service.scoring.decision import SCORER_DIGITS
from service.scoring.summary import record_of
from service.scoring.tables import Decision, versions_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from features.groups.base import FloatArray
    from features.manifest.records import Record
    from models.bundle import ModelStore
    from service.core.database.engine import Database
    from service.history.replay import Advanced


def first_history(connection: Connection, models: ModelStore) -> History:
    """Return the history with which the service began: that of the bundle of its first decision, or none if it is not installed."""
    order = Decision.history_order
    columns = (Decision.model_version, Decision.model_digest, Decision.rules_digest, Decision.answer)
    first = connection.execute(select(*columns).where(order.is_not(None)).order_by(order).limit(1)).first()
    if first is not None:
        digest = versions_of(first).model_digest
        for folder in models.versions():
            if folder.name.endswith(digest[:SCORER_DIGITS]):
                return models.load_version(folder).history.copy()
    return History.empty()


def batch_of(connection: Connection, advanced: Advanced) -> Batch | None:
    """Return the decisions of a page by which a history has advanced; None if there are none."""
    places = [k for k, entry in enumerate(advanced.entries) if entry.position is not None]
    if not places:
        return None
    return _batch(
        connection,
        [advanced.entries[k] for k in places],
        [advanced.records[k] for k in places],
        [advanced.undeclared[k] for k in places],
        advanced.values[places],
    )


def batch_of_files(connection: Connection, entries: Sequence[Entry]) -> Batch | None:
    """Return decisions on shipments of files, in the order of their positions; None if no manifest can be read."""
    places, records, undeclared = records_of(entries)
    if not places:
        return None
    return _batch(connection, [entries[place] for place in places], records, undeclared, None)


def _batch(
    connection: Connection,
    entries: Sequence[Entry],
    records: Sequence[Record],
    undeclared: Sequence[bool],
    values: FloatArray | None,
) -> Batch:
    """Return a batch of readable entries. A record without a plausible time gets its declared one back."""
    positions = [entry.position or 0 for entry in entries]
    decided = decided_at(connection, sorted(positions))
    records = [
        (record_of(entry.manifest) or record) if is_undeclared else record
        for entry, record, is_undeclared in zip(entries, records, undeclared, strict=True)
    ]
    return Batch(decided.take(np.searchsorted(decided.position, positions)), records, undeclared, values)


def file_batches(database: Database, since: int, until: int) -> Iterator[Batch]:
    """Yield the decisions on shipments of files that were received in a period, in the order of their positions."""
    position = 0
    query = select(Decision.position, Decision.declared_s, Decision.manifest).where(
        Decision.history_order.is_(None),
        Decision.via.in_(FILES),
        Decision.what_if.is_(False),
        Decision.received_at >= since,
        Decision.received_at < until,
    )
    while True:
        with database.read() as connection:
            found = connection.execute(
                query.where(Decision.position > position).order_by(Decision.position).limit(PAGE)
            ).all()
            entries = [Entry(-1, row.manifest, row.declared_s, position=row.position) for row in found]
            batch = batch_of_files(connection, entries)
        if batch is not None:
            yield batch
        if len(found) < PAGE:
            return
        position = found[-1].position
