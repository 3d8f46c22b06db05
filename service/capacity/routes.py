"""Route ``GET /v1/capacity``: what the office can inspect today, and what waits beyond it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import Field

from service.capacity.current import CurrentCapacity
from service.core.http.dependencies import AppDatabase, AppSettings, PlainJson, provided, read_from
from service.core.http.openapi import Scope, needs, problems
from service.core.http.schemas import Answer

router = APIRouter(prefix="/v1/capacity", tags=["capacity"])


class GroupToday(Answer):
    """Inspections of a group today."""

    group: str = Field(description="Site, channel or both; empty for the whole office", examples=["USLAX"])
    capacity: float = Field(
        description="Inspections that the group can make today; 0 on a day without work", examples=[40]
    )
    inspected: int = Field(description="Shipments whose first result was recorded today", examples=[12])
    waiting: int = Field(description="Red shipments that wait in the queue", examples=[40])
    beyond: int = Field(description="Waiting red shipments beyond what can still be inspected today", examples=[12])
    threshold: float | None = Field(
        description="Least log-odds of the risk, before the base rate, at which the score alone makes a shipment red; answers to "
        "shipments state it as a `risk`",
        examples=[-2.31],
    )


class Capacity(Answer):
    """The capacity in force."""

    configured: bool = Field(description="Whether `[capacity]` is set; otherwise lanes are those of the bundle")
    plan: str | None = Field(description="Id of the plan in force; null before the first day of traffic has ended")
    working_day: bool | None
    follows_days: int | None = Field(description="Days of traffic that the thresholds follow", examples=[28])
    follows: str | None = Field(
        description="`own` scores, or those of the bundle's `reference` traffic", examples=["own"]
    )
    groups: list[GroupToday] = Field(description="The whole office first")
    text: str = Field(examples=["12 red beyond today's capacity"])


@router.get(
    "", name="capacity", summary="Today's capacity", response_model=Capacity, responses=problems(409, 422, 500, 503)
)
@needs(Scope.READ)
async def capacity(
    database: AppDatabase,
    settings: AppSettings,
    current: Annotated[CurrentCapacity, provided(CurrentCapacity)],
) -> Response:
    """Return what the office can inspect today, the thresholds in force, and the red shipments beyond the capacity."""
    from service.capacity.today import today_of

    answer: dict[str, Any] = await read_from(database, today_of, settings.capacity, current.plan)
    return PlainJson(answer)
