"""Requests and answers of outcomes, overrides and the queue."""

from __future__ import annotations

import datetime as dt
import re
import time
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from features.table.normalise import time as read_time
from features.table.times import EARLIEST_S
from service import store
from service.api.schemas import Answer, Lane, Probability
from service.errors import Unprocessable, shortened

if TYPE_CHECKING:
    from service.store.outcomes import Finding, Overridden, Recorded
    from service.store.queue import Waiting

T = TypeVar("T", bound=BaseModel)

_MICROSECONDS: Final = 1_000_000
#: Tolerance for times of results in the future, because of clock differences.
_TOLERANCE_S: Final = 300
#: Characters that PostgreSQL does not keep in a text, or that break lines in logs.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]|[\ud800-\udfff]")

Content = Literal["none", "fentanyl", "analogue", "other_opioid", "precursor", "equipment", ""]


def _clean(text: str) -> str:
    if _CONTROL.search(text):
        raise PydanticCustomError("control", "contains control characters; expected one line of text")
    stripped = text.strip()
    if not stripped:
        raise PydanticCustomError("blank", "is blank; leave it out or name it")
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
        raise PydanticCustomError("time", "lies in the future; a result is recorded once it is known")
    return text


#: The same for the OpenAPI document.
_PATTERN: Final = r"^[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$"


def _shown(schema: dict[str, Any]) -> None:
    schema["pattern"] = _PATTERN


_Short = Annotated[str, Field(max_length=64, json_schema_extra=_shown), AfterValidator(_clean)]
_Line = Annotated[str, Field(max_length=200, json_schema_extra=_shown), AfterValidator(_clean)]
_Reason = Annotated[str, Field(max_length=1000, json_schema_extra=_shown), AfterValidator(_clean)]


