"""Times in rule files as seconds since 1970, UTC."""

from __future__ import annotations

import datetime as dt

from features.table import normalise


def seconds(value: object) -> int | None:
    """Return the seconds of a TOML day, a TOML time or an ISO 8601 text; None for any other text.

    A day means 00:00, a time without an offset is UTC.
    """
    if isinstance(value, dt.datetime | dt.date):
        return normalise.time(value.isoformat())[0]
    return normalise.time(value.strip())[0] if isinstance(value, str) and value.strip() else None
