"""The history features: what each means."""

from __future__ import annotations

from typing import Final

from features.groups.base import declare

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
    ("consignor_finds", "EARLIER_FINDS", "Finds known by then in shipments of the consignor", 1),
    ("consignor_clean", "EARLIER_FINDS", "Clean inspections known by then of the consignor"),
    (
        "consignor_linked_shipments",
        "LINKED_FINDS",
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
    ("consignee_finds", "EARLIER_FINDS", "Finds known by then in shipments to the consignee", 1),
    ("consignee_clean", "EARLIER_FINDS", "Clean inspections known by then of shipments to the consignee"),
    (
        "consignee_linked_shipments",
        "LINKED_FINDS",
        "Earlier shipments to the consignee from a consignor with known finds",
    ),
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
    ("address_finds", "EARLIER_FINDS", "Finds known by then at the address", 1),
    ("address_clean", "EARLIER_FINDS", "Clean inspections known by then at the address"),
    ("address_linked_shipments", "LINKED_FINDS", "Earlier shipments to the address from a consignor with known finds"),
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
    ("pair_finds", "EARLIER_FINDS", "Finds known by then in shipments between the two parties", 1),
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
    (
        "trade_lane_growth",
        "ROUTE_RARE",
        "Log of the trade lane's shipments within 30 days over what is usual for it in a year",
    ),
    (
        "trade_lane_find_ratio",
        "TRADE_LANE_FINDS",
        "Log of the trade lane's finds per inspection known by then over those of all trade lanes",
    ),
    (
        "consignor_trade_lane_shipments",
        "ROUTE_RARE",
        "Shipments of the consignor on this trade lane seen before (log of one more)",
    ),
    ("consignor_contact_names", "CONTACT_SHARED", "Times another name came with the consignor's telephone or e-mail"),
    ("consignee_contact_names", "CONTACT_SHARED", "Times another name came with the consignee's telephone or e-mail"),
    ("consignor_contact_finds", "LINKED_FINDS", "Finds known by then at the consignor's telephone or e-mail", 1),
    ("consignee_contact_finds", "LINKED_FINDS", "Finds known by then at the consignee's telephone or e-mail", 1),
    ("contact_clean", "LINKED_FINDS", "Clean inspections known by then at telephones and e-mails of both parties"),
)
WIDTH: Final = len(FEATURES)
#: Their columns by name.
AT: Final = {feature.name: position for position, feature in enumerate(FEATURES)}
