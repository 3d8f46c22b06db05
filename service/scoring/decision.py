"""Types for decisions: new ones, stored ones, and those to erase. `service.decisions.repository` stores them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final, Protocol

import orjson
from pydantic_core import to_json

#: Digits of a model's digest in `NewDecision.scorer`.
SCORER_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class NewDecision:
    """A decision to store. Attributes are those of `service.scoring.tables.Decision`."""

    id: str
    shipment_id: str
    content_digest: bytes
    received_at: int
    declared_s: int
    history_order: int | None
    what_if: bool
    channel: str | None
    site: str | None
    lane: str
    selected_by: str | None
    risk: float
    percentile: float
    model_version: str
    model_digest: str
    features_digest: str
    rules_digest: str | None
    via: str
    duration_us: int
    caller: str | None
    manifest: bytes
    answer: bytes
    scorer: str | None = None
    log_odds: float | None = None
    floored: bool | None = None
    threshold: float | None = None
    capacity_group: str | None = None
    inspection_probability: float | None = None

    @property
    def sameness(self) -> tuple[str, bytes, str, str | None]:
        """Values that are equal in repeated requests for the same decision."""
        return self.shipment_id, self.content_digest, self.model_digest, self.rules_digest


@dataclass(frozen=True, slots=True)
class Stored:
    """The decision to answer a request with: its id, its answer, and whether an earlier request made it."""

    id: str
    answer: bytes
    repeated: bool


@dataclass(frozen=True, slots=True)
class ToErase:
    """Selection to erase: everything received before a time, or one shipment, or one decision.

    Attributes:
        before: time in microseconds since 1970.
    """

    before: int | None = None
    shipment_id: str | None = None
    decision_id: str | None = None


def manifest_json(manifest: object) -> bytes:
    """Return a parsed manifest as JSON, with all digits of its integers. NaN and infinities, which JSON lacks, become null."""
    try:
        return orjson.dumps(manifest)
    except TypeError:
        # orjson refuses integers beyond 64 bits.
        return to_json(manifest, inf_nan_mode="null")


def content_digest(manifest: object) -> bytes:
    """Return the SHA-256 of a manifest's JSON with sorted fields."""
    try:
        canonical = orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        canonical = json.dumps(manifest, sort_keys=True).encode()
    return hashlib.sha256(canonical).digest()


class DecisionStore(Protocol):
    """Where decisions are stored."""

    @property
    def has_journal(self) -> bool:
        """True if decisions are accepted while the database is away."""

    def decide(self, decisions: Sequence[NewDecision]) -> Future[list[Stored]]:
        """Store decisions. The future has the decision to answer with for each."""


#: Longest unchanged reference, in characters of up to four bytes. An entry of PostgreSQL's indexes has at most 2,704 bytes.
LONGEST: Final = 500
_PREFIX_LENGTH: Final = 400
#: PostgreSQL accepts no NUL character in texts.
NUL: Final = "\0"
REPLACED: Final = "\N{REPLACEMENT CHARACTER}"


def reference_of(shipment_id: str) -> str:
    """Return the form of a ``shipment_id`` in columns and searches. A long one is cut, and its SHA-256 appended."""
    plain = shipment_id.replace(NUL, REPLACED)
    if len(plain) <= LONGEST:
        return plain
    return f"{plain[:_PREFIX_LENGTH]} {hashlib.sha256(shipment_id.encode()).hexdigest()}"
