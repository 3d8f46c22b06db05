"""Texts and JSON about earlier declarations of a shipment that had other content."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from features.groups.history.declarations import Change, Earlier
from models.lanes import LANE_NAMES

#: Id of the rule that keeps the lane of an earlier declaration. No rule of a file may have it.
RULE_ID: Final = "changed-declaration"
SOURCE: Final = "a declaration that was once suspicious stays so until an officer decides"
#: Longest value in a text, in characters.
_LONGEST: Final = 60


def text(earlier: Earlier) -> str:
    """Return the reason why the earlier declaration keeps the lane of a shipment."""
    day = dt.datetime.fromtimestamp(earlier.declared_s, dt.UTC).date().isoformat()
    number = "" if earlier.decision_id is None else f" (decision {earlier.decision_id})"
    known = f"the same {' and '.join(earlier.by.split())}"
    changes = "; ".join(map(_change, earlier.changes))
    return (
        f"Declared with {known} and other content on {day}, {LANE_NAMES[earlier.lane]}{number}. Changed: {changes}. "
        f"At least {LANE_NAMES[earlier.floor]} until an officer decides"
    )


def _change(change: Change) -> str:
    if change.old is None and change.new is None:
        return change.field
    return f"{change.field} from {_quoted(change.old)} to {_quoted(change.new)}"


def _quoted(value: str | None) -> str:
    if value is None:
        return "nothing"
    return f"'{value}'" if len(value) <= _LONGEST else f"'{value[: _LONGEST - 3]}...'"


def to_json(earlier: Earlier) -> dict[str, Any]:
    """Return the member ``earlier`` of an answer."""
    return {
        "decision_id": earlier.decision_id,
        "lane": LANE_NAMES[earlier.lane],
        "declared_at": dt.datetime.fromtimestamp(earlier.declared_s, dt.UTC).isoformat().replace("+00:00", "Z"),
        "same": earlier.by.split(),
        "changed": [{"field": one.field, "old": one.old, "new": one.new} for one in earlier.changes],
    }
