"""Law changes from the reference tables to which networks react.

A listing in `control_listings` moves dealers in the listed substance to unlisted neighbours (T1). A date in `policy_dates` with the
effect "listing" moves dealers in finished opioids to their precursors. The end of an exemption moves small parcels to other
channels. Required account dates make old and borrowed accounts more valuable. An export licence makes third countries more
valuable (R1). New stop words replace vague descriptions (D1) by unfitting headings (D4).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from features.reference import Group, Precision, control_listings, policy_dates, substances

#: Possible effects of a law change on networks.
MOVES: Final = ("neighbours", "precursors", "channel", "accounts", "third_country", "wording")
_CONTENT: Final = {
    Group.FENTANYL: ("fentanyl", "analogue"),
    Group.NITAZENE: ("other_opioid",),
    Group.OTHER_OPIOID: ("other_opioid",),
    Group.PRECURSOR: ("precursor",),
}
#: Places whose law the networks react to. The list is fixed, so that new rows of the reference tables for other places do not
#: change the world.
_WATCHED: Final = frozenset({"UN", "EU", "US", "US-SD", "CA", "CN", "DE", "GB", "VN"})
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
    """Return the distinct changes between two days in order. Changes without a recorded day are omitted."""
    changes: set[LawChange] = set()
    group = {row.name: row.group for row in substances()}
    for listing in control_listings():
        day = listing.effective_from
        if day is None or listing.date_precision is not Precision.DAY or not first <= day <= last:
            continue
        if listing.jurisdiction not in _WATCHED:
            continue
        contents = (
            _CONTENT.get(group[listing.substance], ()) if listing.substance in group else _of_class(listing.substance)
        )
        if contents:
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


def _of_class(name: str) -> tuple[str, ...]:
    lowered = name.lower()
    if "nitazene" in lowered:
        return ("other_opioid",)
    if "fentanyl" in lowered:
        return ("fentanyl", "analogue")
    return ()
