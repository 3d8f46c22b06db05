"""The prior: entries of evidence, ready to weigh feature rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from models.evidence.entries import Entry, Evidence, EvidenceGroup, Term
from models.evidence.weigh import Weigher

FloatArray = NDArray[np.float64]


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
        head_weights = _HeadWeights(evidence, self.heads)
        self.base = head_weights.base()
        groups = evidence.groups if evidence is not None else {}
        order = {group: position for position, group in enumerate(groups)}
        entries = [entry for entry in concerned if entry.direction != "base"]
        entries.sort(key=lambda entry: (order[entry.group], entry.one_of))
        self.entries: tuple[Entry, ...] = tuple(entries)
        column_of = {name: column for column, name in enumerate(features)}
        missing = {feature: entry.id for entry in entries for feature in entry.features if feature not in column_of}
        if missing:
            raise ValueError(
                "Entries of evidence name features that the model does not have: "
                + ", ".join(f"{feature} ({entry})" for feature, entry in sorted(missing.items()))
            )
        self._weigher = _weigher(self.entries, self.base, head_weights, groups, column_of)

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

    def contributions(self, matrix: FloatArray, head: int) -> FloatArray:
        """Return the contribution (n, E) of each entry to the prior log-odds of the head at position ``head``.

        The prior log-odds of a row are ``base[head]`` plus its contributions.
        """
        out = np.empty((len(matrix), len(self.entries)))
        self._weigher.contributions(matrix, head, out)
        return out


class _HeadWeights:
    """The log-odds of entries for each head."""

    def __init__(self, evidence: Evidence | None, heads: Sequence[str]) -> None:
        self._evidence, self._heads = evidence, heads

    def base(self) -> FloatArray:
        """Return the log-odds (K,) without any evidence. The odds of an office's own label are the sum of the odds of all heads."""
        base = np.zeros(len(self._heads))
        for column, head in enumerate(self._heads):
            evidence = self._evidence
            entries = [e for e in evidence.entries if evidence.concerns(e, head)] if evidence is not None else []
            of_head = [entry.log_odds for entry in entries if entry.direction == "base"]
            if of_head:
                base[column] = np.logaddexp.reduce(of_head)
        return base

    def entries(self, entries: Sequence[Entry]) -> FloatArray:
        """Return the log-odds (E, K) at full strength, times the factor of the head; 0 where an entry does not concern a head."""
        weights = np.zeros((len(entries), len(self._heads)))
        for row, entry in enumerate(entries):
            for column, head in enumerate(self._heads):
                if self._evidence is not None and self._evidence.concerns(entry, head):
                    weights[row, column] = entry.log_odds * self._evidence.factors.get(head, 1.0)
        return weights


class EntryWeights:
    """The weights of entries for the rows of a matrix, before the discount within groups. Strengths are computed on first use."""

    def __init__(self, prior: Prior, matrix: FloatArray) -> None:
        self._prior, self._matrix = prior, matrix
        self._strengths: FloatArray | None = None

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
    head_weights: _HeadWeights,
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
        head_weights.entries(entries),
    )


def _starts(sizes: Sequence[int]) -> NDArray[np.int32]:
    """Return the start of each of consecutive parts with these sizes, and the end of the last part."""
    return np.cumsum([0, *sizes], dtype=np.int32)
