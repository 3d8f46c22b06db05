"""Definition of each history feature: kind of entity, and columns of its state.

`READS` lists the features that are copied from the state. `_COMPUTED_FROM` lists the columns from which
`features.groups.history.parties` computes further features. Together they determine the columns of each kind of entity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, auto
from typing import Final

from features.groups.history.columns import HistoryColumn as Feature
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
    link_layout,
    party_layout,
)


@dataclass(frozen=True, slots=True)
class Total:
    """Value of a column."""

    column: PartyColumn


@dataclass(frozen=True, slots=True)
class LogTotal:
    """log(1 + value of a column)."""

    column: PartyColumn


@dataclass(frozen=True, slots=True)
class Recent:
    """Sum of an amount over a window."""

    amount: Amount
    window: Window


@dataclass(frozen=True, slots=True)
class RecentDollars:
    """log(1 + US dollars over a window)."""

    window: Window


Read = Total | LogTotal | Recent | RecentDollars

READS: Final[Mapping[Entity, Mapping[Feature, Read]]] = {
    Entity.CONSIGNOR: {
        Feature.CONSIGNOR_SHIPMENTS: LogTotal(PartyColumn.SHIPMENTS),
        Feature.CONSIGNOR_RECENT_1: Recent(Amount.SHIPMENTS, Window.DAY),
        Feature.CONSIGNOR_RECENT_7: Recent(Amount.SHIPMENTS, Window.WEEK),
        Feature.CONSIGNOR_RECENT_30: Recent(Amount.SHIPMENTS, Window.MONTH),
        Feature.CONSIGNOR_RECENT_365: Recent(Amount.SHIPMENTS, Window.YEAR),
        Feature.CONSIGNOR_VALUE_1: RecentDollars(Window.DAY),
        Feature.CONSIGNOR_VALUE_7: RecentDollars(Window.WEEK),
        Feature.CONSIGNOR_VALUE_30: RecentDollars(Window.MONTH),
        Feature.CONSIGNOR_VALUE_365: RecentDollars(Window.YEAR),
        Feature.CONSIGNOR_CONSIGNEES: Total(PartyColumn.PARTNERS),
        Feature.CONSIGNOR_NEW_CONSIGNEES_30: Recent(Amount.PARTNERS, Window.MONTH),
        Feature.CONSIGNOR_ADDRESSES: Total(PartyColumn.PLACES),
        Feature.CONSIGNOR_NEW_ADDRESSES_30: Recent(Amount.PLACES, Window.MONTH),
        Feature.CONSIGNOR_CHAPTERS: Total(PartyColumn.CHAPTERS),
        Feature.CONSIGNOR_FINDS: Total(PartyColumn.FINDS),
        Feature.CONSIGNOR_CLEAN: Total(PartyColumn.CLEAN),
        Feature.CONSIGNOR_LINKED_SHIPMENTS: Total(PartyColumn.LINKED_SHIPMENTS),
    },
    Entity.CONSIGNEE: {
        Feature.CONSIGNEE_SHIPMENTS: LogTotal(PartyColumn.SHIPMENTS),
        Feature.CONSIGNEE_RECENT_30: Recent(Amount.SHIPMENTS, Window.MONTH),
        Feature.CONSIGNEE_RECENT_365: Recent(Amount.SHIPMENTS, Window.YEAR),
        Feature.CONSIGNEE_VALUE_30: RecentDollars(Window.MONTH),
        Feature.CONSIGNEE_CONSIGNORS: Total(PartyColumn.PARTNERS),
        Feature.CONSIGNEE_NEW_CONSIGNORS_30: Recent(Amount.PARTNERS, Window.MONTH),
        Feature.CONSIGNEE_FINDS: Total(PartyColumn.FINDS),
        Feature.CONSIGNEE_CLEAN: Total(PartyColumn.CLEAN),
        Feature.CONSIGNEE_LINKED_SHIPMENTS: Total(PartyColumn.LINKED_SHIPMENTS),
    },
    Entity.ADDRESS: {
        Feature.ADDRESS_SHIPMENTS: LogTotal(PartyColumn.SHIPMENTS),
        Feature.ADDRESS_RECENT_1: Recent(Amount.SHIPMENTS, Window.DAY),
        Feature.ADDRESS_RECENT_7: Recent(Amount.SHIPMENTS, Window.WEEK),
        Feature.ADDRESS_RECENT_30: Recent(Amount.SHIPMENTS, Window.MONTH),
        Feature.ADDRESS_VALUE_30: RecentDollars(Window.MONTH),
        Feature.ADDRESS_NAMES: Total(PartyColumn.PARTNERS),
        Feature.ADDRESS_NEW_NAMES_30: Recent(Amount.PARTNERS, Window.MONTH),
        Feature.ADDRESS_CONSIGNORS: Total(PartyColumn.PLACES),
        Feature.ADDRESS_PRESS_30: Recent(Amount.PRESS, Window.MONTH),
        Feature.ADDRESS_FINDS: Total(PartyColumn.FINDS),
        Feature.ADDRESS_CLEAN: Total(PartyColumn.CLEAN),
        Feature.ADDRESS_LINKED_SHIPMENTS: Total(PartyColumn.LINKED_SHIPMENTS),
    },
    Entity.PAIR: {
        Feature.PAIR_SHIPMENTS: LogTotal(PartyColumn.SHIPMENTS),
        Feature.PAIR_RECENT_7: Recent(Amount.SHIPMENTS, Window.WEEK),
        Feature.PAIR_RECENT_30: Recent(Amount.SHIPMENTS, Window.MONTH),
        Feature.PAIR_VALUE_30: RecentDollars(Window.MONTH),
        Feature.PAIR_FINDS: Total(PartyColumn.FINDS),
    },
    Entity.TRADE_LANE: {},
    Entity.CONSIGNOR_CITY: {
        Feature.CONSIGNOR_CITY_RECENT_7: Recent(Amount.SHIPMENTS, Window.WEEK),
        Feature.CONSIGNOR_CITY_NEW_CONSIGNEES_30: Recent(Amount.PARTNERS, Window.MONTH),
    },
    Entity.CITY_HEADING: {Feature.CITY_HEADING_RECENT_7: Recent(Amount.SHIPMENTS, Window.WEEK)},
}  # fmt: skip

_SPLIT: Final = (*block_columns(Amount.SMALL, Window.DAY), *block_columns(Amount.SMALL_CENTS, Window.DAY))
#: Columns from which the features are computed that are not in `READS`.
_COMPUTED_FROM: Final[Mapping[Entity, tuple[PartyColumn, ...]]] = {
    Entity.CONSIGNOR: (
        PartyColumn.CENTS, PartyColumn.GRAMS, PartyColumn.LAST_CENTS, PartyColumn.REPEATS, PartyColumn.CODED,
        PartyColumn.CHEMISTRY,
    ),
    Entity.CONSIGNEE: _SPLIT,
    Entity.ADDRESS: _SPLIT,
    Entity.PAIR: _SPLIT,
    Entity.TRADE_LANE: (
        *block_columns(Amount.SHIPMENTS, Window.MONTH), *block_columns(Amount.SHIPMENTS, Window.YEAR),
    ),
    Entity.CONSIGNOR_CITY: (),
    Entity.CITY_HEADING: (),
}  # fmt: skip

#: Kind of party -> days since a party was first seen.
FIRST_SEEN: Final[Mapping[Entity, Feature]] = {
    Entity.CONSIGNOR: Feature.CONSIGNOR_FIRST_SEEN_DAYS,
    Entity.CONSIGNEE: Feature.CONSIGNEE_FIRST_SEEN_DAYS,
    Entity.ADDRESS: Feature.ADDRESS_FIRST_SEEN_DAYS,
}
#: Kind of party -> number of small shipments of one day that reach the duty limit only together. Consignee and address share a
#: feature, for which the maximum counts.
SPLIT: Final[Mapping[Entity, Feature]] = {
    Entity.CONSIGNEE: Feature.DELIVERY_SPLIT,
    Entity.ADDRESS: Feature.DELIVERY_SPLIT,
    Entity.PAIR: Feature.PAIR_SPLIT,
}
#: Kind of link -> log(1 + number of shipments).
LINK_SHIPMENTS: Final[Mapping[Entity, Feature]] = {
    Entity.CONSIGNOR_TRADE_LANE: Feature.CONSIGNOR_TRADE_LANE_SHIPMENTS,
    Entity.BUILDING: Feature.BUILDING_SHIPMENTS,
    Entity.OCCUPANT: Feature.OCCUPANT_SHIPMENTS,
    Entity.CONSIGNOR_HEADING: Feature.CONSIGNOR_HEADING_SHIPMENTS,
    Entity.PAIR_HEADING: Feature.PAIR_HEADING_SHIPMENTS,
}


@dataclass(frozen=True, slots=True)
class ContactFeatures:
    """Features of a telephone number or e-mail address. The contacts of a party share features, for which the maximum counts."""

    names: Feature
    finds: Feature
    clean: Feature


_OF_CONSIGNOR: Final = ContactFeatures(
    Feature.CONSIGNOR_CONTACT_NAMES, Feature.CONSIGNOR_CONTACT_FINDS, Feature.CONTACT_CLEAN
)
_OF_CONSIGNEE: Final = ContactFeatures(
    Feature.CONSIGNEE_CONTACT_NAMES, Feature.CONSIGNEE_CONTACT_FINDS, Feature.CONTACT_CLEAN
)
CONTACT_FEATURES: Final[Mapping[Entity, ContactFeatures]] = {
    Entity.CONSIGNOR_PHONE: _OF_CONSIGNOR,
    Entity.CONSIGNOR_EMAIL: _OF_CONSIGNOR,
    Entity.CONSIGNEE_PHONE: _OF_CONSIGNEE,
    Entity.CONSIGNEE_EMAIL: _OF_CONSIGNEE,
}


class LogColumn(IntEnum):
    """Columns of the matrix of numbers whose logarithms are features."""

    CONSIGNOR_VALUE_RATIO = 0
    CONSIGNOR_MASS_RATIO = auto()
    CONSIGNEE_SPLIT_VALUE = auto()
    ADDRESS_SPLIT_VALUE = auto()
    PAIR_SPLIT_VALUE = auto()
    TRADE_LANE_GROWTH = auto()
    TRADE_LANE_FIND_RATIO = auto()


#: Feature of each logarithm. If two logarithms share a feature, the maximum counts.
LOG_FEATURES: Final[Mapping[LogColumn, Feature]] = {
    LogColumn.CONSIGNOR_VALUE_RATIO: Feature.CONSIGNOR_VALUE_RATIO,
    LogColumn.CONSIGNOR_MASS_RATIO: Feature.CONSIGNOR_MASS_RATIO,
    LogColumn.CONSIGNEE_SPLIT_VALUE: Feature.DELIVERY_SPLIT_VALUE,
    LogColumn.ADDRESS_SPLIT_VALUE: Feature.DELIVERY_SPLIT_VALUE,
    LogColumn.PAIR_SPLIT_VALUE: Feature.PAIR_SPLIT_VALUE,
    LogColumn.TRADE_LANE_GROWTH: Feature.TRADE_LANE_GROWTH,
    LogColumn.TRADE_LANE_FIND_RATIO: Feature.TRADE_LANE_FIND_RATIO,
}
SPLIT_VALUE: Final[Mapping[Entity, LogColumn]] = {
    Entity.CONSIGNEE: LogColumn.CONSIGNEE_SPLIT_VALUE,
    Entity.ADDRESS: LogColumn.ADDRESS_SPLIT_VALUE,
    Entity.PAIR: LogColumn.PAIR_SPLIT_VALUE,
}
#: Features that are log(1 + x), in the order of the columns of the matrix of x.
LOG1P_FEATURES: Final[tuple[Feature, ...]] = (
    *(
        feature
        for reads in READS.values()
        for feature, read in reads.items()
        if isinstance(read, LogTotal | RecentDollars)
    ),
    *LINK_SHIPMENTS.values(),
)


def _columns_of(read: Read) -> tuple[PartyColumn, ...]:
    """Return the columns that a feature needs."""
    match read:
        case Total(column) | LogTotal(column):
            return (column,)
        case Recent(amount, window):
            return block_columns(amount, window)
        case RecentDollars(window):
            return block_columns(Amount.CENTS, window)


def _layout_of(party: Entity) -> StateLayout:
    columns = {column for read in READS[party].values() for column in _columns_of(read)}
    return party_layout(columns | set(_COMPUTED_FROM[party]))


PARTY_LAYOUTS: Final = {party: _layout_of(party) for party in PARTIES}
LINK_LAYOUTS: Final = {link: link_layout(contact=link in CONTACTS) for link in LINKS}
#: Layouts of all kinds of entities, in the order of `Entity`.
LAYOUTS: Final = PARTY_LAYOUTS | LINK_LAYOUTS
