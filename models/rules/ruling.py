"""Decisions of rules and unread items on the shipments of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.lanes import GREEN, RED, YELLOW
from models.rules.decision import SELECTED_BY, decide, decide_one
from models.rules.rule import Effect, Rule
from models.rules.unread import UnreadItem

BoolArray: TypeAlias = NDArray[np.bool_]
LaneArray: TypeAlias = NDArray[np.int8]

#: Reason codes of rules and of unread items. Their weight is null: they change the lane, never the score.
RULE_CODE: Final = "RULE"
UNREAD_CODE: Final = "UNREAD"
_ASKED: Final = {Effect.AT_LEAST_YELLOW: YELLOW, Effect.AT_LEAST_RED: RED}
#: Up to this many shipments are decided one by one, which takes less time than whole columns.
_FEW_SHIPMENTS: Final = 8
_UNREAD_SOURCE: Final = "an item that could not be read is at least yellow"
_DEMOTED: Final = "; yellow instead of red, because without countries and places it would not hold"
_NAMES: Final = np.array(SELECTED_BY, dtype=np.object_)
#: What set a lane that the score alone set, by lane code.
_BY_SCORE: Final = np.array([None, "score", "score"], dtype=np.object_)


@dataclass(frozen=True, slots=True, eq=False)
class Fired:
    """The rules that fired for S shipments; R rules.

    Attributes:
        rules: the R rules in force.
        fired: (R, S) whether the rule fired.
        demoted: (R, S) whether it asks for yellow only, because countries and places carry it.
    """

    rules: tuple[Rule, ...]
    fired: BoolArray
    demoted: BoolArray

    def exempt(self, rules: Sequence[int] | None = None) -> BoolArray:
        """Return whether an exemption fired (S,), by default of all rules, else of those at some positions."""
        exemptions = [number for number in self._those(rules) if self.rules[number].effect is Effect.AT_MOST_GREEN]
        return np.asarray(self.fired[exemptions].any(axis=0), dtype=np.bool_)

    def floor(self, rules: Sequence[int] | None = None) -> LaneArray:
        """Return the highest lane that a rule asks for (S,), by default of all rules, else of those at some positions."""
        floor = np.full(self.fired.shape[1], GREEN, dtype=np.int8)
        for number in self._those(rules):
            asked = _ASKED.get(self.rules[number].effect)
            if asked is not None and self.fired[number].any():
                # A boolean times a lane is the lane or green.
                np.maximum(floor, self.fired[number] * (asked - self.demoted[number]), out=floor, casting="unsafe")
        return floor

    def of_shipment(self, shipment: int) -> tuple[bool, int]:
        """Return for one shipment whether an exemption fired, and the highest lane that a rule asks for."""
        exempt, floor = False, GREEN
        for rule, has_fired, is_demoted in zip(
            self.rules, self.fired[:, shipment].tolist(), self.demoted[:, shipment].tolist(), strict=True
        ):
            if has_fired:
                asked = _ASKED.get(rule.effect)
                if asked is None:
                    exempt = True
                else:
                    floor = max(floor, asked - is_demoted)
        return exempt, floor

    def _those(self, rules: Sequence[int] | None) -> Sequence[int]:
        return range(len(self.rules)) if rules is None else rules


# Not frozen, because freezing doubles the time to make one, and each request makes one.
@dataclass(slots=True, eq=False)
class Ruling:
    """The decision on S shipments.

    Attributes:
        digest: SHA-256 of the rules in force and of the register; None with the rules switched off.
        fired: the rules that fired; None if none did for any shipment.
        unread: shipment -> the fields of its items that could not be read.
    """

    digest: str | None
    fired: Fired | None
    unread: Mapping[int, tuple[UnreadItem, ...]]

    def lanes(
        self, score: LaneArray, drawn: BoolArray | None, rules: Sequence[int] | None = None
    ) -> tuple[LaneArray, NDArray[np.object_]]:
        """Return the lane codes (S,) and what set them (S,).

        Args:
            score: (S,) lanes by the score.
            drawn: (S,) members of the random share; None for none.
            rules: positions of the rules that count; by default all.
        """
        if self.fired is None and not self.unread and drawn is None:
            return score, _BY_SCORE.take(score)
        if len(score) <= _FEW_SHIPMENTS and rules is None:
            return self._lanes_of_few(score, drawn)
        nothing = np.zeros(len(score), dtype=np.bool_)
        unread = nothing.copy()
        unread[list(self.unread)] = True
        lanes, by = decide(
            score,
            exempt=nothing if self.fired is None else self.fired.exempt(rules),
            floor=np.zeros(len(score), dtype=np.int8) if self.fired is None else self.fired.floor(rules),
            unread=unread,
            drawn=nothing if drawn is None else drawn,
        )
        return lanes, _NAMES[by]

    def _lanes_of_few(self, score: LaneArray, drawn: BoolArray | None) -> tuple[LaneArray, NDArray[np.object_]]:
        """Return what `lanes` returns, one shipment after the other."""
        lanes, by = score.copy(), np.empty(len(score), dtype=np.object_)
        for shipment, lane in enumerate(score.tolist()):
            exempt, floor = (False, GREEN) if self.fired is None else self.fired.of_shipment(shipment)
            lanes[shipment], selected_by = decide_one(
                lane,
                exempt=exempt,
                floor=floor,
                unread=shipment in self.unread,
                drawn=drawn is not None and bool(drawn[shipment]),
            )
            by[shipment] = SELECTED_BY[selected_by]
        return lanes, by

    def rule_ids(self, shipment: int) -> list[str]:
        """Return the ids of the rules that fired for a shipment, in their order."""
        if self.fired is None:
            return []
        return [self.fired.rules[number].id for number in np.flatnonzero(self.fired.fired[:, shipment]).tolist()]

    def rule_texts(self) -> tuple[NDArray[np.int32], list[str]]:
        """Return the ids of the rules that fired, joined by ``;``: codes (S,), -1 for none, into the list of texts."""
        if self.fired is None:
            return np.empty(0, dtype=np.int32), []
        combinations, codes = np.unique(self.fired.fired, axis=1, return_inverse=True)
        texts = [
            ";".join(self.fired.rules[number].id for number in np.flatnonzero(column).tolist())
            for column in combinations.T
        ]
        of_combination = np.array([-1 if not text else at for at, text in enumerate(texts)], dtype=np.int32)
        return of_combination[codes.reshape(-1)], texts

    def unread_text(self, shipment: int) -> str:
        """Return the unread fields of a shipment as ``item: field; item: field``, empty if all was read."""
        return "; ".join(f"{one.item_number}: {one.field}" for one in self.unread.get(shipment, ()))

    def unread_json(self, shipment: int) -> list[dict[str, str]]:
        """Return the unread fields of a shipment as plain JSON values."""
        return [{"item_number": one.item_number, "field": one.field} for one in self.unread.get(shipment, ())]

    def reasons(self, shipment: int) -> list[dict[str, Any]]:
        """Return the reasons of rules and unread items for a shipment as plain JSON values, the rules first."""
        reasons: list[dict[str, Any]] = []
        if self.fired is not None:
            for number in np.flatnonzero(self.fired.fired[:, shipment]).tolist():
                rule = self.fired.rules[number]
                reasons.append(
                    {
                        "code": RULE_CODE,
                        "text": f"Rule {rule.id}: {rule.reason}{_DEMOTED if self.fired.demoted[number, shipment] else ''}",
                        "weight": None,
                        "fields": list(rule.fields),
                        "source": rule.citation or (f"rule of {rule.author}" if rule.author else "rule of the office"),
                    }
                )
        for one in self.unread.get(shipment, ()):
            reasons.append(
                {
                    "code": UNREAD_CODE,
                    "text": f"Goods item {one.item_number}: {one.problem}",
                    "weight": None,
                    "fields": [one.field],
                    "source": _UNREAD_SOURCE,
                }
            )
        return reasons

    def shipments_with_reasons(self) -> list[int]:
        """Return the shipments for which a rule fired or an item is unread, ascending."""
        found = set(self.unread)
        if self.fired is not None:
            found.update(np.flatnonzero(self.fired.fired.any(axis=0)).tolist())
        return sorted(found)
