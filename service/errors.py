"""Errors of the service, all answered as RFC 9457 problem details.

    ServiceError
    ├── NotFound           404  nothing is known that could be answered
    ├── NotAcceptedMedia   415  a media type, character set or content coding that is not read here
    ├── TooLarge           413  over a limit
    ├── Unprocessable      422  cannot be read
    ├── Busy               503  try again soon
    └── NotReady           503  no model is loaded

What the framework itself raises (404, 405, a wrong query parameter, an unforeseen error) takes the same form.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

if TYPE_CHECKING:
    from fastapi import FastAPI

PROBLEM_JSON: Final = "application/problem+json"
#: A name for each kind of problem; it names, it does not locate (RFC 9457 section 3.1.1 allows any URI).
TYPE_PREFIX: Final = "urn:tidewaiter:problem:"


class ServiceError(Exception):
    """An error with an answer.

    ``errors`` names each field with what is wrong about it; ``extra`` adds members of its own to the answer.
    """

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
        self.detail = detail
        self.errors = [dict(error) for error in errors]
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})


class NotFound(ServiceError):
    """Nothing is known that could be answered."""

    status, slug, title = 404, "not-found", "Not Found"


class NotAcceptedMedia(ServiceError):
    """A media type, character set or content coding that is not read here."""

    status, slug, title = 415, "unsupported-media-type", "Unsupported media type"


class TooLarge(ServiceError):
    """Over a limit."""

    status, slug, title = 413, "too-large", "Over a limit"


class Unprocessable(ServiceError):
    """Cannot be read."""

    status, slug, title = 422, "unreadable", "Cannot be read"


class Busy(ServiceError):
    """Too much at once; ``retry_after`` is in seconds."""

    status, slug, title = 503, "busy", "Too many at once"

    def __init__(self, detail: str, *, retry_after: int) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


class NotReady(ServiceError):
    """No model is loaded."""

    status, slug, title = 503, "not-ready", "No model is loaded"


def problem_response(
    request_path: str,
    request_id: str | None,
    *,
    status: int,
    slug: str,
    title: str,
    detail: str,
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Response:
    """A problem answer. Members: type, title, status, detail, instance, errors, request_id and those of ``extra``."""
    body: dict[str, Any] = {
        "type": TYPE_PREFIX + slug,
        "title": title,
        "status": status,
        "detail": detail,
        "instance": request_path,
        "errors": list(errors),
    }
    if request_id is not None:
        body["request_id"] = request_id
    body.update(extra or {})
    return Response(to_json(body), status, dict(headers or {}), PROBLEM_JSON)


def internal_error_response(request_path: str, request_id: str | None) -> Response:
    """The answer to an unforeseen error; the log has its trace, the answer has nothing of it."""
    return problem_response(
        request_path,
        request_id,
        status=500,
        slug=ServiceError.slug,
        title=ServiceError.title,
        detail="The request could not be answered because of an error of the service; its log has the details.",
    )


def error_response(request: Request, error: ServiceError) -> Response:
    """The answer that an error of the service has."""
    return problem_response(
        request.url.path,
        _request_id(request),
        status=error.status,
        slug=error.slug,
        title=error.title,
        detail=error.detail,
        errors=error.errors,
        headers=error.headers,
        extra=error.extra,
    )


def install_handlers(app: FastAPI) -> None:
    """Give every error of ``app`` the one form."""
    from fastapi.exceptions import RequestValidationError

    async def service_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, ServiceError)
        return error_response(request, error)

    async def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        title = HTTPStatus(error.status_code).phrase
        return problem_response(
            request.url.path,
            _request_id(request),
            status=error.status_code,
            slug=re.sub(r"[^a-z]+", "-", title.lower()),
            title=title,
            detail=_http_detail(error, request),
            headers=error.headers,
        )

    async def parameters(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        errors = [
            {"field": str(part["loc"][-1]), "problem": f"{part['msg']}; got {shortened(part.get('input'))}"}
            for part in error.errors()
        ]
        return problem_response(
            request.url.path,
            _request_id(request),
            status=Unprocessable.status,
            slug="wrong-parameter",
            title="A parameter cannot be read",
            detail="; ".join(f"{part['field']}: {part['problem']}" for part in errors),
            errors=errors,
        )

    app.add_exception_handler(ServiceError, service_error)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, parameters)


def _http_detail(error: HTTPException, request: Request) -> str:
    path = request.url.path
    if error.status_code == 404:
        return f"There is nothing at {path}. The documentation of this service is at /docs."
    if error.status_code == 405:
        return f"{request.method} is not possible at {path}; the Allow header names what is."
    return str(error.detail)


def _request_id(request: Request) -> str | None:
    value = request.scope.get("state", {}).get("request_id")
    return value if isinstance(value, str) else None


def shortened(value: object, limit: int = 80) -> str:
    """A value as an error shows it."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