class OutcomeRequest(BaseModel):
    """Result of an inspection."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=False)

    content: Content = Field(
        description="What was found: `none` for inspected and clean. Empty in a correction takes the corrected outcome back, for a "
        "result that was recorded for the wrong shipment",
        examples=["precursor"],
    )
    found_at: Annotated[str, AfterValidator(_time)] = Field(
        description="When the result was known, ISO 8601 in UTC. History uses it from the next UTC day on",
        examples=["2026-05-04T15:20:00Z"],
    )
    by: _Line = Field(description="Who found it", examples=["Officer 4711"])
    substance: _Line | None = Field(
        default=None,
        description="What was found. An erasure keeps it, as it does `unit`, so neither may name a person",
        examples=["4-piperidone"],
    )
    quantity: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(default=None, examples=[24.6])
    unit: _Short | None = Field(default=None, description="Unit of `quantity`, UN/ECE Rec 20", examples=["KGM"])
    method: _Line | None = Field(default=None, description="How it was found", examples=["Raman spectrometer"])
    corrects: _Short | None = Field(
        default=None, description="Id of the outcome of the same decision that this one corrects"
    )

    def finding(self) -> Finding:
        """Return the finding to store.

        Raises:
            Unprocessable: the content is empty without a correction.
        """
        if not self.content and self.corrects is None:
            problem = "is empty; expected what was found, or none. Only a correction may take an outcome back"
            raise Unprocessable(f"content: {problem}.", errors=[{"field": "content", "problem": problem}])
        seconds, _ = read_time(self.found_at)
        assert seconds is not None
        values = self.model_dump()
        return store.outcomes.Finding(**(values | {"found_at": seconds * _MICROSECONDS}))


class OverrideRequest(BaseModel):
    """A lane that a person chose."""

    model_config = ConfigDict(extra="forbid")

    lane: Lane = Field(examples=["green"])
    reason: _Reason = Field(examples=["Same goods inspected yesterday; the consignee is the hospital itself"])


class ClaimRequest(BaseModel):
    """Who claims or releases."""

    model_config = ConfigDict(extra="forbid")

    by: _Line | None = Field(
        default=None,
        description="Name of the holder, needed without API keys. With keys, the key holds the shipment under this name, so that "
        "officers who share a key do not share their claims",
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


class QueueItem(Answer):
    """A shipment that waits for an inspection."""

    decision_id: str
    shipment_id: str = Field(examples=["HB-2026-000187"])
    lane: Literal["red", "yellow"]
    overridden: bool = Field(description="Whether a person chose the lane")
    selected_by: str | None = Field(description="What set the decision's lane", examples=["score"])
    risk: Probability
    percentile: Probability
    received_at: str
    site: str | None = Field(
        description="The shipment's `unloading_location` as UN/LOCODE; an unknown one as declared", examples=["USLAX"]
    )
    channel: str | None = Field(description="The code of the channel; an unknown one as declared", examples=["express"])
    claimed_by: str | None = Field(description="Who holds it: the id of an API key, or without keys a name")
    by: str | None = Field(description="The name under which the API key holds it", examples=["desk 3"])
    claimed_until: str | None


class QueueAnswer(Answer):
    """The first shipments of the queue."""

    queue: list[QueueItem]
    more: bool = Field(description="Whether further shipments wait")


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
EXAMPLE_OVERRIDE: Final = {
    "lane": "green",
    "reason": "Same goods inspected yesterday; the consignee is the hospital itself",
}


def read_request(kind: type[T], data: object) -> T:
    """Return the request of parsed JSON.

    Raises:
        Unprocessable: it does not fit; the error names the fields.
    """
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        errors = [
            {
                "field": ".".join(str(part) for part in one["loc"]),
                "problem": f"{one['msg']}; got {shortened(one.get('input'))}",
            }
            for one in error.errors()
        ]
        text = "; ".join(f"{one['field']}: {one['problem']}" if one["field"] else one["problem"] for one in errors)
        raise Unprocessable(f"The body does not fit: {text}.", errors=errors) from None


def iso(microseconds: int) -> str:
    """Return a time of the store as ISO 8601 in UTC."""
    moment = dt.datetime.fromtimestamp(microseconds // _MICROSECONDS, dt.UTC)
    return moment.replace(microsecond=microseconds % _MICROSECONDS).isoformat().replace("+00:00", "Z")


def outcome_answer(outcome: Recorded) -> dict[str, Any]:
    """Return the answer of a stored outcome, as in `OutcomeAnswer`."""
    return {
        "outcome_id": outcome.id,
        "decision_id": outcome.decision_id,
        "content": outcome.content,
        "found_at": iso(outcome.found_at),
        "by": outcome.by,
        "substance": outcome.substance,
        "quantity": outcome.quantity,
        "unit": outcome.unit,
        "method": outcome.method,
        "corrects": outcome.corrects,
        "corrected_by": outcome.corrected_by,
        "recorded_at": iso(outcome.recorded_at),
        "caller": outcome.caller,
    }


def override_answer(override: Overridden) -> dict[str, Any]:
    """Return the answer of a stored override, as in `OverrideAnswer`."""
    return {
        "override_id": override.id,
        "decision_id": override.decision_id,
        "lane": override.lane,
        "reason": override.reason,
        "recorded_at": iso(override.recorded_at),
        "caller": override.caller,
    }


def queue_item(waiting: Waiting) -> dict[str, Any]:
    """Return the answer of a shipment of the queue, as in `QueueItem`."""
    until = waiting.claimed_until
    claimed_by, name = (None, None) if waiting.claimed_by is None else store.queue.parts_of(waiting.claimed_by)
    return {
        "decision_id": waiting.decision_id,
        "shipment_id": waiting.shipment_id,
        "lane": waiting.lane,
        "overridden": waiting.overridden,
        "selected_by": waiting.selected_by,
        "risk": waiting.risk,
        "percentile": waiting.percentile,
        "received_at": iso(waiting.received_at),
        "site": waiting.site,
        "channel": waiting.channel,
        "claimed_by": claimed_by,
        "by": name,
        "claimed_until": None if until is None else iso(until),
    }
