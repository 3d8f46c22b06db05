"""Features of the countries and places on the route."""

from __future__ import annotations

from typing import Final

from features.groups.base import Column, declare


class RouteColumn(Column):
    """Columns of the group, in order."""

    ORIGIN_IS_EXPORT = "ROUTE_TRANSIT", "Whether the goods come from the country that exports them"
    EXPORT_IS_CONSIGNOR = "ROUTE_TRANSIT", "Whether they are exported from the consignor's country"
    ORIGIN_IS_CONSIGNOR = "ROUTE_TRANSIT", "Whether they come from the consignor's country"
    LOADING_IS_EXPORT = "ROUTE_TRANSIT", "Whether the place of loading is in the country of export"
    UNLOADING_IS_CONSIGNEE = "ROUTE_TRANSIT", "Whether the place of unloading is in the consignee's country"
    ROUTING_COUNTRIES = "ROUTE_TRANSIT", "Countries passed on the way"
    ROUTING_THIRD_COUNTRY = "ROUTE_TRANSIT", "Whether a country on the way is neither exporter, origin nor destination"
    TRADE_LANE_SHARE = (
        "ROUTE_RARE",
        "Log share of traffic on the trade lane from loading to unloading place",
    )
    EXPORT_CHAPTER_SHARE = "ROUTE_RARE", "Log share of the HS chapter among the traffic of the country of export"
    CHANNEL_CARRIER_SHARE = "ROUTE_RARE", "Log share of the carrier among the traffic of the channel"
    ORIGIN_MISSING = "ROUTE_TRANSIT", "Whether the country of origin is missing"


FEATURES: Final = declare("route", RouteColumn)
