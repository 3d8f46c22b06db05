"""Requests and answers of outcomes, overrides and the queue."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from features.manifest.fields import OTHER_CONTRABAND
from features.table.normalise import time as read_time
from features.table.reading import EARLIEST_S
from service.core.errors import Unprocessable
from service.core.http.schemas import Answer, Lane, Probability, answer_of
from service.scoring.summary import FLAT, Summary

if TYPE_CHECKING:
    from service.inspections.outcomes import Finding, Overridden, Recorded
    from service.inspections.queue import Waiting

_MICROSECONDS: Final = 1_000_000
#: Tolerance for result times in the future, because clocks of clients may be fast.
_TOLERANCE_S: Final = 300
#: Characters that PostgreSQL does not store in texts or that break log lines.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]|[\ud800-\udfff]")
#: Approximate rule of `_clean` as a regular expression for the OpenAPI document.
_PATTERN: Final = r"^[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$"

Content = Literal["none", "fentanyl", "analogue", "other_opioid", "precursor", "equipment", "other_contraband", ""]
#: Kinds of other contraband. ``excise`` is tobacco, alcohol and other goods subject to duty.
Kind = Literal["other_drug", "other_chemical", "weapon", "counterfeit", "protected_species", "excise", "other"]


def _clean(text: str) -> str:
    if _CONTROL.search(text):
        raise PydanticCustomError("control", "contains control characters; expected one line of text")
    stripped = text.strip()
    if not stripped:
        raise PydanticCustomError("blank", "is blank; give a text or omit the field")
    return stripped


def _time(text: str) -> str:
    seconds, problem = read_time(text)
    if seconds is None:
        raise PydanticCustomError(
            "time", "{problem}; expected ISO 8601, such as 2026-05-04T15:20:00Z", {"problem": problem or "is missing"}
        )
    if seconds < EARLIEST_S:
        raise PydanticCustomError("time", "lies before the year 1990")
    if seconds > time.time() + _TOLERANCE_S:
        raise PydanticCustomError("time", "lies in the future; record a result when it is known")
    return text


def _add_pattern(schema: dict[str, Any]) -> None:
    schema["pattern"] = _PATTERN


_Short = Annotated[str, Field(max_length=64, json_schema_extra=_add_pattern), AfterValidator(_clean)]
_Line = Annotated[str, Field(max_length=200, json_schema_extra=_add_pattern), AfterValidator(_clean)]
_Reason = Annotated[str, Field(max_length=1000, json_schema_extra=_add_pattern), AfterValidator(_clean)]


def _wrong(field: str, problem: str) -> Unprocessable:
    return Unprocessable(f"{field}: {problem}.", errors=[{"field": field, "problem": problem}])


class OutcomeRequest(BaseModel):
    """Result of an inspection."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=False)

    content: Content = Field(
        description="Content found, or `none` if the shipment was inspected and clean. `other_contraband` is neither clean nor a "
        "find of what `risk` measures. An empty text in a correction withdraws the corrected outcome, for example one recorded for "
        "the wrong shipment",
        examples=["precursor"],
    )
    found_at: Annotated[str, AfterValidator(_time)] = Field(
        description="Time at which the result became known, ISO 8601 in UTC. History uses the result from the next UTC day on",
        examples=["2026-05-04T15:20:00Z"],
    )
    by: _Line = Field(description="Officer or team that inspected the shipment", examples=["Officer 4711"])
    substance: _Line | None = Field(
        default=None,
        description="Name of the substance found. Erasure keeps `substance` and `unit`, so neither may name a person",
        examples=["4-piperidone"],
    )
    quantity: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(default=None, examples=[24.6])
    unit: _Short | None = Field(default=None, description="Unit of `quantity`, UN/ECE Rec 20", examples=["KGM"])
    method: _Line | None = Field(default=None, description="Method of the inspection", examples=["Raman spectrometer"])
    corrects: _Short | None = Field(
        default=None, description="Id of the outcome that this one corrects. Both belong to the same decision"
    )
    seen: Annotated[str, Field(max_length=100, pattern=r"^[^\x00]*$")] | None = Field(
        default=None,
        description="Id of the latest outcome of the shipment that the officer has seen, or an empty text for none. If there is a "
        "later one, nothing is recorded. Without it, this is not checked",
        examples=[None],
    )
    kind: Kind | None = Field(
        default=None,
        description="Kind of the `other_contraband`, required for it; `excise` is tobacco, alcohol and other goods subject to duty",
        examples=[None],
    )

    def finding(self) -> Finding:
        """Return the finding to store.

        Raises:
            Unprocessable: the content is empty without a correction, or the kind does not fit it.
        """
        from service.inspections.outcomes import Finding

        if not self.content and self.corrects is None:
            problem = "is empty; expected a content or none. Only a correction may withdraw an outcome"
            raise _wrong("content", problem)
        if self.content == OTHER_CONTRABAND and self.kind is None:
            raise _wrong("kind", f"is missing; other_contraband needs one of {', '.join(get_args(Kind))}")
        if self.content != OTHER_CONTRABAND and self.kind is not None:
            raise _wrong("kind", "belongs to the content other_contraband only; omit the field")
        seconds, _ = read_time(self.found_at)
        assert seconds is not None
        values = self.model_dump(exclude={"seen"})
        return Finding(**(values | {"found_at": seconds * _MICROSECONDS}))


