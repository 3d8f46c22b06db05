"""Requests with an ``Idempotency-Key``: claims by processes, and stored answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from service.core.database.tables import IdempotentRequest
from service.core.database.times import steady_us

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: Microseconds for which an answer is kept.
KEPT: Final = 24 * 3600 * 1_000_000
#: Microseconds after which a claim no longer counts, because its process has presumably ended. Requests take seconds at most.
IN_WORK: Final = 60 * 1_000_000
#: Ids per search of the answers. SQLite limits the depth of an expression to 1,000.
_IDS_AT_ONCE: Final = 100
# Constants, because conditions that are made for each request leave cyclic garbage.
_EXPIRY: Final = delete(IdempotentRequest).where(IdempotentRequest.created_at < bindparam("kept_since"))
_IS_REQUEST: Final = (IdempotentRequest.caller == bindparam("of_caller"), IdempotentRequest.key == bindparam("of_key"))
_REQUEST: Final = (
    select(
        IdempotentRequest.digest,
        IdempotentRequest.created_at,
        IdempotentRequest.status,
        IdempotentRequest.media_type,
        IdempotentRequest.body,
    )
    .where(*_IS_REQUEST)
    .with_for_update()
)
_KEY: Final = select(IdempotentRequest.key).where(*_IS_REQUEST)
_CHANGE: Final = update(IdempotentRequest).where(*_IS_REQUEST)
_DELETION: Final = delete(IdempotentRequest).where(*_IS_REQUEST, IdempotentRequest.status.is_(None))


@dataclass(frozen=True, slots=True)
class Request:
    """A request with a key. Attributes are those of `service.core.database.tables.IdempotentRequest`."""

    caller: str
    key: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Replay:
    """Stored answer to an earlier request."""

    status: int
    media_type: str | None
    body: bytes


class OtherRequest(Exception):
    """The caller has used the key for another request."""


class InWork(Exception):
    """A process is working on the request."""


def begin(connection: Connection, request: Request, now: int) -> Replay | None:
    """Claim a request for this process, or return its stored answer. Expired answers are deleted.

    Args:
        connection: connection of `Database.write`.
        now: time in microseconds since 1970.

    Raises:
        OtherRequest: the caller has used the key for another request.
        InWork: a process is working on the request.
    """
    forget_before(connection, now - KEPT)
    found = connection.execute(_REQUEST, _is(request.caller, request.key)).first()
    if found is None:
        values = {"caller": request.caller, "key": request.key, "digest": request.digest, "created_at": now}
        try:
            connection.execute(insert(IdempotentRequest).values(values))
        except IntegrityError:
            # Another process has claimed it since the query.
            raise InWork from None
        return None
    if bytes(found.digest) != request.digest:
        raise OtherRequest
    if found.status is not None:
        return Replay(found.status, found.media_type, bytes(found.body))
    # A time far in the future was written before the clock was set back.
    if abs(now - found.created_at) < IN_WORK:
        raise InWork
    connection.execute(_CHANGE, _is(request.caller, request.key) | {"created_at": now})
    return None


def is_taken(connection: Connection, caller: str, key: str) -> bool:
    """Return whether a claim or an answer is stored for the key of a caller."""
    return connection.execute(_KEY, _is(caller, key)).first() is not None


def finish(connection: Connection, request: Request, answer: Replay) -> None:
    """Store the answer to a claimed request."""
    values = {"status": answer.status, "media_type": answer.media_type, "body": answer.body}
    if not connection.execute(_CHANGE, _is(request.caller, request.key) | values).rowcount:
        # The claim has been deleted, because the clock was set forward by a day.
        claim = {"caller": request.caller, "key": request.key, "digest": request.digest, "created_at": steady_us()}
        connection.execute(insert(IdempotentRequest).values(claim | values))


def give_up(connection: Connection, request: Request) -> None:
    """Delete the claim of an unanswered request, so that the request can be sent again."""
    connection.execute(_DELETION, _is(request.caller, request.key))


def forget_before(connection: Connection, before: int) -> None:
    """Delete the answers that are older than a time in microseconds since 1970."""
    connection.execute(_EXPIRY, {"kept_since": before})


def forget(connection: Connection, decisions: Sequence[str]) -> None:
    """Delete the answers that contain one of some decisions."""
    body = IdempotentRequest.body
    for start in range(0, len(decisions), _IDS_AT_ONCE):
        ids = [decision_id.encode() for decision_id in decisions[start : start + _IDS_AT_ONCE]]
        # SQLite's LIKE does not search bytes, and PostgreSQL has no instr. Neither loads the answers into this process.
        if connection.dialect.name == "sqlite":
            named = [func.instr(body, decision_id) > 0 for decision_id in ids]
        else:
            named = [body.bool_op("LIKE")(b"%" + decision_id + b"%") for decision_id in ids]
        connection.execute(delete(IdempotentRequest).where(or_(*named)))


def _is(caller: str, key: str) -> dict[str, Any]:
    """Return the parameters of a statement about one request."""
    return {"of_caller": caller, "of_key": key}
