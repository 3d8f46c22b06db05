"""Entries of evidence, each with a weight, a basis and a source, and the prior that weighs feature rows by them."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from features.groups.reason_codes import ReasonCode
from features.groups.source_fields import measured_fields
from models.evidence.weigh import Weigher

FloatArray = NDArray[np.float64]

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
        fact: True if the entry says what is declared. Calibration then keeps odds above even (`models.calibration.facts`).
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
    fact: bool
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


class Prior:
    """Weighs feature rows by the entries of evidence. Threads may share a prior.

    Attributes:
        evidence: the file of evidence; None for a prior of 0.
        heads: (K,) names of the heads.
        entries: (E,) entries in the order of the contributions, by group, with alternatives side by side. Base entries are not
            included.
        base: (K,) log-odds of each head without any evidence.
    """

    def __init__(self, evidence: Evidence | None, heads: Sequence[str], features: Sequence[str]) -> None:
        """
        Args:
            evidence: None for a prior of 0.
            heads: heads of the model, in order. A head that no entry concerns has the prior 0.
            features: names of the feature matrix's columns, in order.

        Raises:
            ValueError: an entry names a feature that is not in ``features``.
        """
        self.evidence = evidence
        self.heads = tuple(heads)
        concerned = evidence.for_heads(self.heads) if evidence is not None else ()
        groups = evidence.groups if evidence is not None else {}
        order = {group: position for position, group in enumerate(groups)}
        entries = [entry for entry in concerned if entry.direction != "base"]
        entries.sort(key=lambda entry: (order[entry.group], entry.one_of))
        self.entries: tuple[Entry, ...] = tuple(entries)
        self.base = np.zeros(len(self.heads))
        #: (E, K) log-odds at full strength, times the factor of the head; 0 where an entry does not concern a head.
        weights = np.zeros((len(entries), len(self.heads)))
        for column, head in enumerate(self.heads):
            if evidence is None:
                break
            # The odds of an office's own label are the sum of the odds of all heads.
            base = [e.log_odds for e in concerned if e.direction == "base" and evidence.concerns(e, head)]
            self.base[column] = np.logaddexp.reduce(base) if base else 0.0
            for row, entry in enumerate(entries):
                if evidence.concerns(entry, head):
                    weights[row, column] = entry.log_odds * evidence.factors.get(head, 1.0)
        column_of = {name: column for column, name in enumerate(features)}
        missing = {feature: entry.id for entry in entries for feature in entry.features if feature not in column_of}
        if missing:
            raise ValueError(
                "Entries of evidence name features that the model does not have: "
                + ", ".join(f"{feature} ({entry})" for feature, entry in sorted(missing.items()))
            )
        self._weigher = _weigher(self.entries, self.base, weights, groups, column_of)
        #: (E, K) 1 where an entry states a fact for a head, otherwise 0.
        self._facts = np.array([entry.fact for entry in entries], dtype=np.float64)[:, None] * (weights != 0.0)

    def log_odds(self, matrix: FloatArray) -> FloatArray:
        """Return the prior log-odds (n, K) of C-ordered feature rows (n, F)."""
        out = np.empty((len(matrix), len(self.heads)))
        self._weigher.totals(matrix, out)
        return out

    def strengths(self, matrix: FloatArray) -> FloatArray:
        """Return the strength (n, E) of each entry, 0 to 1."""
        out = np.empty((len(matrix), len(self.entries)))
        self._weigher.strengths(matrix, out)
        return out

    def facts(self, matrix: FloatArray) -> NDArray[np.bool_]:
        """Return whether an entry that states a fact fires for each head (n, K)."""
        return np.asarray(self.strengths(matrix) @ self._facts > 0.0)

    def contributions(self, matrix: FloatArray, head: int) -> FloatArray:
        """Return the contribution (n, E) of each entry to the prior log-odds of the head at position ``head``.

        The prior log-odds of a row are ``base[head]`` plus its contributions.
        """
        out = np.empty((len(matrix), len(self.entries)))
        self._weigher.contributions(matrix, head, out)
        return out


class EntryWeights:
    """The weights of entries for the rows of a matrix, before the discount within groups. Strengths are computed on first use."""

    def __init__(self, prior: Prior, matrix: FloatArray) -> None:
        self._prior, self._matrix = prior, matrix
        self._strengths: FloatArray | None = None

    def __contains__(self, name: str) -> bool:
        """Return whether there is an entry with this id."""
        return any(one.id == name for one in self._prior.entries)

    def column(self, name: str) -> FloatArray:
        """Return the log-odds of an entry times its strength for each row (n,); NaN where it does not fire.

        Raises:
            KeyError: there is no such entry.
        """
        prior = self._prior
        entry = next((number for number, one in enumerate(prior.entries) if one.id == name), None)
        if entry is None:
            raise KeyError(name)
        if self._strengths is None:
            self._strengths = prior.strengths(self._matrix)
        strength = self._strengths[:, entry]
        return np.where(strength > 0.0, strength * prior.entries[entry].log_odds, np.nan)


def _weigher(
    entries: Sequence[Entry],
    base: FloatArray,
    weights: FloatArray,
    of_id: Mapping[str, EvidenceGroup],
    column_of: dict[str, int],
) -> Weigher:
    clauses = [[*entry.when, *entry.where] for entry in entries]
    terms: list[Term] = [term for of_entry in clauses for clause in of_entry for term in clause]
    # An entry without alternatives forms its own set.
    sets = [
        (group, len(list(members)))
        for (group, _), members in groupby(
            entries, key=lambda entry: (entry.group, entry.one_of or f"entry {entry.id}")
        )
    ]
    groups = [(group, len(list(members))) for group, members in groupby(group for group, _ in sets)]
    return Weigher(
        (
            np.array([column_of[term.feature] for term in terms], dtype=np.int32),
            np.array([term.low for term in terms], dtype=np.float64),
            np.array([term.high for term in terms], dtype=np.float64),
            np.array([term.is_ramp for term in terms], dtype=np.uint8),
        ),
        _starts([len(clause) for of_entry in clauses for clause in of_entry]),
        _starts([len(of_entry) for of_entry in clauses]),
        _starts([size for _, size in sets]),
        _starts([size for _, size in groups]),
        np.array([of_id[group].d for group, _ in groups], dtype=np.float64),
        base,
        weights,
    )


def _starts(sizes: Sequence[int]) -> NDArray[np.int32]:
    """Return the start of each of consecutive parts with these sizes, and the end of the last part."""
    return np.cumsum([0, *sizes], dtype=np.int32)