class OverrideRequest(BaseModel):
    """A lane that an officer chooses."""

    model_config = ConfigDict(extra="forbid")

    lane: Lane = Field(examples=["green"])
    reason: _Reason = Field(examples=["Same goods inspected yesterday; the consignee is the hospital itself"])


class ClaimRequest(BaseModel):
    """Request to claim or to release a shipment."""

    model_config = ConfigDict(extra="forbid")

    by: _Line | None = Field(
        default=None,
        description="Name of the holder. Required if the service has no API keys. With keys, a claim belongs to the pair of key "
        "and name, so that officers who share a key have separate claims",
        examples=["desk 3"],
    )


class OutcomeAnswer(Answer):
    """A stored outcome."""

    outcome_id: str
    decision_id: str
    content: Content
    found_at: str = Field(examples=["2026-05-04T15:20:00Z"])
    by: str | None = Field(description="Null after erasure", examples=["Officer 4711"])
    substance: str | None
    quantity: float | None
    unit: str | None
    method: str | None
    corrects: str | None
    kind: Kind | None = Field(description="Kind of the `other_contraband`; null for another content", examples=[None])
    corrected_by: str | None = Field(description="Id of the outcome that corrects this one")
    recorded_at: str = Field(examples=["2026-05-04T15:31:07.250000Z"])
    caller: str | None = Field(description="Id of the API key")


class OverrideAnswer(Answer):
    """A stored override."""

    override_id: str
    decision_id: str
    lane: Lane
    reason: str | None = Field(description="Null after erasure")
    recorded_at: str
    caller: str | None


class QueuedShipment(Answer):
    """Columns of the queue."""

    decision_id: str
    shipment_id: str = Field(examples=["HB-2026-000187"])
    lane: Literal["red", "yellow"]
    overridden: bool = Field(description="Whether an officer chose the lane")
    selected_by: str | None = Field(description="Cause of the decision's lane", examples=["score"])
    risk: Probability
    percentile: Probability
    received_at: str
    site: str | None = Field(
        description="UN/LOCODE of the shipment's `unloading_location`; the declared text if the location is unknown",
        examples=["USLAX"],
    )
    channel: str | None = Field(
        description="Code of the channel; the declared text if the channel is unknown", examples=["express"]
    )
    claimed_by: str | None = Field(
        description="Holder of the claim: the id of an API key, or a name if the service has no keys"
    )
    by: str | None = Field(description="Name given with the claim, if an API key holds it", examples=["desk 3"])
    claimed_until: str | None


class QueueItem(Summary, QueuedShipment):
    """A shipment that waits for an inspection, with goods, parties, route and reasons of its latest decision."""


class QueueAnswer(Answer):
    """A page of the queue."""

    items: list[QueueItem]
    next: str | None = Field(description="`cursor` of the next page; null on the last page", examples=[None])
    total: int = Field(description="Number of shipments that wait and meet the filters", examples=[1])


#: Columns of a page of the queue as CSV.
QUEUE_COLUMNS: Final = (*QueuedShipment.model_fields, *FLAT)

EXAMPLE_OUTCOME: Final = {
    "content": "precursor",
    "found_at": "2026-05-04T15:20:00Z",
    "by": "Officer 4711",
    "substance": "4-piperidone",
    "quantity": 24.6,
    "unit": "KGM",
    "method": "Raman spectrometer",
}
EXAMPLE_CLEAN: Final = {"content": "none", "found_at": "2026-05-04", "by": "Officer 4711", "method": "opened by hand"}
EXAMPLE_OTHER: Final = {
    "content": "other_contraband",
    "kind": "counterfeit",
    "found_at": "2026-05-04T15:20:00Z",
    "by": "Officer 4711",
    "quantity": 120,
    "unit": "C62",
    "method": "opened by hand",
}
EXAMPLE_OVERRIDE: Final = {
    "lane": "green",
    "reason": "Same goods inspected yesterday; the consignee is the hospital itself",
}


def outcome_answer(outcome: Recorded) -> dict[str, Any]:
    """Return a stored outcome as the JSON of `OutcomeAnswer`."""
    return answer_of(OutcomeAnswer, outcome, outcome_id=outcome.id)


def override_answer(override: Overridden) -> dict[str, Any]:
    """Return a stored override as the JSON of `OverrideAnswer`."""
    return answer_of(OverrideAnswer, override, override_id=override.id)


def queue_item(waiting: Waiting) -> dict[str, Any]:
    """Return a queued shipment as the JSON of `QueueItem`."""
    from service.inspections.queue import parts_of

    claimed_by, name = (None, None) if waiting.claimed_by is None else parts_of(waiting.claimed_by)
    return answer_of(QueueItem, waiting, claimed_by=claimed_by, by=name, **waiting.summary)
