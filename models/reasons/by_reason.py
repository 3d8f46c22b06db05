"""Features and entries of evidence, grouped by the reason that their contributions count towards."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from features.groups.base import Feature
from features.groups.reason_codes import OwnReasonCode, ReasonCode
from models.evidence import Entry
from models.reasons.codes import ReasonKind, cited, fill, reason_kind, subject
from models.reasons.items import Evidence, ExplainedItems

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int32]


#: Number of cached texts per feature.
_MAX_CACHED: Final = 32


#: Feature -> the feature that says whether its value is usual.
_USUAL_BY: Final = {
    "value_per_kg": "value_per_kg_unusual",
    "value_usd": "value_unusual",
    "mass_kg": "mass_unusual",
    "price_deviation": "price_vs_description",
    "mass_deviation": "mass_vs_description",
}
#: Factor of the contribution of a usual value in the choice of the leading feature of a reason that raises the score.
_USUAL: Final = 1e-9


class MeasuredText(dict[float, str]):
    """Texts for the values of one feature, to append to the declared facts: value -> text. NaN is a missing value.

    Texts are cached. Counts and flags repeat between items, so three texts out of four come from the cache.
    """

    def __init__(self, feature: Feature) -> None:
        super().__init__()
        self._shown = shown = feature.shown
        self._label = shown.label_of(feature.meaning)
        # An office's own reasons have no declared facts. Next to declared facts, a missing value needs no text.
        unknown = f"{self._label}: not known" if isinstance(feature.reason, OwnReasonCode) else shown.unknown
        self._missing = f". {unknown}" if unknown is not None and not shown.in_facts else ""

    def __missing__(self, value: float) -> str:
        # NaN is not equal to itself, so lookups do not find it.
        if math.isnan(value):
            return self._missing
        if len(self) >= _MAX_CACHED:
            self.clear()
        text = self[value] = self._text(value)
        return text

    def _text(self, value: float) -> str:
        if self._shown.in_facts:
            return ""
        if value == 0.0 and self._shown.denied is not None:
            return f". {self._shown.denied}"
        words = self._shown.words(value)
        return f". {self._label}: {words}" if words else f". {self._label}"


class FeaturesByReason:
    """The features of a space and the entries of evidence, grouped by reason code, in the order of their first features.

    Contributions have a column for each feature and then one for each entry.

    Attributes:
        codes: (R,) reason codes.
        names: (F,) feature names.
        columns: feature name -> column.
        entries: (E,) entries.
        measured: (F,) texts for the values of each feature.
    """

    def __init__(self, features: Sequence[Feature], entries: Sequence[Entry] = ()) -> None:
        members: dict[ReasonCode | OwnReasonCode, list[int]] = {}
        for column, reason in enumerate([*(feature.reason for feature in features), *map(_reason, entries)]):
            members.setdefault(reason, []).append(column)
        self.codes = tuple(members)
        self.names = tuple(feature.name for feature in features)
        self.columns = {name: column for column, name in enumerate(self.names)}
        self.entries = tuple(entries)
        self.measured = tuple(map(MeasuredText, features))
        sizes = [len(columns) for columns in members.values()]
        #: Columns of the features sorted by reason, start of each reason among them, and reason of each.
        self._members = np.array([column for columns in members.values() for column in columns], dtype=np.int32)
        self._starts = np.cumsum([0, *sizes[:-1]])
        self._reasons = np.repeat(np.arange(len(sizes)), sizes)
        self._positions = np.arange(len(self._members), dtype=np.int32)
        usual = [
            (position, self.columns[by], features[self.columns[by]].shown.usual_within)
            for position, column in enumerate(self._members.tolist())
            if column < len(features)
            and (by := _USUAL_BY.get(self.names[column], self.names[column])) in self.columns
            and features[self.columns[by]].shown.usual_within
        ]
        #: Positions among the members of the features with usual values, the features that tell, and the bounds of their sizes.
        self._judged = np.array([position for position, _, _ in usual], dtype=np.int32)
        self._judging = np.array([column for _, column, _ in usual], dtype=np.int32)
        self._bounds = np.array([bound for _, _, bound in usual])

    def weigh(self, contributions: FloatArray, features: FloatArray) -> tuple[FloatArray, IntArray]:
        """Return weights and leading features of the reasons.

        Args:
            contributions: (n, F + E) contributions of features and entries to the raw log-odds of n goods items.
            features: (n, F) their values.

        Returns:
            Weights (n, R): sums of the contributions of each reason's features and entries. Leading columns (n, R): the feature
            or entry that contributes most in the direction of the weight; the first if several are equal. A usual value leads a
            reason that raises the score only if no other feature or entry of the reason raises it.
        """
        ordered = contributions.take(self._members, axis=1)
        weights = np.add.reduceat(ordered, self._starts, axis=1)
        signs = np.where(weights >= 0.0, 1.0, -1.0).take(self._reasons, axis=1)
        ordered *= signs
        is_usual = np.abs(features[:, self._judging]) < self._bounds
        ordered[:, self._judged] *= np.where(is_usual & (signs[:, self._judged] > 0.0), _USUAL, 1.0)
        largest = np.maximum.reduceat(ordered, self._starts, axis=1).take(self._reasons, axis=1)
        positions = np.where(ordered == largest, self._positions, np.int32(len(self._positions)))
        return weights, self._members[np.minimum.reduceat(positions, self._starts, axis=1)]

    @cached_property
    def kinds(self) -> tuple[ReasonKind, ...]:
        """Kinds (R,) of the reasons."""
        return tuple(map(reason_kind, self.codes))

    @cached_property
    def kinds_of_reasons(self) -> tuple[str, ...]:
        """Words (R,) for the subjects of the reasons."""
        return tuple(map(subject, self.codes))

    @cached_property
    def plain_codes(self) -> tuple[str, ...]:
        """Codes (R,) as plain strings, because some JSON encoders treat enum members differently."""
        return tuple(map(str, self.codes))

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """Sources (R,): published typologies, or a note that the model learned the relation."""
        return tuple(kind.source for kind in self.kinds)

    @cached_property
    def fields(self) -> tuple[list[str], ...]:
        """Manifest fields (R,) of the reasons, as lists that all answers share."""
        return tuple(list(kind.fields) for kind in self.kinds)

    def source(self, reason: int, leading: int) -> str:
        """Return the source of a reason with this leading column: that of the entry, or of the reason."""
        entry = leading - len(self.names)
        return self.sources[reason] if entry < 0 else self._entry_sources[entry]

    @cached_property
    def _entry_sources(self) -> tuple[str, ...]:
        """(E,) source of each entry."""
        return tuple(
            f"{cited(entry.source)}. Entry {entry.id} of the evidence, {entry.basis}" for entry in self.entries
        )

    def texts(
        self,
        reason: int,
        items: ExplainedItems,
        leading: Sequence[int],
        values: Sequence[float],
        raises: Sequence[bool],
    ) -> list[str]:
        """Return the texts of one reason.

        Args:
            reason: position of the reason in ``codes``.
            items: the items with this reason.
            leading: column of the leading feature or entry of each item.
            values: value of the leading feature of each item; any for an entry.
            raises: whether the reason raises the score of each item.
        """
        by_entry: dict[int, list[int]] = {}
        for position, column in enumerate(leading):
            # A feature leads where there is no entry.
            by_entry.setdefault(max(column - len(self.names), -1), []).append(position)
        texts = [""] * len(leading)
        for entry, positions in by_entry.items():
            # Reuse the items if possible, because they cache their columns.
            some = items if len(positions) == len(leading) else items.take(positions)
            if entry >= 0:
                written = fill(self.entries[entry].text, Evidence(some))
            else:
                columns = [leading[at] for at in positions]
                measured = [self.measured[column][values[at]] for column, at in zip(columns, positions, strict=True)]
                names = [self.names[column] for column in columns]
                evidence = Evidence(some, names, measured, [raises[at] for at in positions])
                written = self.kinds[reason].texts(evidence)
            for position, text in zip(positions, written, strict=True):
                texts[position] = text
        return texts


def _reason(entry: Entry) -> ReasonCode:
    if entry.reason is None:
        raise ValueError(f"The entry {entry.id} has no reason; base entries are not explained.")
    return entry.reason
