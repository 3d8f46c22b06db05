"""Earlier finds that the reasons of a decision count: when, what, in which decision."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from pydantic_core import from_json
from sqlalchemy import select

from features.groups.history.state import CONTACTS, Entity, key_row
from features.groups.reason_codes import ReasonCode
from service.history.learning import DAY
from service.history.log import Entry
from service.history.replay import keys_of_entries
from service.inspections.outcomes import finds_in
from service.scoring.summary import record_of
from service.scoring.tables import Decision
from service.search.finding import Finder, IndexBehind
from service.search.words import hash_of, of_party, parties_of
from service.webhooks.repository import reason_codes

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

#: Reasons that count finds at parties, addresses and contacts.
_CODES: Final = frozenset({ReasonCode.EARLIER_FINDS, ReasonCode.LINKED_FINDS})
#: What two shipments may have in common, with the rows of their keys in the history.
_SHARED: Final = {one.label: key_row(one) for one in (Entity.CONSIGNOR, Entity.CONSIGNEE, Entity.ADDRESS, *CONTACTS)}
#: Finds that are shown, and finds in similar shipments that are compared to choose them.
_SHOWN: Final = 5
_COMPARED: Final = 50
_OF_OUTCOME: Final = ("decision_id", "shipment_id", "content", "substance", "found_at")


@dataclass(frozen=True, slots=True)
class EarlierFind:
    """A find in an earlier shipment; attributes are those of `service.inspections.tables.Outcome`.

    Attributes:
        shared: labels of what both shipments have in common, in the order of `_SHARED`.
    """

    decision_id: str
    shipment_id: str
    content: str
    substance: str | None
    found_at: int
    shared: list[str]


def finds_before(connection: Connection, decision: Row[Any]) -> list[EarlierFind] | None:
    """Return finds that the reasons of a decision count, the latest first and one for each shipment.

    They are those that were recorded and known before the decision, as the history learns them, and that still hold. Parties,
    addresses and contacts are the same if the history has one key for them. Erased shipments are left out.

    Returns:
        At most five; none if no reason counts finds. None while the index lacks too many decisions.
    """
    record = record_of(decision.manifest)
    if record is None or _CODES.isdisjoint(reason_codes(from_json(decision.answer))):
        return []
    parties = parties_of(record)
    words = {of_party(party.id) for party in parties}.union(*(party.links for party in parties))
    try:
        places = Finder(connection, words=True).positions([hash_of(word) for word in words])
    except IndexBehind:
        return None
    positions = np.unique(np.concatenate([np.empty(0, np.int64), *places]))
    known = [
        one
        for one in finds_in(connection, positions)
        if one.recorded_at < decision.received_at
        and one.found_at < decision.received_at // DAY * DAY
        and not one.what_if
    ]
    found = sorted(known, key=attrgetter("found_at"), reverse=True)[:_COMPARED]
    query = select(Decision.id, Decision.manifest, Decision.declared_s)
    declared = {
        row.id: row for row in connection.execute(query.where(Decision.id.in_([one.decision_id for one in found])))
    }
    entries = [
        Entry(0, one.manifest, one.declared_s) for one in (decision, *(declared[one.decision_id] for one in found))
    ]
    readable, keys, _ = keys_of_entries(entries)
    if not len(readable) or readable[0] != 0:
        return []
    chosen: dict[str, EarlierFind] = {}
    for place, column in zip(readable[1:] - 1, keys.T[1:], strict=True):
        one = found[place]
        shared = [label for label, row in _SHARED.items() if column[row] and column[row] == keys[row, 0]]
        if shared and one.shipment_id not in chosen:
            chosen[one.shipment_id] = EarlierFind(**{name: getattr(one, name) for name in _OF_OUTCOME}, shared=shared)
    return [*chosen.values()][:_SHOWN]
