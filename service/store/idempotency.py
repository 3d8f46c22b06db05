"""Requests with an ``Idempotency-Key``: claims by processes, and stored answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from service.store.engine.times import steady_us
from service.store.tables import IdempotentRequest

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

#: Microseconds for which an answer is kept.
KEPT: Final = 24 * 3600 * 1_000_000
#: Microseconds after which a claim no longer counts, because its process has presumably ended. Requests take seconds at most.
IN_WORK: Final = 60 * 1_000_000


@dataclass(frozen=True, slots=True)
class Request:
    """A request with a key. Attributes are those of `service.store.tables.IdempotentRequest`."""

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
    connection.execute(delete(IdempotentRequest).where(IdempotentRequest.created_at < now - KEPT))
    columns = (
        IdempotentRequest.digest,
        IdempotentRequest.created_at,
        IdempotentRequest.status,
        IdempotentRequest.media_type,
        IdempotentRequest.body,
    )
    found = connection.execute(select(*columns).where(_is(request)).with_for_update()).first()
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
    connection.execute(update(IdempotentRequest).where(_is(request)).values(created_at=now))
    return None


def is_taken(connection: Connection, caller: str, key: str) -> bool:
    """Return whether a claim or an answer is stored for the key of a caller."""
    query = select(IdempotentRequest.key).where(IdempotentRequest.caller == caller, IdempotentRequest.key == key)
    return connection.execute(query).first() is not None


def finish(connection: Connection, request: Request, answer: Replay) -> None:
    """Store the answer to a claimed request."""
    values = {"status": answer.status, "media_type": answer.media_type, "body": answer.body}
    if not connection.execute(update(IdempotentRequest).where(_is(request)).values(values)).rowcount:
        # The claim has been deleted, because the clock was set forward by a day.
        claim = {"caller": request.caller, "key": request.key, "digest": request.digest, "created_at": steady_us()}
        connection.execute(insert(IdempotentRequest).values(claim | values))


def give_up(connection: Connection, request: Request) -> None:
    """Delete the claim of an unanswered request, so that the request can be sent again."""
    connection.execute(delete(IdempotentRequest).where(_is(request), IdempotentRequest.status.is_(None)))


def _is(request: Request) -> ColumnElement[bool]:
    return (IdempotentRequest.caller == request.caller) & (IdempotentRequest.key == request.key)
