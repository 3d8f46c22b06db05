"""Words, numbers and times of the console: one catalogue of texts, and the filters that templates use.

Texts are English in templates and code, marked by ``_()``. ``make pages`` collects them in ``locale/messages.pot``, which a
translator starts from.
"""

from __future__ import annotations

import datetime as dt
import gettext
import math
import re
from collections.abc import Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.dates import format_datetime, format_timedelta
from babel.numbers import format_compact_decimal, format_decimal, format_percent

_LOCALE: Final = "en"
_MICROSECONDS: Final = 1_000_000
_TO_SHORTEN: Final = re.compile(r" \(decision [0-9a-f-]{36}\)|^Rule [\w-]+: | \(raises the score\)$")
#: From this probability on it is shown in per cent, and above the second one as more than that.
_LIKELY, _SURE = 0.5, 0.99


def translations() -> gettext.NullTranslations:
    """Return the catalogue of the console's language. English texts are those of the templates."""
    return gettext.NullTranslations()


def _(text: str) -> str:
    """Mark a text in code for the catalogue, and return it."""
    return text


def time_of(value: str | int | dt.datetime) -> dt.datetime:
    """Return a time with its zone from ISO 8601, or from microseconds since 1970."""
    if isinstance(value, dt.datetime):
        return value
    if isinstance(value, int):
        return dt.datetime.fromtimestamp(value / _MICROSECONDS, dt.UTC)
    time = dt.datetime.fromisoformat(value)
    return time if time.tzinfo else time.replace(tzinfo=dt.UTC)


class Formats:
    """Filters of templates for numbers and times.

    Args:
        zone: name of the office's time zone, such as ``America/New_York``.
    """

    def __init__(self, zone: str) -> None:
        self._zone: Final = ZoneInfo(zone)

    def filters(self) -> dict[str, Any]:
        """Return the filters by the names that templates use."""
        return {
            "number": self.number,
            "compact": self.compact,
            "percent": self.percent,
            "one_in": self.one_in,
            "when": self.when,
            "day": self.day,
            "age": self.age,
            "iso": self.iso,
            "log10": math.log10,
            "without": without,
            "in_short": in_short,
        }

    def number(self, value: float | None, places: int = 0) -> str:
        """Return a number with separators and at most ``places`` decimals; a dash for None."""
        if value is None:
            return "–"
        return str(format_decimal(round(value, places), f"#,##0.{'#' * places}" if places else "#,##0", locale=_LOCALE))

    def compact(self, value: float | None) -> str:
        """Return a number in short form, such as 1.2M; a dash for None."""
        return "–" if value is None else str(format_compact_decimal(value, locale=_LOCALE, fraction_digits=1))

    def percent(self, value: float | None, places: int = 0) -> str:
        """Return a share of 1 in per cent; a dash for None."""
        return (
            "–"
            if value is None
            else str(format_percent(value, f"#,##0.{'0' * places}%" if places else "#,##0%", locale=_LOCALE))
        )

    def one_in(self, risk: float | None) -> str:
        """Return a probability as the number of such shipments per find, with two digits that count; in per cent from one half."""
        if not risk:
            return "–"
        if risk >= _LIKELY:
            return f"over {self.percent(_SURE)}" if risk > _SURE else self.percent(risk)
        count = 1 / risk
        digits = max(0, len(str(int(count))) - 2)
        return f"1 in {self.number(max(1.0, round(count, -digits)))}"

    def when(self, value: str | int | dt.datetime | None) -> str:
        """Return a time in the office's zone; a dash for None."""
        if value is None:
            return "–"
        return str(format_datetime(time_of(value), "d MMM y HH:mm", tzinfo=self._zone, locale=_LOCALE))

    def day(self, value: str | int | dt.datetime | None) -> str:
        """Return a day in the office's zone; a dash for None."""
        return (
            "–" if value is None else str(format_datetime(time_of(value), "d MMM y", tzinfo=self._zone, locale=_LOCALE))
        )

    def age(self, value: str | int | dt.datetime | None) -> str:
        """Return the time that has passed, such as 3 hr; a dash for None."""
        if value is None:
            return "–"
        passed = max(dt.timedelta(0), dt.datetime.now(dt.UTC) - time_of(value))
        return str(format_timedelta(passed, granularity="minute", format="short", locale=_LOCALE))

    def iso(self, value: str | int | dt.datetime) -> str:
        """Return a time in UTC for the attribute ``datetime``."""
        return time_of(value).astimezone(dt.UTC).isoformat(timespec="seconds")


def in_short(text: str) -> str:
    """Return a reason without what a list of shipments can do without: the id of its rule, and that it raises the score."""
    return _TO_SHORTEN.sub("", text)


def without(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return values without the one of a name."""
    return {key: value for key, value in values.items() if key != name}
