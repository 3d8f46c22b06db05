"""A declared chemical becomes a substance with its legal status."""

from __future__ import annotations

from features.substances.find.index import SubstanceIndex
from features.substances.match import BENIGN, WATCHED, Match

__all__ = ["BENIGN", "WATCHED", "Match", "SubstanceIndex"]
