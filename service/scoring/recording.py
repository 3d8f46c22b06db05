"""Decisions of scored shipments, as the store keeps them.

The answers become JSON once: the store keeps the bytes that the client gets.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import orjson

from models.bundle.audit import features_digest
from service.scoring.answers import MOST_ROWS_AT_ONCE
from service.store.decisions import NewDecision, content_digest

if TYPE_CHECKING:
    from service.scoring.answers import Outcome
    from service.scoring.model_host import ServedModel

Via = Literal["score", "batch", "csv", "job", "file"]

#: Longest value of a column that queues are selected by.
_LONGEST: Final = 64


def _now() -> int:
    return time.time_ns() // 1000


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where and when a request came from.

    Attributes:
        caller: id of the API key; None without keys.
        received_at: microseconds since 1970.
    """

    via: Via
    caller: str | None = None
    received_at: int = field(default_factory=_now)


def decisions_of(
    outcome: Outcome,
    records: Sequence[Any],
    served: ServedModel,
    receipts: Sequence[Receipt],
    *,
    what_if: bool,
    seconds: float,
) -> list[NewDecision]:
    """Return the decisions of a request's scored shipments, in order.

    Args:
        records: the request's parsed shipments, also refused ones.
        receipts: per record, or one for all.
        seconds: time that scoring took, which is shared out evenly.
    """
    refused = {shipment.index for shipment in outcome.refused}
    scored = [index for index in range(len(records)) if index not in refused]
    digest = features_digest(served.model.space.names)
    duration = int(seconds * 1e6 / max(len(scored), 1))
    return [
        _decision(
            answer,
            records[index],
            receipts[index if len(receipts) > 1 else 0],
            _Circumstances(declared_s, order, what_if, digest, duration),
        )
        for index, answer, (declared_s, order) in zip(scored, _all_answers(outcome), _times(outcome), strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Circumstances:
    declared_s: int
    history_order: int | None
    what_if: bool
    features_digest: str
    duration_us: int


def _decision(answer: dict[str, Any], record: Any, receipt: Receipt, circumstances: _Circumstances) -> NewDecision:
    model = answer["model"]
    return NewDecision(
        id=answer["decision_id"],
        shipment_id=answer["shipment_id"],
        content_digest=content_digest(record),
        received_at=receipt.received_at,
        declared_s=circumstances.declared_s,
        history_order=circumstances.history_order,
        what_if=circumstances.what_if,
        channel=_short(record.get("channel")),
        site=_short(record.get("unloading_location")),
        lane=answer["lane"],
        selected_by=answer["selected_by"],
        risk=answer["risk"],
        percentile=answer["percentile"],
        model_version=model["version"],
        model_digest=model["digest"],
        features_digest=circumstances.features_digest,
        rules_digest=answer["rules_digest"],
        via=receipt.via,
        duration_us=circumstances.duration_us,
        caller=receipt.caller,
        manifest=orjson.dumps(record),
        answer=orjson.dumps(answer),
    )


def _all_answers(outcome: Outcome) -> Iterator[dict[str, Any]]:
    if not outcome.is_large:
        yield from outcome.results
        return
    for piece in outcome.pieces(MOST_ROWS_AT_ONCE):
        yield from piece


def _times(outcome: Outcome) -> Iterator[tuple[int, int | None]]:
    """Yield the time that history used and the order in history, per scored shipment."""
    for scores, order in zip(outcome.scores, outcome.orders, strict=True):
        for second in scores.table.declared_s.tolist():
            yield second, order


def _short(value: object) -> str | None:
    return value[:_LONGEST] if isinstance(value, str) and value else None
