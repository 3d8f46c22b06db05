"""Filters of lists of decisions: conditions that must all hold, and the query parameters that state them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Query
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
        site, channel: codes, or declared texts without a code.
        since: earliest time of receipt, in microseconds since 1970.
        until: end of the time of receipt (exclusive), in microseconds since 1970.
    """

    lane: str | None = None
    site: str | None = None
    channel: str | None = None
    selected_by: str | None = None
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


_Time = Annotated[int, checked(read_time), WithJsonSchema({"type": "string", "maxLength": 40})]


def selection_of(
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
    since: Annotated[
        _Time | None, Query(description="Received at or after this time, ISO 8601", examples=["2026-05-04"])
    ] = None,
    until: Annotated[
        _Time | None, Query(description="Received before this time, ISO 8601", examples=["2026-05-05T00:00:00Z"])
    ] = None,
    shipment_id: Annotated[
        str | None, Query(max_length=1000, pattern=TEXT, description="Only this shipment", examples=["HB-2026-000184"])
    ] = None,
) -> Selection:
    """Return the filters of a request, for `fastapi.Depends`."""
    return Selection(
        lane,
        # A text without a code, such as a blank one, stays as it is and matches no shipment.
        site and (declared_code("unloading_location", site) or site),
        channel and (declared_code("channel", channel) or channel),
        selected_by,
        since,
        until,
        shipment_id,
    )
