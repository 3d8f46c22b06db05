"""Errors of the service, which clients receive as RFC 9457 problem details.

    ServiceError
    ├── KeyNeeded          401  no API key, or an invalid one
    ├── Forbidden          403  sent by a web page of another site
    ├── ScopeMissing       403  the API key lacks the scope of the route
    ├── NotFound           404  no such resource
    ├── Conflict           409  the state of the service or of the resource does not allow the request
    │   ├── JobOpen        409  open jobs contain rows that should be erased
    │   ├── JournalWaits   409  the journal contains decisions that should be erased
    │   └── StoreOff       409  nothing is stored, because TIDEWAITER_STORE is off
    ├── NotAcceptedMedia   415  unsupported media type, character set or content coding
    ├── TooLarge           413  the request exceeds a limit
    ├── Misdirected        421  the Host header names another service
    ├── Unprocessable      422  the request cannot be read
    │   └── UnknownParameter  422  the route lacks a query parameter of the request
    ├── RetryLater              may succeed after some seconds
    │   ├── OverRate       429  too many requests with one API key, or from one address without a key
    │   └── Busy           503  too many requests of this kind
    ├── DiskFull           503  an upload cannot be written to the disk
    ├── DatabaseAway       503  the database does not answer; retry soon
    ├── KeysUnread         503  API keys cannot be checked yet
    └── NotReady           503  no model is loaded

Errors of the framework (404, 405, invalid query parameters, unexpected exceptions) have the same form.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

PROBLEM_JSON: Final = "application/problem+json"
#: Prefix of problem types. A type is an identifier, not an address (RFC 9457 section 3.1.1 allows any URI).
TYPE_PREFIX: Final = "urn:tidewaiter:problem:"


@dataclass(frozen=True, slots=True)
class ProblemDetails:
    """Content of a problem response.

    Attributes:
        slug: last part of the problem type.
        errors: objects with the members ``field`` and ``problem``.
        extra: additional members of the response body.
    """

    status: int
    slug: str
    title: str
    detail: str
    errors: Sequence[Mapping[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)


class ServiceError(Exception):
    """Error that clients receive as problem details; see `ProblemDetails` for the arguments."""

    status: int = 500
    slug: str = "internal"
    title: str = "Internal error"

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.details = ProblemDetails(
            self.status, self.slug, self.title, detail, tuple(errors), dict(headers or {}), dict(extra or {})
        )


class KeyNeeded(ServiceError):
    """The request has no API key, or (``unknown``) an unknown, expired or revoked one (RFC 6750 section 3)."""

    status, slug, title = 401, "key-needed", "API key needed"

    def __init__(self, *, unknown: bool) -> None:
        challenge = 'Bearer realm="tidewaiter"'
        if unknown:
            detail = "The API key is not valid: it is unknown, expired or revoked."
            challenge += ', error="invalid_token"'
        else:
            detail = "This route needs an API key: send it as `Authorization: Bearer KEY`."
        super().__init__(detail, headers={"WWW-Authenticate": challenge})


class Forbidden(ServiceError):
    """A web page of another site sent the request."""

    status, slug, title = 403, "forbidden", "Forbidden"


class ScopeMissing(ServiceError):
    """The API key lacks the ``scope`` of the route."""

    status, slug, title = 403, "scope-missing", "Scope missing"

    def __init__(self, scope: str) -> None:
        challenge = f'Bearer realm="tidewaiter", error="insufficient_scope", scope="{scope}"'
        super().__init__(
            f"This route needs an API key with the scope {scope}.", headers={"WWW-Authenticate": challenge}
        )


class NotFound(ServiceError):
    """No such resource."""

    status, slug, title = 404, "not-found", "Not Found"


class Conflict(ServiceError):
    """The state of the service or of the resource does not allow the request."""

    status, slug, title = 409, "conflict", "Conflict"


class StoreOff(Conflict):
    """The service stores nothing, so there is nothing to read or change."""

    slug, title = "store-off", "The store is off"

    def __init__(self) -> None:
        super().__init__("This service keeps no decisions, because TIDEWAITER_STORE is off.")


class JobOpen(Conflict):
    """Queued or running jobs contain rows that should be erased."""

    slug, title = "job-open", "An open job has these rows"

    def __init__(self, jobs: Sequence[str]) -> None:
        super().__init__(
            f"Files of open jobs contain rows that should be erased: {', '.join(jobs)}. Nothing was erased. Wait until the jobs "
            "end, or cancel them (DELETE /v1/jobs/ID), and erase again.",
            extra={"jobs": list(jobs)},
        )


class JournalWaits(Conflict):
    """Decisions that should be erased wait in the journal of a running service."""

    slug, title = "journal-waiting", "These decisions wait in the journal"

    def __init__(self) -> None:
        super().__init__(
            "Decisions that should be erased wait in the journal of a running service. Nothing was erased. The service moves "
            "these decisions to the database when the database is available again. Erase again after that."
        )


class NotAcceptedMedia(ServiceError):
    """Unsupported media type, character set or content coding."""

    status, slug, title = 415, "unsupported-media-type", "Unsupported media type"


class TooLarge(ServiceError):
    """The request exceeds a limit."""

    status, slug, title = 413, "too-large", "Over a limit"


class Misdirected(ServiceError):
    """The Host header does not name this service."""

    status, slug, title = 421, "misdirected", "Misdirected request"


class Unprocessable(ServiceError):
    """The request cannot be read."""

    status, slug, title = 422, "unreadable", "Cannot be read"


class UnknownParameter(Unprocessable):
    """The route lacks a query parameter of the request."""

    slug, title = "unknown-parameter", "Unknown parameter"

    def __init__(self, unknown: Mapping[str, str | None], known: Sequence[str]) -> None:
        """
        Args:
            unknown: each unknown name -> the nearest name that the route has, if any is near.
            known: all names that the route has.
        """
        names = f"this route has {', '.join(known)}" if known else "this route has none"
        errors = [
            {
                "field": shortened(name)[1:-1],
                "problem": f"is not a parameter of this route; {names if near is None else f'did you mean {near}?'}",
            }
            for name, near in unknown.items()
        ]
        super().__init__("; ".join(f"{error['field']} {error['problem']}" for error in errors), errors=errors)


class RetryLater(ServiceError):
    """The request may succeed after ``retry_after`` seconds."""

    def __init__(self, detail: str, *, retry_after: int) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


class OverRate(RetryLater):
    """One API key, or one address without a key, sends too many requests."""

    status, slug, title = 429, "over-rate", "Too many requests"


class Busy(RetryLater):
    """Too many requests of this kind at once."""

    status, slug, title = 503, "busy", "Too many at once"


class DiskFull(ServiceError):
    """An upload cannot be written, because the disk is full, broken or read-only."""

    status, slug, title = 503, "disk-full", "The disk cannot store uploads"
    #: Seconds after which a client should try again. Space becomes free when other uploads end or an administrator frees it.
    _RETRY_AFTER: Final = 60

    def __init__(self, problem: str) -> None:
        """
        Args:
            problem: error message of the system, without a path.
        """
        detail = f"The upload cannot be written to the disk of the service: {problem}. Nothing was scored."
        super().__init__(detail, headers={"Retry-After": str(self._RETRY_AFTER)})


class DatabaseAway(ServiceError):
    """The database does not answer, or cannot write."""

    status, slug, title = 503, "database-away", "The database does not answer"
    #: Seconds after which a client should try again: about the duration of a restart of PostgreSQL.
    _RETRY_AFTER: Final = 5

    def __init__(self, problem: str) -> None:
        """
        Args:
            problem: error message of the database, without its URL.
        """
        self.problem = problem
        detail = f"The database does not answer: {problem}. Nothing was stored; send the request again."
        super().__init__(detail, headers={"Retry-After": str(self._RETRY_AFTER)})


class KeysUnread(ServiceError):
    """API keys cannot be checked, because the service has not been able to read them since its start."""

    status, slug, title = 503, "keys-unread", "Keys have not been read"

    def __init__(self) -> None:
        super().__init__(
            "The service has not been able to read the API keys since its start, because the database or the file does not answer.",
            headers={"Retry-After": "5"},
        )


class NotReady(ServiceError):
    """No model is loaded."""

    status, slug, title = 503, "not-ready", "No model is loaded"


def schema_mismatch(summary: str, error: ValidationError, *, show_values: bool = True) -> Unprocessable:
    """Return the error for a body that does not match its schema. It names the fields; the field of the whole body is "".

    Args:
        summary: first words of the detail.
        show_values: whether to quote the received values.
    """
    errors = [
        {
            "field": ".".join(map(str, part["loc"])),
            "problem": f"{part['msg']}; got {shortened(part['input'])}" if show_values else part["msg"],
        }
        for part in error.errors()
    ]
    text = "; ".join(f"{one['field']}: {one['problem']}" if one["field"] else one["problem"] for one in errors)
    return Unprocessable(f"{summary}: {text}.", errors=errors)


def problem_response(path: str, request_id: str | None, details: ProblemDetails) -> Response:
    """Return a problem response for the request at ``path``.

    Members of the body: type, title, status, detail, instance, errors, request_id and those of ``details.extra``.
    """
    body: dict[str, Any] = {
        "type": TYPE_PREFIX + details.slug,
        "title": details.title,
        "status": details.status,
        "detail": details.detail,
        "instance": path,
        "errors": [dict(error) for error in details.errors],
    }
    if request_id is not None:
        body["request_id"] = request_id
    body.update(details.extra)
    return Response(to_json(body), details.status, dict(details.headers), PROBLEM_JSON)


def internal_error_response(path: str, request_id: str | None) -> Response:
    """Return the response to an unexpected exception. It contains no traceback; the log does."""
    details = ProblemDetails(
        ServiceError.status,
        ServiceError.slug,
        ServiceError.title,
        "The service failed to answer this request because of an internal error; see its log.",
    )
    return problem_response(path, request_id, details)


def error_response(request: Request, error: ServiceError) -> Response:
    """Return the response to a request that failed with ``error``."""
    return problem_response(request.url.path, _request_id(request), error.details)


def install_handlers(app: FastAPI) -> None:
    """Install handlers that turn all errors of ``app`` into problem details."""

    async def service_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, ServiceError)
        return error_response(request, error)

    async def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        title = HTTPStatus(error.status_code).phrase
        slug = re.sub(r"[^a-z]+", "-", title.lower())
        details = ProblemDetails(
            error.status_code, slug, title, _http_detail(error, request), headers=error.headers or {}
        )
        return problem_response(request.url.path, _request_id(request), details)

    async def invalid_parameter(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        errors = [
            {"field": str(part["loc"][-1]), "problem": f"{part['msg']}; got {shortened(part.get('input'))}"}
            for part in error.errors()
        ]
        details = ProblemDetails(
            Unprocessable.status,
            "wrong-parameter",
            "A parameter cannot be read",
            "; ".join(f"{part['field']}: {part['problem']}" for part in errors),
            errors,
        )
        return problem_response(request.url.path, _request_id(request), details)

    app.add_exception_handler(ServiceError, service_error)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, invalid_parameter)


def _http_detail(error: HTTPException, request: Request) -> str:
    path = request.url.path
    if error.status_code == 404:
        return f"No resource at {path}. The documentation of this service is at /docs."
    if error.status_code == 405:
        return f"{path} does not support {request.method}; the Allow header lists the supported methods."
    return str(error.detail)


def _request_id(request: Request) -> str | None:
    value = request.scope.get("state", {}).get("request_id")
    return value if isinstance(value, str) else None


def shortened(value: object, limit: int = 80) -> str:
    """Return the representation of ``value`` for an error message, truncated to ``limit`` characters."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
