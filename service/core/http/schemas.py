"""Pydantic models: the validation of requests, and the documentation of responses, which are plain values at run time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, Literal, TypeVar

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.core.database.times import iso_time_or_none
from service.core.errors import schema_mismatch

T = TypeVar("T", bound=BaseModel)

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Lane = Literal["red", "yellow", "green"]
Cursor = Annotated[str | None, Query(description="`next` of the previous page", pattern=r"^[0-9]{1,18}$")]
#: Endings of the names of times.
_TIMES: Final = ("_at", "_since", "_until")


class Answer(BaseModel):
    """Base of the response models: undocumented members are not allowed."""

    model_config = ConfigDict(extra="forbid")


class FieldProblem(Answer):
    """A field and its problem."""

    field: str = Field(description="Name of the field in the request", examples=["gross_mass_kg"])
    problem: str = Field(description="The problem, and what is expected", examples=["'1,2,3' is not a number"])


class Problem(BaseModel):
    """RFC 9457 problem details, the form of every error."""

    type: str = Field(description="Kind of problem", examples=["urn:tidewaiter:problem:unreadable"])
    title: str = Field(examples=["Cannot be read"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["The shipment cannot be read: shipment_id: is missing."])
    instance: str = Field(description="Path of the request", examples=["/v1/score"])
    errors: list[FieldProblem] = Field(description="Fields and their problems")
    request_id: str | None = Field(default=None, examples=["3c2f8a52-6a4e-4d0b-8d5b-0c3c5a4f9f10"])
    limit_bytes: int | None = Field(default=None, description="With 413: the limit that was exceeded")
    claimed_by: str | None = Field(default=None, description="With 409 of a claim: holder of the shipment")
    by: str | None = Field(
        default=None, description="With 409 of a claim: name given with the claim, if an API key holds the shipment"
    )
    claimed_until: str | None = Field(default=None, description="With 409 of a claim: when the claim ends")
    rejected: list[RejectedShipment] | None = Field(
        default=None, description="With 422 of a batch: the refused shipments and their problems"
    )


class Listing(Answer):
    """A listing of the substance that is in force on the day of ``declared_at``."""

    jurisdiction: str = Field(description="ISO code, UN or EU", examples=["UN"])
    instrument: str = Field(examples=["1988 Convention"])
    listing: str = Field(description="Schedule or table of the instrument", examples=["Table I"])
    status: str = Field(description="listed or temporary", examples=["listed"])
    effective_from: str | None = Field(examples=["2017-10-18"])
    date_precision: str = Field(
        description="day; by: in force by that day; year: from 31 December of that year; unknown", examples=["day"]
    )
    source: str
    verified: str = Field(description="Whether the row was checked against the instrument itself")


class UnreadableQuery(Answer):
    """A query of a batch that cannot be read."""

    query: str | None
    problem: str = Field(description="The problem, and what is expected")


class RejectedShipment(Answer):
    """A shipment of the request that cannot be read."""

    index: int = Field(description="Position in the request, from 0", ge=0, examples=[3])
    shipment_id: str | None = Field(examples=["HB-2026-000187"])
    problems: list[FieldProblem]


Problem.model_rebuild()


def read_request(kind: type[T], data: object) -> T:
    """Validate parsed JSON and return the request.

    Raises:
        Unprocessable: the data does not match the schema; the error names the fields.
    """
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise schema_mismatch("The body does not match the schema", error) from None


def answer_of(schema: type[BaseModel], row: Any, timespec: str = "auto", **given: Any) -> dict[str, Any]:
    """Return a row as the JSON of a schema, whose members come from ``given``, otherwise from the attributes of the row.

    Times of the row, in microseconds since 1970, become ISO 8601.

    Args:
        timespec: see `iso_time`.
    """
    rest = {name: getattr(row, name) for name in schema.model_fields if name not in given}
    times = {name: iso_time_or_none(value, timespec) for name, value in rest.items() if name.endswith(_TIMES)}
    values = rest | times | given
    return {name: values[name] for name in schema.model_fields}


def page_of(
    name: str, rows: Sequence[Any], limit: int, shown: Callable[[Any], dict[str, Any]], cursor: str = "position"
) -> dict[str, Any]:
    """Return the JSON of a page of at most ``limit`` rows: ``name`` has the rows, and ``next`` the cursor of the next page, if any.

    Args:
        rows: one row more than ``limit``, if there are as many.
        cursor: attribute of a row after which the next page begins.
    """
    following = str(getattr(rows[limit - 1], cursor)) if len(rows) > limit else None
    return {name: [shown(row) for row in rows[:limit]], "next": following}
