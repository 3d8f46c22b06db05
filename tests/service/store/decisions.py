"""Decisions for tests of the store that need no model."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

from service.core.database.times import now_us
from service.scoring.decision import NewDecision, content_digest

_numbers = count()


def new_decision(**changes: Any) -> NewDecision:
    """Return a decision on a new shipment, with ``changes`` of its values."""
    number = next(_numbers)
    values: dict[str, Any] = {
        "id": f"decision-{number}",
        "shipment_id": f"S{number}",
        "content_digest": content_digest({"number": number}),
        "received_at": now_us(),
        "declared_s": 1_780_000_000,
        "history_order": number,
        "what_if": False,
        "channel": None,
        "site": None,
        "lane": "green",
        "selected_by": None,
        "risk": 0.1,
        "percentile": 0.5,
        "model_version": "1",
        "model_digest": "m",
        "features_digest": "f",
        "rules_digest": "r",
        "via": "score",
        "duration_us": 1,
        "caller": None,
        "manifest": b"{}",
        "answer": b"",
    }
    values |= changes
    if not values["answer"]:
        model = {"version": values["model_version"], "digest": values["model_digest"]}
        answer = {"reasons": [], "rule_ids": [], "rules_digest": values["rules_digest"], "model": model}
        values["answer"] = json.dumps(answer).encode()
    return NewDecision(**values)
