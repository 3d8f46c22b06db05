"""Features of the countries and places on the route."""

from __future__ import annotations

from typing import Final

from features.groups.base import Column, declare
from features.groups.shown import FLAG, LOG_SHARE, flag


class RouteColumn(Column):
    """Columns of the group, in order."""

    ORIGIN_IS_EXPORT = (
        "ROUTE_TRANSIT",
        "the goods come from the country that exports them",
        flag("The goods do not come from the country that exports them"),
    )
    EXPORT_IS_CONSIGNOR = (
        "ROUTE_TRANSIT",
        "they are exported from the consignor's country",
        flag("They are not exported from the consignor's country"),
    )
    ORIGIN_IS_CONSIGNOR = (
        "ROUTE_TRANSIT",
        "they come from the consignor's country",
        flag("They do not come from the consignor's country"),
    )
    LOADING_IS_EXPORT = (
        "ROUTE_TRANSIT",
        "the place of loading is in the country of export",
        flag("The place of loading is not in the country of export"),
    )
    UNLOADING_IS_CONSIGNEE = (
        "ROUTE_TRANSIT",
        "the place of unloading is in the consignee's country",
        flag("The place of unloading is not in the consignee's country"),
    )
    ROUTING_COUNTRIES = "ROUTE_TRANSIT", "Countries passed on the way"
    ROUTING_THIRD_COUNTRY = "ROUTE_TRANSIT", "a country on the way is neither exporter, origin nor destination", FLAG
    TRADE_LANE_SHARE = "ROUTE_RARE", "share of traffic on the trade lane from loading to unloading place", LOG_SHARE
    EXPORT_CHAPTER_SHARE = "ROUTE_RARE", "share of the HS chapter among the traffic of the country of export", LOG_SHARE
    CHANNEL_CARRIER_SHARE = "ROUTE_RARE", "share of the carrier among the traffic of the channel", LOG_SHARE
    ORIGIN_MISSING = "ROUTE_TRANSIT", "the country of origin is missing", FLAG


FEATURES: Final = declare("route", RouteColumn)
