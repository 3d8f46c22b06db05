"""Decisions of scored shipments, in the form of the store.

Answers are encoded as JSON once: the store contains the same bytes that the client gets.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final, Literal

import orjson

from features.groups.history.declarations import NO_ORDER
from features.manifest.fields import FIELD
from features.manifest.shipment import shipment_to_json
from features.table.normalise import normaliser
from service.scoring.answers import MOST_ROWS_AT_ONCE, Options, pieces_of
from service.scoring.decision import (
    NUL,
    REPLACED,
    SCORER_DIGITS,
    DecisionStore,
    NewDecision,
    Stored,
    content_digest,
    manifest_json,
    reference_of,
)
from service.scoring.live_history import NOT_COUNTED, LiveRows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from features.groups.history.history import HistoryRows
    from models.scoring import Scores
    from service.scoring.answers import Outcome
    from service.scoring.model_host import ServedModel

Via = Literal["score", "batch", "csv", "job", "file"]

#: Maximum length of a value by which the queue is filtered.
_MAX_FILTER_LENGTH: Final = 64


def _now() -> int:
    return time.time_ns() // 1000


@dataclass(frozen=True, slots=True)
class Receipt:
    """Route, caller and time of a request.

    Attributes:
        caller: id of the API key, or name of the command; None if keys are not required.
        received_at: time of receipt in microseconds since 1970.
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
        records: parsed shipments of the request, including refused ones.
        receipts: one receipt per record, or one for all.
        seconds: duration of scoring, which is divided evenly among the decisions.
    """
    refused = {shipment.index for shipment in outcome.refused}
    scored = [index for index in range(len(records)) if index not in refused]
    duration = int(seconds * 1e6 / max(len(scored), 1))
    decisions = []
    ids: dict[int | None, str] = {}
    choices = (choice for scores in outcome.scores for choice in _choices(scores))
    for index, answer, (declared_s, order, before), choice in zip(
        scored, _all_answers(outcome), _times(outcome), choices, strict=True
    ):
        ids[order] = answer["decision_id"]
        if before in ids and answer["earlier"]["decision_id"] is None:
            # The earlier declaration is in this request, so the store did not know it.
            answer["earlier"]["decision_id"] = ids[before]
        receipt = receipts[index if len(receipts) > 1 else 0]
        circumstances = _Circumstances(declared_s, order, what_if, served.features_digest, duration, choice)
        decisions.append(_decision(answer, records[index], receipt, circumstances))
    return decisions


@dataclass(frozen=True, slots=True)
class _Circumstances:
    declared_s: int
    history_order: int | None
    what_if: bool
    features_digest: str
    duration_us: int
    choice: _Choice


#: Values of `service.scoring.decision.NewDecision` from ``log_odds`` on.
_Choice = tuple[float, bool, float, str | None, float]


def _choices(scores: Scores) -> Iterator[_Choice]:
    """Yield how each shipment was chosen for inspection."""
    chosen, count = scores.chosen, len(scores)
    threshold = chosen.threshold
    return zip(
        scores.risk_log_odds.tolist(),
        scores.ruling.is_floored(count).tolist(),
        repeat(threshold, count) if isinstance(threshold, float) else threshold.tolist(),
        repeat(None, count) if chosen.group is None else chosen.group.tolist(),
        chosen.probability.tolist(),
        strict=True,
    )


def _decision(answer: dict[str, Any], record: Any, receipt: Receipt, circumstances: _Circumstances) -> NewDecision:
    model = answer["model"]
    log_odds, floored, threshold, group, probability = circumstances.choice
    return NewDecision(
        id=answer["decision_id"],
        shipment_id=reference_of(answer["shipment_id"]),
        content_digest=content_digest(record),
        received_at=receipt.received_at,
        declared_s=circumstances.declared_s,
        history_order=circumstances.history_order,
        what_if=circumstances.what_if,
        channel=declared_code("channel", record.get("channel")),
        site=declared_code("unloading_location", record.get("unloading_location")),
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
        manifest=manifest_json(record),
        answer=orjson.dumps(answer),
        scorer=model["digest"][:SCORER_DIGITS],
        log_odds=log_odds,
        floored=floored,
        threshold=threshold,
        capacity_group=group,
        inspection_probability=probability,
    )


def decisions_of_table(
    scores: Scores, features: str, receipt: Receipt, *, orders: Sequence[int | None], what_if: bool, seconds: float
) -> Iterator[list[NewDecision]]:
    """Yield the decisions of a scored table, such as a chunk of a file, in order.

    The decisions are in lists for at most `MOST_ROWS_AT_ONCE` goods items, because the answers of a whole chunk take hundreds of
    megabytes. A manifest is the JSON form of its rows, with the declared texts.

    Args:
        features: digest of the model's feature names (`models.bundle.audit.features_digest`).
        orders: order of each shipment in the live history; None if the shipment did not advance it.
        what_if: whether the request left the history unchanged.
        seconds: duration of scoring, which is divided evenly among the decisions.
    """
    duration = int(seconds * 1e6 / max(len(scores), 1))
    times = iter(zip(scores.table.declared_s.tolist(), orders, strict=True))
    shipments, choices = iter(scores.table.to_shipments()), _choices(scores)
    for answers in pieces_of(scores, Options(), MOST_ROWS_AT_ONCE):
        yield [
            _decision(
                answer,
                shipment_to_json(next(shipments)),
                receipt,
                _Circumstances(*next(times), what_if, features, duration, next(choices)),
            )
            for answer in answers
        ]


def keeper(
    store: DecisionStore, features: str, receipt: Receipt, *, what_if: bool
) -> Callable[[Scores, HistoryRows, float], None]:
    """Return a function that stores the decisions of a chunk of a file, for `service.files.options.ScoreOptions.keep`.

    The function returns when the decisions are committed, and raises errors of the database.
    """

    def keep(scores: Scores, history: HistoryRows, seconds: float) -> None:
        orders = _orders(history.orders if isinstance(history, LiveRows) else None, len(scores))
        pending: Future[list[Stored]] | None = None
        for decisions in decisions_of_table(scores, features, receipt, orders=orders, what_if=what_if, seconds=seconds):
            # Each list is committed while the next one is created.
            previous, pending = pending, store.decide(decisions)
            if previous is not None:
                previous.result()
        if pending is not None:
            pending.result()

    return keep


def _all_answers(outcome: Outcome) -> Iterator[dict[str, Any]]:
    if not outcome.is_large:
        yield from outcome.results
        return
    for piece in outcome.pieces(MOST_ROWS_AT_ONCE):
        yield from piece


def _times(outcome: Outcome) -> Iterator[tuple[int, int | None, int | None]]:
    """Yield, per scored shipment, the time that the history used, and the orders of it and of its earlier declaration."""
    for scores, orders in zip(outcome.scores, outcome.orders, strict=True):
        earlier = scores.ruling.earlier
        before = [earlier[k].order if k in earlier else NO_ORDER for k in range(len(scores))]
        yield from zip(scores.table.declared_s.tolist(), _orders(orders, len(scores)), before, strict=True)


def _orders(orders: NDArray[np.int64] | None, count: int) -> list[int | None]:
    """Return the orders of ``count`` shipments in the live history; None for shipments that it does not count."""
    if orders is None:
        return [None] * count
    return [None if order == NOT_COUNTED else order for order in orders.tolist()]


def declared_code(field: str, value: object) -> str | None:
    """Return the normal form of a declared code, by which the queue is filtered; the declared text if the code is unknown."""
    text = value.strip() if isinstance(value, str) else ""
    if not text:
        return None
    return normaliser(FIELD[field])(text)[0] or text[:_MAX_FILTER_LENGTH].replace(NUL, REPLACED)
