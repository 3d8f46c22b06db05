"""Earlier declarations of a shipment, as the store knows them: their decisions, their manifests and what officers decided since."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from pydantic_core import from_json
from sqlalchemy import exists, select
from sqlalchemy.exc import SQLAlchemyError

from features.groups.history.declarations import LAST_ORDER, NO_ORDER, Change, Earlier
from features.manifest.fields import FIELDS, Level
from features.manifest.records import Refused, read_record
from features.table.parts import alone
from features.table.table import ManifestTable
from models.lanes import GREEN, LANE_NAMES
from service.core.errors import DatabaseAway
from service.core.logs import logger
from service.inspections.outcomes import holding
from service.inspections.tables import Outcome, Override
from service.scoring.tables import Decision

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from service.core.database.engine import Database

#: Fields whose changes say nothing about the goods.
_NOT_CONTENT: Final = frozenset({"shipment_id", "declared_at", "item_number"})
#: Levels of fields whose old values may name a person. They stay with the decision that an erasure finds.
_PERSONAL: Final = frozenset({Level.CONSIGNOR, Level.CONSIGNEE})
#: Maximum number of changed fields in an answer.
_MOST: Final = 20


class EarlierDecisions:
    """Looks up earlier declarations in a store."""

    def __init__(self, database: Database, waiting: Callable[[], int] = lambda: 0) -> None:
        """
        Args:
            waiting: returns the number of decisions in the journal.
        """
        self._database, self._waiting = database, waiting

    def look(self, earlier: Earlier, table: ManifestTable, shipment: int) -> Earlier:
        """Return the earlier declaration with its decision, the changes, and the floor that an officer's decision leaves.

        An outcome ends the floor, and an override replaces it. While the database is away, the declaration is returned as it is.

        Args:
            table, shipment: the later declaration.
        """
        if earlier.order == NO_ORDER or self._waiting():
            return earlier
        try:
            with self._database.read() as connection:
                return self._known(connection, earlier, table, shipment)
        except (SQLAlchemyError, DatabaseAway) as error:
            logger().warning("earlier_decision_not_read", problem=repr(error))
            return earlier

    def _known(self, connection: Connection, earlier: Earlier, table: ManifestTable, shipment: int) -> Earlier:
        decision = connection.execute(
            select(Decision.id, Decision.shipment_id, Decision.received_at, Decision.declared_s, Decision.manifest)
            .where(Decision.history_order == earlier.order)
            .limit(1)
        ).first()
        if decision is None:
            return earlier
        is_same = earlier.by == "shipment_id"
        floor = _floor(connection, decision.shipment_id, decision.received_at)
        if floor is None:
            floor = earlier.floor
        elif not is_same:
            floor = min(floor, earlier.floor)
        changes = earlier.changes
        if decision.manifest is not None:
            changes = (
                _changes(bytes(decision.manifest), decision.declared_s, table, shipment, values=is_same) or changes
            )
        return replace(earlier, floor=floor, changes=changes, decision_id=decision.id)


def floor_until(connection: Connection, order: int, until: int) -> int | None:
    """Return the lane that officers had left by a time to the shipment of an order of the history; None if they had not decided."""
    query = select(Decision.shipment_id, Decision.received_at).where(Decision.history_order == order).limit(1)
    decision = connection.execute(query).first()
    return None if decision is None else _floor(connection, decision.shipment_id, decision.received_at, until)


def _floor(connection: Connection, shipment_id: str, since: int, until: int = LAST_ORDER) -> int | None:
    """Return the code of the lane that officers have left to a shipment since a time; None if they have not decided.

    Args:
        until: what they recorded later does not count.
    """
    overrides = connection.execute(
        select(Override.lane, Override.recorded_at)
        .join(Decision, Decision.id == Override.decision_id)
        .where(Decision.shipment_id == shipment_id, Override.recorded_at.between(since, until))
        .order_by(Override.position.desc())
        .limit(1)
    ).first()
    after = since if overrides is None else overrides.recorded_at
    recorded = Outcome.recorded_at.between(after, until)
    inspected = select(exists().where(Outcome.shipment_id == shipment_id, recorded, holding()))
    if connection.execute(inspected).scalar_one():
        return GREEN
    return None if overrides is None else LANE_NAMES.index(overrides.lane)


def _changes(
    manifest: bytes, declared_s: int, table: ManifestTable, shipment: int, *, values: bool
) -> tuple[Change, ...]:
    """Return the fields that differ between a stored manifest and a shipment of a table.

    Args:
        values: whether to give the values; False for manifests of another ``shipment_id``, which may be erased without this one.
    """
    try:
        before = ManifestTable.from_records([read_record(from_json(manifest))], receipt=declared_s)
    except (ValueError, Refused):
        return ()
    old = _values(before)
    new = _values(alone(table, np.flatnonzero(table.shipment == shipment)))
    changed = [
        name for name in (*new, *(name for name in old if name not in new)) if _differ(old.get(name), new.get(name))
    ]
    level = {field.name: field.level for field in FIELDS}
    return tuple(
        Change(name, old.get(name), new.get(name))
        if values and level.get(name.rpartition(".")[2]) not in _PERSONAL
        else Change(name)
        for name in changed[:_MOST]
    )


def _differ(old: str | None, new: str | None) -> bool:
    return _plain(old) != _plain(new)


def _plain(text: str | None) -> str:
    return " ".join((text or "").casefold().split())


def _values(table: ManifestTable) -> dict[str, str]:
    """Return the declared values of a table of one shipment by name; fields of one of several items as ``items[0].hs_code``."""
    values: dict[str, str] = {}
    raw: dict[str, Any] = table.raw
    for field in FIELDS:
        if field.name in _NOT_CONTENT or field.level is Level.LABEL or field.name not in raw:
            continue
        texts = raw[field.name].to_list()
        of_item = field.level is Level.ITEM and len(texts) > 1
        for row, text in enumerate(texts if of_item else texts[:1]):
            if text is not None:
                values[f"items[{row}].{field.name}" if of_item else field.name] = text
    return values
