"""Legal status of a substance in the countries of a shipment on the day of its declaration.

A country whose law is not recorded counts as not listing the substance.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

import numpy as np

from features.substances import BENIGN, ClassMatch, Kind, Match, era, months, status

#: Capacity of each cache, in answers. Declarations repeat the same few substances.
_CAPACITY: Final = 8_192
#: Upper limit of the months since the first control, because only a recent listing is informative.
LONG_AGO: Final = 120.0


@dataclass(frozen=True, slots=True)
class Subject:
    """Attributes of a match that determine its legal status.

    Attributes:
        similar: True if the structure only resembles that of a listed substance.
    """

    substance: str
    inchikey: str
    classes: tuple[ClassMatch, ...]
    similar: bool

    @classmethod
    def of(cls, match: Match) -> Subject | None:
        """Return the subject of a match; None for a benign substance."""
        if match.group == BENIGN:
            return None
        return cls(match.substance, match.inchikey, match.classes, match.kind == "similar")

    def match(self) -> Match:
        """Return a match with the same legal status."""
        kind: Kind = "similar" if self.similar else "exact"
        return Match(kind, self.substance, "", "", "", self.inchikey, hit=False, classes=self.classes)


class LegalStatus:
    """Cached lookup of the legal status. Threads may share it."""

    def __init__(self) -> None:
        self._listed = lru_cache(maxsize=_CAPACITY)(_listed)
        self._listed_anywhere = lru_cache(maxsize=_CAPACITY)(_listed_anywhere)

    def on(self, subject: Subject, day: int, countries: list[str]) -> tuple[list[float], float, float]:
        """Return the legal status on a day.

        Args:
            day: proleptic Gregorian ordinal.
            countries: ISO 3166-1 alpha-2, or "" where missing.

        Returns:
            Three values: for each country 1 if it lists the substance, otherwise 0; 1 if the United Nations list it, otherwise
            0; months since its first control anywhere, at most `LONG_AGO`, or NaN if it was never controlled.
        """
        since = era(date.fromordinal(day))
        united_nations, first_day = self._listed_anywhere(subject, since)
        listed = [self._listed(subject, since, country) for country in countries]
        return listed, united_nations, np.nan if first_day is None else min(months(day - first_day), LONG_AGO)


def _listed(subject: Subject, since: date, country: str) -> float:
    """Return 1 if a country lists the subject in the legal period that begins on ``since``, otherwise 0."""
    return float(bool(country) and status(subject.match(), since, country).listed)


def _listed_anywhere(subject: Subject, since: date) -> tuple[float, int | None]:
    """Return 1 if the United Nations list the subject, otherwise 0, and the ordinal of its first day of control or None."""
    everywhere = status(subject.match(), since)
    first_day = None if everywhere.since is None else everywhere.since.toordinal()
    return float("UN" in everywhere.listed_in), first_day
