"""Answers of the HTTP protocol to requests that never reach the application."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import h11

from service.core.errors import ProblemDetails, problem_response
from service.core.http.middleware import SECURITY_HEADERS

_ANY_REQUEST: Final = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Answer to a refused request. ``reason`` is its label in the metrics; ``retry`` is the value of ``Retry-After``, if any."""

    status: int
    reason: str
    detail: str
    retry: int | None = None


def answer(refusal: Refusal, *, close: bool) -> bytes:
    """Return a complete HTTP answer with problem details."""
    phrase = HTTPStatus(refusal.status).phrase
    retry = {} if refusal.retry is None else {"Retry-After": str(refusal.retry)}
    details = ProblemDetails(refusal.status, refusal.reason, phrase, refusal.detail, headers=retry)
    response = problem_response("/", None, details)
    headers = [*response.raw_headers, *SECURITY_HEADERS]
    if close:
        headers.append((b"connection", b"close"))
    writer = h11.Connection(h11.SERVER)
    # h11 needs a request, whose HTTP version decides the form of the answer.
    writer.receive_data(_ANY_REQUEST)
    writer.next_event()
    parts = (
        writer.send(h11.Response(status_code=refusal.status, headers=headers, reason=phrase)),
        writer.send(h11.Data(data=bytes(response.body))),
        writer.send(h11.EndOfMessage()),
    )
    return b"".join(part for part in parts if part)
