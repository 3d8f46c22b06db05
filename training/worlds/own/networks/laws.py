"""Law changes to which networks react.

A listing moves dealers in the listed substance to unlisted neighbours (T1). A date in `policy_dates` with the
effect "listing" moves dealers in finished opioids to their precursors. The end of an exemption moves small parcels to other
channels. Required account dates make old and borrowed accounts more valuable. An export licence makes third countries more
valuable (R1). New stop words replace vague descriptions (D1) by unfitting headings (D4).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from features.reference import policy_dates

#: Possible effects of a law change on networks.
MOVES: Final = ("neighbours", "precursors", "channel", "accounts", "third_country", "wording")
#: First days of listings by contents. They are those recorded when the world was written: later finds about the law must not
#: change the world.
_LISTED: Final = {
    ("fentanyl", "analogue"): (
        "1987-01-23 2015-07-17 2015-10-01 2016-05-12 2016-08-26 2016-11-29 2017-03-01 2017-05-03 2017-06-07 "
        "2017-07-14 2017-10-26 2018-01-04 2018-02-01 2018-04-20 2018-11-19 2018-11-29 2019-05-08 2019-10-25 "
        "2019-12-21 2020-10-02 2020-11-25 2021-04-27 2021-05-04 2023-12-07 2025-09-18 "
    ),
    ("precursor",): (
        "2007-04-23 2010-08-30 2016-11-30 2017-10-18 2018-02-01 2018-07-07 2019-05-15 2020-05-15 2020-05-18 "
        "2021-01-01 2022-08-31 2022-11-23 2023-02-20 2023-05-12 2023-08-30 2023-11-30 2024-09-01 2024-09-03 "
        "2024-10-28 2024-12-03 2025-04-14 2025-05-29 2025-07-20 2026-03-10 2026-04-12 "
    ),
    ("other_opioid",): (
        "2015-10-01 2016-05-16 2016-11-14 2017-07-01 2018-04-20 2020-08-20 2021-03-01 2021-12-06 2022-04-12 "
        "2023-03-06 2023-08-18 2024-03-20 2024-04-11 2024-04-15 2024-06-05 2024-07-01 2024-07-29 2024-10-25 "
        "2025-01-15 2025-08-15 2025-10-15 2025-12-23 2026-01-12 2026-06-05 2026-08-27 "
    ),
}
_OPIOIDS: Final = ("fentanyl", "analogue", "other_opioid")
#: Date of a change in trade rules or required data -> its effect, and the content that it affects ('' for all).
_DATED: Final = {
    date(2025, 5, 2): ("channel", ""),
    date(2025, 8, 29): ("channel", ""),
    date(2025, 11, 10): ("third_country", "precursor"),
    date(2025, 11, 21): ("accounts", ""),
    date(2026, 5, 4): ("wording", ""),
}


@dataclass(frozen=True, slots=True)
class LawChange:
    """Law change in force from ``day``, with the effect ``moves`` (see `MOVES`) on networks that deal in ``contents``."""

    day: date
    moves: str
    contents: tuple[str, ...]


def law_changes(first: date, last: date) -> tuple[LawChange, ...]:
    """Return the distinct changes between two days in order."""
    changes: set[LawChange] = set()
    for contents, days in _LISTED.items():
        for day in map(date.fromisoformat, days.split()):
            if first <= day <= last:
                changes.add(LawChange(day, "neighbours", contents))
    for row in policy_dates():
        if not first <= row.date <= last:
            continue
        if row.date in _DATED:
            moves, content = _DATED[row.date]
            changes.add(LawChange(row.date, moves, (content,) if content else (*_OPIOIDS, "precursor", "equipment")))
        elif row.effect == "listing":
            changes.add(LawChange(row.date, "precursors", _OPIOIDS))
    return tuple(sorted(changes, key=lambda change: (change.day, change.moves, change.contents)))
