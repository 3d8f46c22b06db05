"""Empty stores for all kinds of entities. The store of each kind of party has a plan of its amounts and features."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.groups.history.parties import (
    ABSENT,
    PartyFeatures,
    PartyPlan,
    PartyStore,
    Transfers,
    WindowSums,
)
from features.groups.history.reads import (
    CONTACT_FEATURES,
    FIRST_SEEN,
    LINK_LAYOUTS,
    LINK_SHIPMENTS,
    LOG1P_FEATURES,
    LOG_FEATURES,
    PARTY_LAYOUTS,
    READS,
    SPLIT,
    SPLIT_VALUE,
    LogTotal,
    Recent,
    RecentDollars,
    Total,
)
from features.groups.history.state import (
    CONTACTS,
    LINKS,
    PARTIES,
    Amount,
    Entity,
    PartyColumn,
    StateLayout,
    Window,
    block_columns,
)
from features.groups.history.visits import EntityStores, LinkFeatures, LinkStore

IntArray = NDArray[np.int64]

#: (columns,) feature of each column of `Batch.log1p` and of `Batch.log`.
LOG1P: Final[IntArray] = np.array(LOG1P_FEATURES, dtype=np.int64)
LOG: Final[IntArray] = np.array(list(LOG_FEATURES.values()), dtype=np.int64)


def entity_stores() -> EntityStores:
    """Return empty stores for all kinds of entities."""
    parties = {party: _party_store(party) for party in PARTIES}
    return EntityStores(parties, {link: _link_store(link) for link in LINKS})


def _party_store(party: Entity) -> PartyStore:
    layout = PARTY_LAYOUTS[party]
    return PartyStore(len(layout.narrow), len(layout.wide), party, _PLANS[party])


def _link_store(link: Entity) -> LinkStore:
    layout = LINK_LAYOUTS[link]
    shipments = LOG1P_FEATURES.index(LINK_SHIPMENTS[link]) if link in LINK_SHIPMENTS else ABSENT
    features = LinkFeatures(shipments)
    if link in CONTACTS:
        contact = CONTACT_FEATURES[link]
        features = LinkFeatures(shipments, contact.names, contact.finds, contact.clean)
    return LinkStore(len(layout.narrow), len(layout.wide), link, features)


def _party_plan(party: Entity) -> PartyPlan:
    layout = PARTY_LAYOUTS[party]
    sums = _sums_of(layout)
    totals = [
        (amount, layout.columns.index(PartyColumn[amount.name]))
        for amount in Amount
        if amount.name in PartyColumn.__members__ and PartyColumn[amount.name] in layout.columns
    ]
    # Pairs of a source (position in the state, or index in ``sums``) and a target column (see `PartyPlan`).
    values, logs, recent, dollars = [], [], [], []
    for feature, read in READS[party].items():
        match read:
            case Total(column):
                values.append((layout.columns.index(column), feature))
            case LogTotal(column):
                logs.append((layout.columns.index(column), LOG1P_FEATURES.index(feature)))
            case Recent(amount, window):
                recent.append((sums.index((amount, window)), feature))
            case RecentDollars(window):
                dollars.append((sums.index((Amount.CENTS, window)), LOG1P_FEATURES.index(feature)))
    return PartyPlan(
        np.array([layout.columns.index(column) if column in layout.columns else ABSENT for column in PartyColumn]),
        _window_sums(layout, sums),
        _transfers(totals),
        _transfers(values),
        _transfers(logs),
        _transfers(recent),
        _transfers(dollars),
        PartyFeatures(FIRST_SEEN.get(party, ABSENT), SPLIT.get(party, ABSENT), SPLIT_VALUE.get(party, ABSENT)),
    )


def _sums_of(layout: StateLayout) -> list[tuple[Amount, Window]]:
    """Return the windowed sums of a layout. The index of a sum in the list is its number in the plan."""
    return [
        (amount, window)
        for window in Window
        for amount in Amount
        if f"{amount.name}_{window.days}_PRESENT" in PartyColumn.__members__
        and block_columns(amount, window)[0] in layout.columns
    ]


def _window_sums(layout: StateLayout, sums: list[tuple[Amount, Window]]) -> WindowSums:
    blocks = [block_columns(amount, window) for amount, window in sums]
    return WindowSums(
        _integers(layout.columns.index(present) for present, _ in blocks),
        _integers(layout.columns.index(previous) for _, previous in blocks),
        _integers(window for _, window in sums),
        _integers(amount for amount, _ in sums),
    )


def _transfers(pairs: Sequence[tuple[int, int]]) -> Transfers:
    return Transfers(_integers(source for source, _ in pairs), _integers(target for _, target in pairs))


def _integers(numbers: Iterable[int]) -> IntArray:
    return np.array(list(numbers), dtype=np.int64)


_PLANS: Final = {party: _party_plan(party) for party in PARTIES}
