"""Filters of lists of decisions: conditions that must all hold, and the query parameters that state them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Query
from pydantic import WithJsonSchema

from service.core.database.times import microseconds_of
from service.core.http.bodies import checked
from service.core.http.schemas import Lane
from service.scoring.recording import declared_code
from service.scoring.schemas import SelectedBy

#: PostgreSQL cannot store U+0000 in texts.
TEXT: Final = r"^[^\x00]+$"


@dataclass(frozen=True, slots=True)
class Selection:
    """Conditions on decisions; None leaves a condition out.

    Attributes:
        q: text whose words a decision has.
        site, channel: codes, or declared texts without a code.
        origin, destination: codes of countries.
        since: earliest time of receipt, in microseconds since 1970.
        until: end of the time of receipt (exclusive), in microseconds since 1970.
    """

    q: str | None = None
    lane: str | None = None
    site: str | None = None
    channel: str | None = None
    selected_by: str | None = None
    origin: str | None = None
    destination: str | None = None
    since: int | None = None
    until: int | None = None
    shipment_id: str | None = None


def read_time(text: str) -> int:
    """Return a time as microseconds since 1970. A time without an offset is in UTC; a date alone means 00:00.

    Raises:
        ValueError: the text is not a time in ISO 8601.
    """
    try:
        time = dt.datetime.fromisoformat(text.strip())
        return microseconds_of(time if time.tzinfo else time.replace(tzinfo=dt.UTC))
    except (ValueError, OverflowError):
        raise ValueError("is not a time in ISO 8601, such as 2026-05-04T09:30:00Z or 2026-05-04") from None


#: Type of a query parameter with a time, in microseconds since 1970.
Time = Annotated[int, checked(read_time), WithJsonSchema({"type": "string", "maxLength": 40})]


def _contents(
    q: Annotated[
        str | None,
        Query(
            max_length=200,
            pattern=TEXT,
            description="Only shipments with all these words, in any script: of goods, parties, addresses, contacts and numbers",
            examples=["citric acid"],
        ),
    ] = None,
    origin: Annotated[
        str | None,
        Query(max_length=64, description="Only goods from this country, a code in any case", examples=["CN"]),
    ] = None,
    destination: Annotated[
        str | None, Query(max_length=64, description="Only consignees in this country", examples=["US"])
    ] = None,
) -> dict[str, str | None]:
    return {
        "q": q,
        # A text without a code, such as a blank one, stays as it is and matches no shipment.
        "origin": origin and (declared_code("origin_country", origin) or origin),
        "destination": destination and (declared_code("consignee_country", destination) or destination),
    }


def _columns(
    lane: Annotated[Lane | None, Query(description="Only this lane")] = None,
    site: Annotated[
        str | None,
        Query(
            max_length=64,
            description="Only shipments with this `unloading_location`, a UN/LOCODE or IATA code in any case",
            examples=["USLAX"],
        ),
    ] = None,
    channel: Annotated[
        str | None, Query(max_length=64, description="Only this channel, in any case", examples=["express"])
    ] = None,
    selected_by: Annotated[SelectedBy | None, Query(description="Only lanes that this set")] = None,
    shipment_id: Annotated[
        str | None, Query(max_length=1000, pattern=TEXT, description="Only this shipment", examples=["HB-2026-000184"])
    ] = None,
) -> dict[str, str | None]:
    return {
        "lane": lane,
        "site": site and (declared_code("unloading_location", site) or site),
        "channel": channel and (declared_code("channel", channel) or channel),
        "selected_by": selected_by,
        "shipment_id": shipment_id,
    }


def selection_of(
    contents: Annotated[dict[str, str | None], Depends(_contents)],
    columns: Annotated[dict[str, str | None], Depends(_columns)],
    since: Annotated[
        Time | None, Query(description="Received at or after this time, ISO 8601", examples=["2026-05-04"])
    ] = None,
    until: Annotated[
        Time | None, Query(description="Received before this time, ISO 8601", examples=["2026-05-05T00:00:00Z"])
    ] = None,
) -> Selection:
    """Return the filters of a request, for `fastapi.Depends`."""
    return Selection(since=since, until=until, **contents, **columns)
