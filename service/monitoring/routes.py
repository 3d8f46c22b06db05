"""Route ``GET /v1/monitoring``: how well the office finds, and whether its traffic has changed."""

from __future__ import annotations

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Response
from pydantic import Field

from service.core.http.dependencies import AppDatabase, PlainJson, provided
from service.core.http.openapi import Scope, needs, problems
from service.core.http.schemas import Answer, Lane
from service.monitoring.current import CurrentMonitoring

router = APIRouter(prefix="/v1/monitoring", tags=["monitoring"])


class Precision(Answer):
    """Finds among inspected shipments."""

    group: str = Field(description="Group of the capacity; empty for the whole office", examples=["USLAX"])
    lane: Lane
    by_chance: bool = Field(description="Whether exploration, or the random share, selected them")
    inspected: int = Field(examples=[480])
    finds: int = Field(examples=[31])
    precision: float = Field(examples=[0.065])
    low: float = Field(description="Bounds of the interval of 95 % (Jeffreys)", examples=[0.045])
    high: float = Field(examples=[0.089])


class Recall(Answer):
    """Share of the illicit shipments that was found; null while exploration has opened nothing, or nothing was found."""

    value: float | None = Field(examples=[0.61])
    low: float | None = Field(description="Bounds of the interval of 95 % (gamma method)", examples=[0.34])
    high: float | None = Field(examples=[0.83])
    finds: int = Field(description="Finds in the top decile", examples=[29])
    explored: int = Field(description="Shipments of the top decile that chance selected", examples=[120])
    explored_finds: int = Field(examples=[2])


class Moved(Answer):
    """A group of a series."""

    group: str = Field(examples=["hs_code"])
    reference: float = Field(description="Its share of the shipments of the reference", examples=[0.05])
    latest: float = Field(description="Its share of those of the latest weeks", examples=[0.11])
    weeks: int = Field(description="Number of latest weeks", examples=[1])
    statistic: float = Field(description="Standard deviations beyond a change of the odds by a tenth", examples=[17.2])
    by_week: list[float] = Field(
        description="Its share in each week: those of the reference, then the latest ones", examples=[[0.05, 0.11]]
    )
    names: list[str] = Field(description="Most frequent members of a group of several")


class Series(Answer):
    """A series that is compared with its reference."""

    series: str = Field(examples=["missing"])
    statistic: float = Field(description="That of the group that moved most", examples=[17.2])
    threshold: float = Field(
        description="All series together exceed theirs once a year without a change", examples=[4.8]
    )
    alarm: bool
    groups: list[Moved] = Field(description="Groups beyond the threshold; without an alarm, the one that moved most")
    advice: str | None = Field(description="With an alarm: what to do")


class Age(Answer):
    """Red decisions of an age."""

    from_days: int = Field(examples=[7])
    to_days: int = Field(examples=[28])
    red: int = Field(examples=[160])
    without_outcome: int = Field(examples=[24])
    share: float | None = Field(examples=[0.15])


class Delay(Answer):
    """Days from receipt to the first result."""

    median: float | None = Field(examples=[2.1])
    p90: float | None = Field(examples=[9.5])


class Labels(Answer):
    """Outcomes of the period."""

    outcomes: int = Field(description="Decisions with a valid outcome", examples=[610])
    finds: int = Field(examples=[33])
    delay_days: Delay
    by_age: list[Age]


class ReferencePeriod(Answer):
    """Weeks that the latest ones are compared with."""

    since: str | None = Field(description="Beginning of its first week", examples=["2026-05-04T00:00:00Z"])
    weeks: int = Field(description="Full weeks so far; drift is measured after `weeks_needed`", examples=[4])
    weeks_needed: int = Field(examples=[4])
    shipments: int = Field(examples=[40000])
    latest: list[str] = Field(description="Beginnings of the weeks that are compared with it")
    scores: dict[str, float] = Field(
        description="Share of its scores above percentiles of the bundle: above 0.99 should be 0.01, otherwise tidewaiter adapt",
        examples=[{"above percentile 0.99": 0.012}],
    )


class References(Answer):
    """References of the series."""

    model: ReferencePeriod = Field(description="Of scores, lanes and unknown words: the first full weeks of the model")
    inputs: ReferencePeriod = Field(
        description="Of the manifests: the weeks before the model, or its first if there are none"
    )


class Served(Answer):
    """The model in service."""

    version: str
    digest: str


class Monitoring(Answer):
    """The report."""

    made_at: str = Field(description="Every quarter of an hour", examples=["2026-06-12T14:03:11Z"])
    since: str = Field(description="Earliest receipt of the decisions of all figures but drift")
    model: Served
    precision: list[Precision]
    top_decile_recall: Recall
    recall_at_least: float | None = Field(
        description="Lower bound (95 %) of the share of all illicit shipments that was found", examples=[0.12]
    )
    expected_finds: float = Field(description="Sum of the risks of the inspected shipments", examples=[36.5])
    observed_finds: int = Field(examples=[33])
    observed_low: float = Field(description="Bounds of the interval of 95 % (Poisson)", examples=[22.7])
    observed_high: float = Field(examples=[46.3])
    agree: bool = Field(description="Whether the expected finds lie in the interval")
    text: str | None = Field(description="What it may mean if they do not")
    labels: Labels
    drift: list[Series] = Field(description="Empty before the reference is complete and a week after it has ended")
    reference: References


@router.get(
    "",
    name="monitoring",
    summary="How well the office finds, and drift",
    response_model=Monitoring,
    responses=problems(409, 422, 500, 503),
)
@needs(Scope.READ)
async def monitoring(_: AppDatabase, current: Annotated[CurrentMonitoring, provided(CurrentMonitoring)]) -> Response:
    """Return precision, recall, expected and observed finds, label delay, and drift against the reference."""
    return PlainJson(await to_thread.run_sync(current.report))
