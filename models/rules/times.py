"""Times in rule files as seconds since 1970, UTC."""

from __future__ import annotations

import datetime as dt

from features.table import normalise


def seconds(value: object) -> int | None:
    """Return the seconds of a TOML date, a TOML date-time or an ISO 8601 text; None for any other value.

    A date means 00:00. A date-time without an offset is UTC.
    """
    if isinstance(value, dt.date):
        return normalise.time(value.isoformat())[0]
    return normalise.time(value.strip())[0] if isinstance(value, str) and value.strip() else None
