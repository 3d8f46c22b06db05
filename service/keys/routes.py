"""``/v1/keys``: creation, list and revocation of API keys."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from anyio import to_thread
from fastapi import APIRouter, Path, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from service.core.database.times import microseconds_of
from service.core.errors import NotFound, Unprocessable, schema_mismatch
from service.core.http.bodies import read_json_text
from service.core.http.dependencies import AppDatabase, PlainJson, caller_of, provided
from service.core.http.openapi import Scope, needs, problems
from service.core.http.schemas import answer_of
from service.keys.key import MOST_NAME, Key, KeyRefused, KeyWishes
from service.keys.ring import KeyRing

AppRing = Annotated[KeyRing | None, provided(KeyRing)]

router = APIRouter(prefix="/v1", tags=["keys"])

#: Bytes of a request. A name is the only text in it.
_MOST_BYTES = 16 << 10


class NewKey(BaseModel):
    """Properties of a new key."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=MOST_NAME, description="Who uses the key, and for what")]
    scopes: Annotated[
        frozenset[Scope], Field(min_length=1, description="Permissions of the key; no scope implies another")
    ]
    expires_at: Annotated[
        AwareDatetime | None, Field(description="End of the key's validity. Default: it does not expire")
    ] = None
    requests_per_minute: Annotated[
        int | None,
        Field(
            ge=1,
            le=1_000_000,
            description="Limit per worker process: N workers admit N times as many. Default: no limit",
        ),
    ] = None


_EXAMPLE: Final = {"name": "Scanner of hall 3", "scopes": [Scope.SCORE]}


def _new_key_schema() -> dict[str, Any]:
    schema = NewKey.model_json_schema(ref_template="#/components/schemas/{model}")
    # The schemas of the answers contain the same definitions.
    del schema["$defs"]
    return schema


class KeyDescription(BaseModel):
    """An API key. Times are in UTC."""

    id: Annotated[str, Field(description="Name of the key in decisions, logs and the audit chain")]
    prefix: Annotated[str, Field(description="First characters of the key")]
    name: str
    scopes: list[Scope]
    requests_per_minute: int | None
    created_at: datetime
    created_by: Annotated[str | None, Field(description="Id of the key, or name of the command, that made it")]
    expires_at: datetime | None
    revoked_at: datetime | None


class MadeKey(KeyDescription):
    """A new key."""

    key: Annotated[str, Field(description="The key itself, shown this once")]


class Keys(BaseModel):
    """All keys, newest first."""

    keys: list[KeyDescription]


@router.post(
    "/keys",
    summary="Make an API key",
    status_code=201,
    response_model=MadeKey,
    responses=problems(409, 413, 415, 422, 500, 503),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _new_key_schema(), "example": _EXAMPLE}},
        }
    },
)
@needs(Scope.ADMIN)
async def make_key(request: Request, database: AppDatabase, ring: AppRing) -> Response:
    """Make a key. Only this answer shows it; the service stores its hash."""
    from service.keys import repository

    wishes = _wishes(await read_json_text(request, _MOST_BYTES))
    try:
        key, text = await to_thread.run_sync(repository.create, database, wishes, caller_of(request))
    except KeyRefused as error:
        field, _, problem = str(error).rpartition(": ")
        raise Unprocessable(
            f"The key cannot be made: {error}.", errors=[{"field": field, "problem": problem}]
        ) from None
    await _refresh(ring)
    return PlainJson(described(key) | {"key": text}, status_code=201)


@router.get("/keys", summary="List API keys", response_model=Keys, responses=problems(409, 500, 503))
@needs(Scope.ADMIN)
async def list_keys(request: Request, database: AppDatabase) -> Response:
    """Return all keys of the store, including expired and revoked ones, without their secret texts."""
    from service.keys import repository

    all_keys = await to_thread.run_sync(repository.every, database)
    return PlainJson({"keys": [described(key) for key in all_keys]})


@router.delete(
    "/keys/{key_id}", summary="Revoke an API key", status_code=204, responses=problems(404, 409, 422, 500, 503)
)
@needs(Scope.ADMIN)
async def revoke_key(
    request: Request,
    database: AppDatabase,
    ring: AppRing,
    key_id: Annotated[str, Path(max_length=100, pattern=r"^[^\x00]+$", description="Id or prefix of the key")],
) -> Response:
    """Revoke the key with an id or prefix. All workers refuse it within seconds. It remains in the list. Revoking it again changes
    nothing.
    """
    from service.keys import repository

    revoked = await to_thread.run_sync(repository.revoke, database, key_id, caller_of(request))
    if revoked is None:
        raise NotFound("No key has this id or prefix.")
    await _refresh(ring)
    return Response(status_code=204)


def described(key: Key) -> dict[str, Any]:
    """Return a key as the API shows it."""
    return answer_of(KeyDescription, key, scopes=sorted(key.scopes))


def _wishes(data: str | bytes) -> KeyWishes:
    try:
        new = NewKey.model_validate_json(data)
    except ValidationError as error:
        # A key that was put into the body by mistake must not reach a log of the client.
        raise schema_mismatch("The key cannot be made", error, show_values=False) from None
    return KeyWishes(
        new.name,
        frozenset(scope.value for scope in new.scopes),
        None if new.expires_at is None else microseconds_of(new.expires_at),
        new.requests_per_minute,
    )


async def _refresh(ring: KeyRing | None) -> None:
    """Read the keys again in this worker at once. The other workers read them within `keys_poll_seconds`."""
    if ring is not None:
        await ring.refresh()
