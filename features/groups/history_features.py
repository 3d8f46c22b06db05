"""The history features: what each means, and how it is read off the state."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.groups.base import FloatArray, declare
from features.groups.history_keys import CONTACTS, LINKS, PARTIES, HistoryKeys
from features.groups.history_state import DAY_HOURS, LINK, PARTY, window_column

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

FEATURES: Final = declare(
    "history",
    ("consignor_shipments", "HISTORY_VOLUME", "Shipments of the consignor seen before (log of one more)"),
    ("consignor_recent_1", "HISTORY_VOLUME", "Shipments of the consignor within a day"),
    ("consignor_recent_7", "HISTORY_VOLUME", "Shipments of the consignor within 7 days"),
    ("consignor_recent_30", "HISTORY_VOLUME", "Shipments of the consignor within 30 days"),
    ("consignor_recent_365", "HISTORY_VOLUME", "Shipments of the consignor within 365 days"),
    ("consignor_value_1", "VALUE_HISTORY", "US dollars that the consignor sent within a day (log of one more)"),
    ("consignor_value_7", "VALUE_HISTORY", "US dollars that the consignor sent within 7 days (log of one more)"),
    ("consignor_value_30", "VALUE_HISTORY", "US dollars that the consignor sent within 30 days (log of one more)"),
    ("consignor_value_365", "VALUE_HISTORY", "US dollars that the consignor sent within 365 days (log of one more)"),
    ("consignor_first_seen_days", "NEW_CONSIGNOR", "Days since the consignor was first seen"),
    ("consignor_last_seen_days", "HISTORY_VOLUME", "Days since the consignor was last seen"),
    ("consignor_consignees", "HISTORY_VOLUME", "Different consignees the consignor has sent to"),
    (
        "consignor_new_consignees_30",
        "HISTORY_VOLUME",
        "Consignees the consignor has sent to for the first time within 30 days",
    ),
    ("consignor_addresses", "HISTORY_VOLUME", "Different addresses the consignor has sent to"),
    (
        "consignor_new_addresses_30",
        "HISTORY_VOLUME",
        "Addresses the consignor has sent to for the first time within 30 days",
    ),
    ("consignor_value_ratio", "VALUE_HISTORY", "Log of the shipment's value over the consignor's mean value so far"),
    ("consignor_mass_ratio", "VALUE_HISTORY", "Log of the shipment's mass over the consignor's mean mass so far"),
    ("consignor_value_repeats", "VALUE_HISTORY", "Share of the consignor's shipments that repeated the value before"),
    ("consignor_value_same", "VALUE_HISTORY", "Whether the value is that of the consignor's shipment before"),
    ("consignor_finds", "FINDS_KNOWN", "Finds known by then in shipments of the consignor", 1),
    ("consignor_clean", "FINDS_KNOWN", "Clean inspections known by then of the consignor"),
    (
        "consignor_tainted",
        "FINDS_LINKED",
        "Earlier shipments of the consignor to a consignee or address with known finds",
    ),
    ("consignee_shipments", "HISTORY_VOLUME", "Shipments to the consignee seen before (log of one more)"),
    ("consignee_recent_30", "HISTORY_VOLUME", "Shipments to the consignee within 30 days"),
    ("consignee_recent_365", "HISTORY_VOLUME", "Shipments to the consignee within 365 days"),
    ("consignee_value_30", "VALUE_HISTORY", "US dollars sent to the consignee within 30 days (log of one more)"),
    ("consignee_first_seen_days", "HISTORY_VOLUME", "Days since the consignee was first seen"),
    ("consignee_consignors", "ADDRESS_SHARED", "Different consignors that have sent to the consignee"),
    (
        "consignee_new_consignors_30",
        "ADDRESS_SHARED",
        "Consignors that have sent to the consignee for the first time within 30 days",
    ),
    ("consignee_finds", "FINDS_KNOWN", "Finds known by then in shipments to the consignee", 1),
    ("consignee_clean", "FINDS_KNOWN", "Clean inspections known by then of shipments to the consignee"),
    ("consignee_tainted", "FINDS_LINKED", "Earlier shipments to the consignee from a consignor with known finds"),
    ("address_shipments", "ADDRESS_SHARED", "Shipments to the address seen before (log of one more)"),
    ("address_recent_1", "ADDRESS_SHARED", "Shipments to the address within a day"),
    ("address_recent_7", "ADDRESS_SHARED", "Shipments to the address within 7 days"),
    ("address_recent_30", "ADDRESS_SHARED", "Shipments to the address within 30 days"),
    ("address_value_30", "VALUE_HISTORY", "US dollars sent to the address within 30 days (log of one more)"),
    ("address_first_seen_days", "ADDRESS_SHARED", "Days since the address was first seen"),
    ("address_names", "ADDRESS_SHARED", "Different consignee names seen at the address"),
    ("address_new_names_30", "ADDRESS_SHARED", "Consignee names seen at the address for the first time within 30 days"),
    ("address_consignors", "ADDRESS_SHARED", "Different consignors that have sent to the address"),
    (
        "address_press_30",
        "EQUIPMENT_DECLARED",
        "Goods items of press, filling and packing machinery to the address within 30 days",
    ),
    ("address_finds", "FINDS_KNOWN", "Finds known by then at the address", 1),
    ("address_clean", "FINDS_KNOWN", "Clean inspections known by then at the address"),
    ("address_tainted", "FINDS_LINKED", "Earlier shipments to the address from a consignor with known finds"),
    (
        "building_shipments",
        "ADDRESS_SHARED",
        "Shipments to the building, whatever the unit, seen before (log of one more)",
    ),
    ("occupant_shipments", "ADDRESS_SHARED", "Shipments to this name at the address seen before (log of one more)"),
    (
        "pair_shipments",
        "HISTORY_VOLUME",
        "Shipments from this consignor to this consignee seen before (log of one more)",
    ),
    ("pair_recent_7", "SPLIT_CONSIGNMENT", "Shipments between the two parties within 7 days"),
    ("pair_recent_30", "SPLIT_CONSIGNMENT", "Shipments between the two parties within 30 days"),
    ("pair_value_30", "SPLIT_CONSIGNMENT", "US dollars sent between the two parties within 30 days (log of one more)"),
    ("pair_finds", "FINDS_KNOWN", "Finds known by then in shipments between the two parties", 1),
    (
        "pair_split",
        "SPLIT_CONSIGNMENT",
        "Other shipments of the day between the parties, each below the duty threshold, that pass it with this one",
    ),
    (
        "pair_split_value",
        "SPLIT_CONSIGNMENT",
        "Log of the day's values between the parties, each below the duty threshold, over that threshold",
    ),
    (
        "delivery_split",
        "SPLIT_CONSIGNMENT",
        "Other shipments of the day to the consignee or address, each below the duty threshold, that pass it with this one",
    ),
    (
        "delivery_split_value",
        "SPLIT_CONSIGNMENT",
        "Log of the day's values to the consignee or address, each below the duty threshold, over that threshold",
    ),
    ("lane_growth", "ROUTE_RARE", "Log of the lane's shipments within 30 days over what is usual for it in a year"),
    ("lane_find_ratio", "LANE_FINDS", "Log of the lane's finds per inspection known by then over those of all lanes"),
    ("consignor_lane_shipments", "ROUTE_RARE", "Shipments of the consignor on this lane seen before (log of one more)"),
    ("consignor_contact_names", "CONTACT_SHARED", "Times another name came with the consignor's telephone or e-mail"),
    ("consignee_contact_names", "CONTACT_SHARED", "Times another name came with the consignee's telephone or e-mail"),
    ("consignor_contact_finds", "FINDS_LINKED", "Finds known by then at the consignor's telephone or e-mail", 1),
    ("consignee_contact_finds", "FINDS_LINKED", "Finds known by then at the consignee's telephone or e-mail", 1),
    ("contact_clean", "FINDS_LINKED", "Clean inspections known by then at telephones and e-mails of both parties"),
)
WIDTH: Final = len(FEATURES)
_AT: Final = {feature.name: position for position, feature in enumerate(FEATURES)}
_PARTY_COLUMNS: Final = {
    "finds": "finds", "clean": "clean", "tainted": "tainted", "consignees": "partners", "consignors": "partners",
    "names": "partners", "addresses": "places", "shipments": "n",
}  # fmt: skip
#: Inspections that a lane's own rate of finds must outweigh: assumed.
_LANE_PRIOR: Final = 50.0
#: Consignors of an address stand where parties have their places.
_OWN_COLUMNS: Final = {"address_consignors": "places"}
_WINDOW_AMOUNTS: Final = {
    "recent": "n", "value": "cents", "new_consignees": "partners", "new_consignors": "partners", "new_names": "partners",
    "new_addresses": "places", "press": "press",
}  # fmt: skip


class _Plan:
    """Features that are read off alike: their columns in the matrix, the kinds they belong to, and columns of the state."""

    def __init__(self, rows: list[tuple[int, int, int, int, int]]) -> None:
        feature, kind, column, before, days = (np.array(part, dtype=np.int64) for part in zip(*rows, strict=True))
        self.feature, self.kind, self.column, self.before, self.hours = feature, kind, column, before, days * DAY_HOURS


def _plans() -> tuple[_Plan, _Plan, _Plan, _Plan]:
    """Plain counts, counts as logarithms, windowed counts, and windowed sums of value."""
    plain: list[tuple[int, int, int, int, int]] = []
    logs, recent, values = plain.copy(), plain.copy(), plain.copy()
    for name, at in _AT.items():
        kind, _, rest = name.partition("_")
        if kind not in PARTIES:
            continue
        number = PARTIES.index(kind)
        what, _, days = rest.rpartition("_")
        if days.isdigit():
            now, before = (PARTY.at[window_column(_WINDOW_AMOUNTS[what], int(days), p)] for p in ("now", "before"))
            (values if what == "value" else recent).append((at, number, now, before, int(days)))
        elif (column := _OWN_COLUMNS.get(name, _PARTY_COLUMNS.get(rest))) is not None:
            (logs if rest == "shipments" else plain).append((at, number, PARTY.at[column], 0, 0))
    return _Plan(plain), _Plan(logs), _Plan(recent), _Plan(values)


_PLAIN, _LOGS, _RECENT, _VALUES = _plans()
#: Features that count the shipments of a link.
_LINK_COUNTS: Final = {
    "building_shipments": "building", "occupant_shipments": "occupant", "consignor_lane_shipments": "consignor_lane",
}  # fmt: skip
_LINK_ROWS: Final = [LINKS.index(link) for link in _LINK_COUNTS.values()]
_LINK_FEATURES: Final = [_AT[name] for name in _LINK_COUNTS]
_SEEN: Final = [PARTIES.index(kind) for kind in ("consignor", "consignee", "address")]


def fill(keys: HistoryKeys, hour: IntArray, parties: IntArray, links: IntArray, results: tuple[int, int]) -> FloatArray:
    """The features of n shipments.

    Args:
        hour: (n,) hours since 1970.
        parties: (columns, len(PARTIES), n) state as of each shipment; ``links`` likewise.
        results: finds and clean inspections known on all lanes.

    Returns:
        (n, WIDTH), NaN where there is no entity or no past to compare with.
    """
    values = np.full((WIDTH, len(hour)), np.nan)
    declared = keys.parties != 0
    for plan in (_PLAIN, _LOGS):
        counts = parties[plan.column, plan.kind].astype(np.float64)
        values[plan.feature] = np.where(declared[plan.kind], np.log1p(counts) if plan is _LOGS else counts, np.nan)
    for plan in (_RECENT, _VALUES):
        length = plan.hours[:, None]
        whole = parties[plan.column, plan.kind] * length
        whole += parties[plan.before, plan.kind] * (length - hour % length)
        amount = whole / (length * (100 if plan is _VALUES else 1))
        values[plan.feature] = np.where(declared[plan.kind], np.log1p(amount) if plan is _VALUES else amount, np.nan)
    _past(values, keys, hour // DAY_HOURS, parties)
    _split(values, keys, parties, declared)
    _lane(values, parties[:, PARTIES.index("lane")], declared[PARTIES.index("lane")], hour, results)
    _linked(values, keys, links)
    return np.ascontiguousarray(values.T)


def _past(values: FloatArray, keys: HistoryKeys, day: IntArray, parties: IntArray) -> None:
    """What needs an earlier shipment to compare with."""
    at = PARTY.at
    n = parties[at["n"]]
    since = np.where(n > 0, day - parties[at["first_day"]], np.nan)
    values[[_AT["consignor_first_seen_days"], _AT["consignee_first_seen_days"], _AT["address_first_seen_days"]]] = (
        since[_SEEN]
    )
    consignor = PARTIES.index("consignor")
    known = n[consignor] > 0
    values[_AT["consignor_last_seen_days"]] = np.where(known, day - parties[at["last_day"], consignor], np.nan)
    totals, own = parties[[at["cents"], at["grams"]], consignor], np.stack([keys.cents, keys.grams])
    usable = (own > 0) & (totals > 0)
    ratio = np.log(np.where(usable, own * n[consignor].astype(np.float64), 1.0) / np.where(usable, totals, 1))
    values[[_AT["consignor_value_ratio"], _AT["consignor_mass_ratio"]]] = np.where(usable, ratio, np.nan)
    repeats = parties[at["repeats"], consignor] / np.maximum(n[consignor], 1)
    values[_AT["consignor_value_repeats"]] = np.where(known, repeats, np.nan)
    same = keys.cents == parties[at["last_cents"], consignor]
    values[_AT["consignor_value_same"]] = np.where(known & (keys.cents > 0), same, np.nan)


def _split(values: FloatArray, keys: HistoryKeys, parties: IntArray, declared: BoolArray) -> None:
    """Whether small shipments of one day pass the threshold only together."""
    count = parties[PARTY.at[window_column("small", 1, "now")]]
    together = parties[PARTY.at[window_column("small_cents", 1, "now")]] + keys.cents
    small = (keys.cents > 0) & (keys.cents < keys.limit)
    several = small & (count > 0)
    passing = np.where(several & (together >= keys.limit), count, 0).astype(np.float64)
    over = np.where(several, np.log(np.where(several, together, 1) / keys.limit), -np.inf)
    pair = PARTIES.index("pair")
    delivery = [PARTIES.index("consignee"), PARTIES.index("address")]
    for name, kinds in (("pair", [pair]), ("delivery", delivery)):
        there = declared[kinds].any(axis=0)
        values[_AT[f"{name}_split"]] = np.where(there, passing[kinds].max(axis=0), np.nan)
        most = over[kinds].max(axis=0)
        values[_AT[f"{name}_split_value"]] = np.where(np.isfinite(most), most, np.nan)


def _within(state: IntArray, amount: str, days: int, hour: IntArray) -> FloatArray:
    """(n,) windowed sum of one kind of entity."""
    length = days * DAY_HOURS
    now, before = (state[PARTY.at[window_column(amount, days, part)]] for part in ("now", "before"))
    sums: FloatArray = (now * length + before * (length - hour % length)) / length
    return sums


def _lane(values: FloatArray, lane: IntArray, declared: BoolArray, hour: IntArray, results: tuple[int, int]) -> None:
    """How busy the lane is against its own year, and its finds per inspection against all lanes'."""
    at = PARTY.at
    month, year = (_within(lane, "n", days, hour) for days in (30, 365))
    grown = np.log((month + 1.0) / (year * (30.0 / 365.0) + 1.0))
    values[_AT["lane_growth"]] = np.where(declared, grown, np.nan)
    finds, clean = results
    overall = (finds + 1.0) / (finds + clean + 2.0)
    inspected = lane[at["finds"]] + lane[at["clean"]]
    ratio = np.log((lane[at["finds"]] + _LANE_PRIOR * overall) / ((inspected + _LANE_PRIOR) * overall))
    values[_AT["lane_find_ratio"]] = np.where(declared, ratio, np.nan)


def _linked(values: FloatArray, keys: HistoryKeys, links: IntArray) -> None:
    """Counts of links, and what is known at the contacts of the parties."""
    at = LINK.at
    values[_LINK_FEATURES] = np.where(keys.links[_LINK_ROWS] != 0, np.log1p(links[at["n"], _LINK_ROWS]), np.nan)
    first = len(LINKS) - len(CONTACTS)
    given = keys.links[first:] != 0
    names, finds, clean = (links[at[column], first:] for column in ("changes", "finds", "clean"))
    for party, rows in (("consignor", slice(0, 2)), ("consignee", slice(2, 4))):
        there = given[rows].any(axis=0)
        values[_AT[f"{party}_contact_names"]] = np.where(there, names[rows].max(axis=0), np.nan)
        values[_AT[f"{party}_contact_finds"]] = np.where(there, finds[rows].max(axis=0), np.nan)
    values[_AT["contact_clean"]] = np.where(given.any(axis=0), clean.max(axis=0), np.nan)
