"""Result of comparing a structure with one definition."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

#: The limb of a structure that does not differ from the parent.
PARENT: Final = "parent"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Result of one definition, with the limbs by which the structure differs from the parent, in the order of the law."""

    result: Literal["met", "possible"]
    limbs: tuple[str, ...]


def verdict(limbs: Iterable[str], order: tuple[str, ...], *, sure: bool = True) -> Verdict:
    """Return a verdict with its limbs in the given order, or with `PARENT` without limbs. It is ``met`` if ``sure``."""
    named = set(limbs)
    return Verdict("met" if sure else "possible", tuple(limb for limb in order if limb in named) or (PARENT,))


def best(verdicts: Iterable[Verdict | None]) -> Verdict | None:
    """Return the best verdict on one structure: ``met`` before ``possible``, then the fewest limbs. None without a verdict."""
    found = [one for one in verdicts if one is not None]
    return min(found, key=lambda one: (one.result != "met", len(one.limbs), one.limbs), default=None)
