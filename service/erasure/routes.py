"""``POST /v1/erasures``: erasure of personal data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Self

from anyio import to_thread
from fastapi import APIRouter, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from service.core.database.times import iso_time, microseconds_of
from service.core.errors import schema_mismatch
from service.core.http.bodies import read_json_text
from service.core.http.dependencies import AppDatabase, AppSettings, PlainJson, caller_of
from service.core.http.openapi import Scope, needs, problems
from service.core.http.schemas import Answer
from service.scoring.decision import ToErase

if TYPE_CHECKING:
    from service.erasure.everywhere import Report

router = APIRouter(prefix="/v1", tags=["personal data"])

_MOST_BYTES = 16 << 10
_ID = "d3b1c6f2-4e8a-4c1e-9d2b-7a5f0e6c8b19"


class NewErasure(BaseModel):
    """Data to erase: exactly one of the three members."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"minProperties": 1, "maxProperties": 1})

    before: Annotated[AwareDatetime | None, Field(description="Everything received before this time")] = None
    shipment_id: Annotated[str | None, Field(min_length=1, description="All decisions on a shipment")] = None
    decision_id: Annotated[str | None, Field(min_length=1, description="One decision")] = None

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if sum(one is not None for one in (self.before, self.shipment_id, self.decision_id)) != 1:
            raise ValueError("exactly one of before, shipment_id and decision_id is needed")
        return self


class KnownBackup(Answer):
    """A backup that the audit chain records."""

    taken_at: str = Field(description="Time of the backup, ISO 8601, UTC", examples=["2026-11-27T03:00:00Z"])
    sha256: str = Field(description="SHA-256 of its content, as in the audit chain", examples=["9f3c" * 16])


class Erasure(Answer):
    """Result of an erasure."""

    erasure_id: str = Field(description="Subject of the erasure's entries in the audit chain", examples=[_ID])
    decisions: int = Field(description="Decisions whose personal data was erased", examples=[2])
    jobs: int = Field(description="Jobs whose files were deleted", examples=[0])
    recorded: int = Field(description="Shipments deleted from the record of traffic", examples=[0])
    set_aside: int = Field(description="Decisions deleted from journal lines that were set aside", examples=[0])
    backups: list[KnownBackup] = Field(
        description="Backups made before, newest first, at most 100. They still contain the erased data"
    )
    scrubbed: bool | None = Field(
        description="true: the database files contain no erased bytes; false: the database was in use, and erased bytes may remain "
        "in its files; null: PostgreSQL, whose files keep old rows until VACUUM",
        examples=[True],
    )


@router.post(
    "/erasures",
    summary="Erase personal data",
    response_model=Erasure,
    responses=problems(409, 413, 415, 422, 500, 503),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": NewErasure.model_json_schema(),
                    "example": {"shipment_id": "A-1"},
                }
            },
        }
    },
)
@needs(Scope.ADMIN)
async def create_erasure(request: Request, database: AppDatabase, settings: AppSettings) -> Response:
    """Erase manifests, texts and names of the selected decisions. Scores, lanes, reason codes and the audit chain remain. Other
    writes to the database wait meanwhile; use `tidewaiter erase` for large amounts. The answer is 409, with the ids of the jobs,
    while open jobs have selected rows. It is also 409 while selected decisions wait in the journal. An outcome or override that is
    recorded after an erasure remains until the next erasure.
    """
    from service.erasure.everywhere import erase

    selection = _selection(await read_json_text(request, _MOST_BYTES))
    report = await to_thread.run_sync(erase, database, settings, selection, caller_of(request))
    return PlainJson(_report_to_json(report))


def _selection(body: bytes) -> ToErase:
    try:
        requested = NewErasure.model_validate_json(body)
    except ValidationError as error:
        raise schema_mismatch("The erasure cannot be read", error) from None
    before = None if requested.before is None else microseconds_of(requested.before)
    return ToErase(before, requested.shipment_id, requested.decision_id)


def _report_to_json(report: Report) -> dict[str, Any]:
    return {
        "erasure_id": report.id,
        "decisions": report.decisions,
        "jobs": report.jobs,
        "recorded": report.recorded,
        "set_aside": report.set_aside,
        "backups": [{"taken_at": iso_time(one.taken_at), "sha256": one.digest} for one in report.backups],
        "scrubbed": report.is_scrubbed,
    }
