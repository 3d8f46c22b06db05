"""Entries of evidence, each with a weight, a basis and a source."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, Literal

from features.groups.reason_codes import ReasonCode
from features.groups.source_fields import measured_fields

Direction = Literal["base", "for", "against"]
Basis = Literal["published", "assumed"]
#: The head of an office's own label. All entries concern it if the evidence has a factor for it.
OWN_LABEL: Final = "risk"


@dataclass(frozen=True, slots=True)
class Term:
    """A condition on one feature.

    Attributes:
        feature: name of the feature.
        low, high: a step holds from ``low`` to ``high`` inclusive; a ramp rises from 0 at ``low`` to 1 at ``high``, or falls where
            ``low`` lies above ``high``.
        is_ramp: True for a ramp, False for a step.
    """

    feature: str
    low: float
    high: float
    is_ramp: bool = False


#: Alternative terms, of which the strongest counts.
Clause = tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class EvidenceGroup:
    """Entries that are not independent of each other.

    Attributes:
        id: its name.
        d: factor, 0 to 1, of the weights of all entries but the strongest.
        text: what the entries have in common.
    """

    id: str
    d: float
    text: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One piece of evidence.

    Attributes:
        id: its name.
        direction: ``for`` illicit content, ``against`` it, or ``base`` for the log-odds of a head without any evidence.
        group: id of its group; empty for ``base``.
        heads: the heads that it concerns.
        log_odds: change of a head's log-odds at full strength; the log-odds themselves for ``base``.
        low, high: the range in which a fit may move ``log_odds``.
        when: clauses that make up the evidence. All must hold. The strength of the entry is that of its weakest clause.
        where: further clauses that must hold. They limit the entry, which does not rest on their fields.
        one_of: entries of a group with the same name are alternatives, of which only the strongest counts; empty for none.
        basis: ``published`` if a published figure or law gives the weight, otherwise ``assumed``.
        source: the publication, or the reason for the assumption.
        dated: the day on which weight and wording were last reviewed.
        reason: code of the reason that its contribution counts towards; None for ``base``.
        text: the reason in an officer's words, with places in braces (`models.reasons.codes`).
    """

    id: str
    direction: Direction
    group: str
    heads: tuple[str, ...]
    log_odds: float
    low: float
    high: float
    when: tuple[Clause, ...]
    where: tuple[Clause, ...]
    one_of: str
    basis: Basis
    source: str
    dated: dt.date
    reason: ReasonCode | None
    text: str

    @property
    def features(self) -> tuple[str, ...]:
        """The features of all conditions, in order, each once."""
        return tuple(dict.fromkeys(term.feature for clause in (*self.when, *self.where) for term in clause))

    @property
    def fields(self) -> tuple[str, ...]:
        """The manifest fields that the entry rests on: those that the features of ``when`` measure."""
        features = [term.feature for clause in self.when for term in clause]
        return tuple(dict.fromkeys(field for feature in features for field in measured_fields(feature)))


@dataclass(frozen=True, slots=True)
class Evidence:
    """A file of evidence.

    Attributes:
        title, dated, author: title of the file, its day, and the person responsible for it.
        groups: by id, in the order of the file.
        entries: in the order of the file.
        source: the bytes of the file.
        factors: head -> factor, 0 to 1, of the weights of all entries except ``base``. Other heads have the factor 1.
    """

    title: str
    dated: dt.date
    author: str
    groups: dict[str, EvidenceGroup]
    entries: tuple[Entry, ...]
    source: bytes
    factors: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def digest(self) -> str:
        """SHA-256 of the file. An office can sign it."""
        return hashlib.sha256(self.source).hexdigest()

    def for_heads(self, heads: tuple[str, ...]) -> tuple[Entry, ...]:
        """Return the entries that concern one of the heads."""
        return tuple(entry for entry in self.entries if any(self.concerns(entry, head) for head in heads))

    def concerns(self, entry: Entry, head: str) -> bool:
        """Return whether an entry concerns a head. Every entry concerns an office's own label that has a factor."""
        return head in entry.heads or (head == OWN_LABEL and head in self.factors)

    def for_own_label(self, factor: float) -> Evidence:
        """Return the evidence for an office's own label: all entries, with weights multiplied by ``factor``.

        The factor is written at the top of the file, so that a bundle needs no other record of it.
        """
        source = f"[factor]\n{OWN_LABEL} = {factor!r}\n\n".encode() + self.source
        return replace(self, source=source, factors=MappingProxyType({OWN_LABEL: factor}))
