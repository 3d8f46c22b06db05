"""Features of the history of parties, addresses and trade lanes."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from features.groups.base import Column, declare
from features.groups.shown import FLAG, LOG_COUNT, NUMBER, PERIOD, SHARE, TIMES, Shown, exp_of, number_text


def _days_ago(days: float) -> str:
    """Format a number of days; none is told as the same day."""
    return "0, the same day" if days == 0.0 else number_text(days)


_CONSIGNOR_SEEN: Final = Shown(_days_ago, unknown="The consignor was not seen before")
_CONSIGNEE_SEEN: Final = Shown(_days_ago, unknown="The consignee was not seen before")
_OF_CONSIGNOR: Final = replace(SHARE, after=" (smoothed)", unknown="No earlier shipment of the consignor is known")
_ON_LANE: Final = replace(LOG_COUNT, unknown="Whether the consignor used this trade lane before is not known")
_GROWTH: Final = Shown(
    lambda value: "as many as usual" if value == 0.0 else f"{number_text(exp_of(value))} times the usual number",
    label="Shipments on this trade lane within 30 days",
    before=TIMES.before,
    usual_within=TIMES.usual_within,
)


class HistoryColumn(Column):
    """Columns of the group, in order. `features.groups.history.reads` defines how each is computed."""

    CONSIGNOR_SHIPMENTS = "HISTORY_VOLUME", "Shipments of the consignor so far", LOG_COUNT
    CONSIGNOR_RECENT_1 = "HISTORY_VOLUME", "Shipments of the consignor within a day"
    CONSIGNOR_RECENT_7 = "HISTORY_VOLUME", "Shipments of the consignor within 7 days", PERIOD
    CONSIGNOR_RECENT_30 = "HISTORY_VOLUME", "Shipments of the consignor within 30 days", PERIOD
    CONSIGNOR_RECENT_365 = "HISTORY_VOLUME", "Shipments of the consignor within 365 days", PERIOD
    CONSIGNOR_VALUE_1 = "VALUE_HISTORY", "US dollars that the consignor sent within a day", LOG_COUNT
    CONSIGNOR_VALUE_7 = "VALUE_HISTORY", "US dollars that the consignor sent within 7 days", LOG_COUNT
    CONSIGNOR_VALUE_30 = "VALUE_HISTORY", "US dollars that the consignor sent within 30 days", LOG_COUNT
    CONSIGNOR_VALUE_365 = "VALUE_HISTORY", "US dollars that the consignor sent within 365 days", LOG_COUNT
    CONSIGNOR_FIRST_SEEN_DAYS = "NEW_CONSIGNOR", "Days since the consignor was first seen"
    CONSIGNOR_LAST_SEEN_DAYS = "HISTORY_VOLUME", "Days since the consignor was last seen", _CONSIGNOR_SEEN
    CONSIGNOR_CONSIGNEES = "HISTORY_VOLUME", "Different consignees that the consignor has sent to"
    CONSIGNOR_NEW_CONSIGNEES_30 = (
        "HISTORY_VOLUME",
        "Consignees that the consignor has sent to for the first time within 30 days",
        PERIOD,
    )
    CONSIGNOR_ADDRESSES = "HISTORY_VOLUME", "Different addresses that the consignor has sent to"
    CONSIGNOR_NEW_ADDRESSES_30 = (
        "HISTORY_VOLUME",
        "Addresses that the consignor has sent to for the first time within 30 days",
        PERIOD,
    )
    CONSIGNOR_VALUE_RATIO = "VALUE_HISTORY", "shipment's value over the consignor's mean value so far", TIMES
    CONSIGNOR_MASS_RATIO = "VALUE_HISTORY", "shipment's mass over the consignor's mean mass so far", TIMES
    CONSIGNOR_VALUE_REPEATS = (
        "VALUE_HISTORY",
        "Share of the consignor's shipments with the value of the previous one",
        SHARE,
    )
    CONSIGNOR_VALUE_SAME = "VALUE_HISTORY", "the value equals that of the consignor's previous shipment", FLAG
    CONSIGNOR_FINDS = "EARLIER_FINDS", "Finds in shipments of the consignor, as known at the time", NUMBER, 1
    CONSIGNOR_CLEAN = "EARLIER_FINDS", "Clean inspections of the consignor, as known at the time"
    CONSIGNOR_LINKED_SHIPMENTS = (
        "LINKED_FINDS",
        "Earlier shipments of the consignor to a consignee or address with known finds",
    )
    CONSIGNEE_SHIPMENTS = "HISTORY_VOLUME", "Shipments to the consignee so far", LOG_COUNT
    CONSIGNEE_RECENT_30 = "HISTORY_VOLUME", "Shipments to the consignee within 30 days", PERIOD
    CONSIGNEE_RECENT_365 = "HISTORY_VOLUME", "Shipments to the consignee within 365 days", PERIOD
    CONSIGNEE_VALUE_30 = "VALUE_HISTORY", "US dollars sent to the consignee within 30 days", LOG_COUNT
    CONSIGNEE_FIRST_SEEN_DAYS = "HISTORY_VOLUME", "Days since the consignee was first seen", _CONSIGNEE_SEEN
    CONSIGNEE_CONSIGNORS = "ADDRESS_SHARED", "Different consignors that have sent to the consignee"
    CONSIGNEE_NEW_CONSIGNORS_30 = (
        "ADDRESS_SHARED",
        "Consignors that have sent to the consignee for the first time within 30 days",
        PERIOD,
    )
    CONSIGNEE_FINDS = "EARLIER_FINDS", "Finds in shipments to the consignee, as known at the time", NUMBER, 1
    CONSIGNEE_CLEAN = "EARLIER_FINDS", "Clean inspections of shipments to the consignee, as known at the time"
    CONSIGNEE_LINKED_SHIPMENTS = "LINKED_FINDS", "Earlier shipments to the consignee from a consignor with known finds"
    ADDRESS_SHIPMENTS = "ADDRESS_SHARED", "Shipments to the address so far", LOG_COUNT
    ADDRESS_RECENT_1 = "ADDRESS_SHARED", "Shipments to the address within a day"
    ADDRESS_RECENT_7 = "ADDRESS_SHARED", "Shipments to the address within 7 days", PERIOD
    ADDRESS_RECENT_30 = "ADDRESS_SHARED", "Shipments to the address within 30 days", PERIOD
    ADDRESS_VALUE_30 = "VALUE_HISTORY", "US dollars sent to the address within 30 days", LOG_COUNT
    ADDRESS_FIRST_SEEN_DAYS = "ADDRESS_SHARED", "Days since the address was first seen"
    ADDRESS_NAMES = "ADDRESS_SHARED", "Different consignee names seen at the address"
    ADDRESS_NEW_NAMES_30 = (
        "ADDRESS_SHARED",
        "Consignee names seen at the address for the first time within 30 days",
        PERIOD,
    )
    ADDRESS_CONSIGNORS = "ADDRESS_SHARED", "Different consignors that have sent to the address"
    ADDRESS_PRESS_30 = (
        "EQUIPMENT_DECLARED",
        "Goods items of press, filling and packing machinery to the address within 30 days",
        PERIOD,
    )
    ADDRESS_FINDS = "EARLIER_FINDS", "Finds at the address, as known at the time", NUMBER, 1
    ADDRESS_CLEAN = "EARLIER_FINDS", "Clean inspections at the address, as known at the time"
    ADDRESS_LINKED_SHIPMENTS = "LINKED_FINDS", "Earlier shipments to the address from a consignor with known finds"
    BUILDING_SHIPMENTS = "ADDRESS_SHARED", "Shipments to the building, in any unit, so far", LOG_COUNT
    OCCUPANT_SHIPMENTS = "ADDRESS_SHARED", "Shipments to this name at the address so far", LOG_COUNT
    PAIR_SHIPMENTS = "HISTORY_VOLUME", "Shipments from this consignor to this consignee so far", LOG_COUNT
    PAIR_RECENT_7 = "SPLIT_CONSIGNMENT", "Shipments between the two parties within 7 days", PERIOD
    PAIR_RECENT_30 = "SPLIT_CONSIGNMENT", "Shipments between the two parties within 30 days", PERIOD
    PAIR_VALUE_30 = "SPLIT_CONSIGNMENT", "US dollars sent between the two parties within 30 days", LOG_COUNT
    PAIR_FINDS = "EARLIER_FINDS", "Finds in shipments between the two parties, as known at the time", NUMBER, 1
    CONSIGNOR_CITY_RECENT_7 = (
        "SPLIT_CONSIGNMENT",
        "Shipments of the consignor to the consignee's city within 7 days",
        PERIOD,
    )
    CONSIGNOR_CITY_NEW_CONSIGNEES_30 = (
        "SPLIT_CONSIGNMENT",
        "Consignees in the city that the consignor has sent to for the first time within 30 days",
        PERIOD,
    )
    CITY_HEADING_RECENT_7 = (
        "SPLIT_CONSIGNMENT",
        "Shipments of any consignor with this HS heading to the consignee's city within 7 days",
        PERIOD,
    )
    CONSIGNOR_CHAPTERS = "GOODS_HISTORY", "Different HS chapters that the consignor has sent"
    CONSIGNOR_CHAPTER_SHARE = (
        "GOODS_HISTORY",
        "Share of the consignor's earlier shipments with the HS chapter of this one",
        _OF_CONSIGNOR,
    )
    CONSIGNOR_HEADING_SHARE = (
        "GOODS_HISTORY",
        "Share of the consignor's earlier shipments with the HS heading of this one",
        _OF_CONSIGNOR,
    )
    CONSIGNOR_HEADING_SHIPMENTS = "GOODS_HISTORY", "Shipments of the consignor with this HS heading so far", LOG_COUNT
    CONSIGNOR_CHEMISTRY_SHARE = (
        "GOODS_HISTORY",
        "Share of the consignor's earlier shipments in HS chapters of chemistry (28, 29, 38)",
        SHARE,
    )
    CONSIGNOR_CHEMISTRY_TURN = (
        "GOODS_HISTORY",
        "Share of other goods in the consignor's earlier shipments if this one is chemistry (HS 28, 29, 38), otherwise 0",
        SHARE,
    )
    PAIR_HEADING_SHIPMENTS = "GOODS_HISTORY", "Shipments between the two parties with this HS heading so far", LOG_COUNT
    PAIR_SPLIT = (
        "SPLIT_CONSIGNMENT",
        "Other shipments of the day between the parties, each below the duty threshold, that reach it together with this one",
    )
    PAIR_SPLIT_VALUE = (
        "SPLIT_CONSIGNMENT",
        "day's values between the parties, each below the duty threshold, over that threshold",
        TIMES,
    )
    DELIVERY_SPLIT = (
        "SPLIT_CONSIGNMENT",
        "Other shipments of the day to the consignee or address, each below the duty threshold, that reach it with this one",
    )
    DELIVERY_SPLIT_VALUE = (
        "SPLIT_CONSIGNMENT",
        "day's values to the consignee or address, each below the duty threshold, over that threshold",
        TIMES,
    )
    TRADE_LANE_GROWTH = "ROUTE_RARE", "trade lane's shipments within 30 days over its average in the past year", _GROWTH
    TRADE_LANE_FIND_RATIO = (
        "TRADE_LANE_FINDS",
        "trade lane's finds per inspection over those of all trade lanes, as known at the time",
        replace(
            TIMES,
            label="Finds per inspection on this trade lane, as known at the time",
            words=lambda value: (
                "as many as elsewhere" if value == 0.0 else f"{number_text(exp_of(value))} times as many as elsewhere"
            ),
        ),
    )
    CONSIGNOR_TRADE_LANE_SHIPMENTS = "ROUTE_RARE", "Shipments of the consignor on this trade lane so far", _ON_LANE
    CONSIGNOR_CONTACT_NAMES = "CONTACT_SHARED", "Changes of the name declared with the consignor's telephone or e-mail"
    CONSIGNEE_CONTACT_NAMES = "CONTACT_SHARED", "Changes of the name declared with the consignee's telephone or e-mail"
    CONSIGNOR_CONTACT_FINDS = (
        "LINKED_FINDS",
        "Finds at the consignor's telephone or e-mail, as known at the time",
        NUMBER,
        1,
    )
    CONSIGNEE_CONTACT_FINDS = (
        "LINKED_FINDS",
        "Finds at the consignee's telephone or e-mail, as known at the time",
        NUMBER,
        1,
    )
    CONTACT_CLEAN = "LINKED_FINDS", "Clean inspections at telephones and e-mails of both parties, as known at the time"


FEATURES: Final = declare("history", HistoryColumn)
WIDTH: Final = len(FEATURES)
