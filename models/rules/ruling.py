"""The lane of each shipment of a table, decided by score, rules, watch lists, unread items and the random share.

The steps are: score, exemptions (at most green), floors (at least yellow, at least red), watch lists, unread items and the random
share. Only exemptions lower the lane. Floors come later, so an exemption never defeats a floor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from features.groups.history.declarations import Earlier
from features.table.table import ManifestTable
from models.lanes import GREEN, RED, YELLOW
from models.rules import amended
from models.rules.rule import Effect, Rule
from models.rules.unread import UnreadItem

BoolArray: TypeAlias = NDArray[np.bool_]
LaneArray: TypeAlias = NDArray[np.int8]


class LaneReason(StrEnum):
    """Codes of reasons about the lane, which never change the score. Their weight is null, and they are never dropped."""

    RULE = "RULE"
    WATCH_LIST = "WATCH_LIST"
    DISMISSED = "DISMISSED"
    SUPPRESSED = "SUPPRESSED"
    UNREAD = "UNREAD"
    CHANGED = "CHANGED"
    EXPLORATION = "EXPLORATION"


#: Cause of the lane, by the code that `decide` returns; None for green, unless an exemption lowered the lane to green.
SELECTED_BY: Final = (None, "score", "rule", "unread", "random", "watch_list", "exploration")
NOTHING, SCORE, RULE, UNREAD, RANDOM, WATCH_LIST, EXPLORATION = range(7)
_NAMES: Final = np.array(SELECTED_BY, dtype=np.object_)
#: Cause of the lane by the score, by lane code.
_BY_SCORE: Final = np.array([NOTHING, SCORE, SCORE], dtype=np.int8)
#: Lane that an effect requires.
_FLOORS: Final = {Effect.AT_MOST_GREEN: GREEN, Effect.AT_LEAST_YELLOW: YELLOW, Effect.AT_LEAST_RED: RED}
_UNREAD_SOURCE: Final = "an item that could not be read is at least yellow"
_DEMOTED: Final = "; yellow instead of red, because it depends on countries or places"
_EXPLORED_SOURCE: Final = "exploration of the office"
_DISMISSED_SOURCE: Final = "dismissal by an officer"
_SUPPRESSED_SOURCE: Final = "suppression of the office"
#: Prefix of an entry's id in `Ruling.rule_ids`. Ids of rules contain no colon.
_ENTRY: Final = "watch_list:"


def decide(
    score: LaneArray,
    exempt: BoolArray | None = None,
    floors: Sequence[tuple[LaneArray, int]] = (),
    drawn: BoolArray | None = None,
) -> tuple[LaneArray, LaneArray]:
    """Return the lane of each shipment (S,) and what set it (S,), an index into `SELECTED_BY`.

    Args:
        score: (S,) lane by the score.
        exempt: (S,) an exemption holds.
        floors: steps that may raise the lane, in order: the lanes (S,) that a step requires, green for none, and its index in
            `SELECTED_BY`.
        drawn: (S,) the shipment belongs to the random share.
    """
    lanes, by = score.copy(), _BY_SCORE.take(score)
    if exempt is not None:
        lowered = exempt & (lanes > GREEN)
        lanes[lowered], by[lowered] = GREEN, RULE
    for required, step in floors:
        raised = required > lanes
        lanes[raised], by[raised] = required[raised], step
    if drawn is not None:
        lanes[drawn], by[drawn] = RED, RANDOM
    return lanes, by


#: Rules that cannot be suppressed: a declared controlled substance without a verified permit is never green.
NEVER_SUPPRESSED: Final = frozenset({"watched-without-permit"})


@dataclass(frozen=True, slots=True)
class Suppression:
    """A period in which a rule or a watch list does not raise lanes.

    Attributes:
        until: its end, ISO 8601.
        by: the person who decided it; empty if unknown.
    """

    id: str
    reason: str
    until: str
    by: str = ""

    def __str__(self) -> str:
        return f"suppressed until {self.until}{f' by {self.by}' if self.by else ''}: {self.reason}"


@dataclass(frozen=True, slots=True)
class ListHit:
    """A field of a shipment that agrees with an entry of a watch list.

    Attributes:
        entry: id of the entry.
        list_name: name of the list.
        field: the manifest field.
        similarity: 0 to 1; 1 for identifiers.
        lane: code of the lane that the entry requires.
        reason: why the entry is on the list.
        source: origin of the entry; empty if unknown.
        dismissed: an officer's reason why the party is not that of the entry; None if not dismissed. A dismissed hit raises no
            lane.
        suppressed: the suppression in force, if any. A suppressed hit raises no lane.
    """

    entry: str
    list_name: str
    field: str
    similarity: float
    lane: int
    reason: str
    source: str = ""
    dismissed: str | None = None
    suppressed: Suppression | None = None

    @property
    def counts(self) -> bool:
        """True if the hit is neither dismissed nor suppressed."""
        return self.dismissed is None and self.suppressed is None


class Screening(Protocol):
    """One state of the lists of an office, which the service holds.

    It is immutable, so that one state decides a whole table.
    """

    @property
    def digest(self) -> str:
        """SHA-256 of the entries, dismissals and suppressions in force."""
        ...

    @property
    def suppresses_rules(self) -> bool:
        """True if a suppression of rules is in force."""
        ...

    def hits(self, table: ManifestTable) -> Mapping[int, tuple[ListHit, ...]]:
        """Return the hits of a table by shipment. Shipments without hits are left out."""
        ...

    def suppression(self, rule: str, consignor: str | None) -> Suppression | None:
        """Return the suppression of a rule for a consignor's declared name, if one is in force."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Fired:
    """The rules that fired for S shipments; R rules.

    Attributes:
        rules: the R rules in force.
        fired: (R, S) whether the rule fired.
        demoted: (R, S) whether the rule requires yellow instead of red, because it depends on countries or places.
        names: (position of a rule, shipment) -> the street names that it found.
        suppressed: (position of a rule, shipment) -> the suppression that cancels the rule's floor.
    """

    rules: tuple[Rule, ...]
    fired: BoolArray
    demoted: BoolArray
    names: Mapping[tuple[int, int], tuple[str, ...]] = field(default_factory=dict)
    suppressed: Mapping[tuple[int, int], Suppression] = field(default_factory=dict)

    def exempt(self, rules: Sequence[int] | slice = slice(None)) -> BoolArray:
        """Return whether an exemption fired (S,) among the rules at some positions, by default all."""
        is_exemption = np.array([rule.effect is Effect.AT_MOST_GREEN for rule in self.rules])
        return np.asarray((self.fired & is_exemption[:, None])[rules].any(axis=0), dtype=np.bool_)

    def floor(self, rules: Sequence[int] | slice = slice(None)) -> LaneArray:
        """Return the highest lane (S,) that a fired rule requires, among the rules at some positions, by default all."""
        # False times a lane is 0, which is green.
        lanes = (
            self.fired * np.array([_FLOORS[rule.effect] for rule in self.rules], dtype=np.int8)[:, None] - self.demoted
        )
        for rule, shipment in self.suppressed:
            lanes[rule, shipment] = GREEN
        return np.asarray(lanes[rules].max(axis=0, initial=GREEN), dtype=np.int8)


# Not frozen, because creating a frozen instance takes twice as long and each request creates one.
@dataclass(slots=True, eq=False)
class Ruling:
    """The decision on S shipments.

    Attributes:
        digest: SHA-256 of the rules in force, the register and any lists; None if rules are off and there are no lists.
        fired: the rules that fired; None if none did for any shipment.
        unread: shipment -> the fields of its items that could not be read.
        hits: shipment -> its hits on watch lists, including dismissed and suppressed ones.
        earlier: shipment -> an earlier declaration of it with other content.
        explored: shipment that exploration selected -> the probability of that.
    """

    digest: str | None
    fired: Fired | None
    unread: Mapping[int, tuple[UnreadItem, ...]]
    hits: Mapping[int, tuple[ListHit, ...]] = field(default_factory=dict)
    earlier: Mapping[int, Earlier] = field(default_factory=dict)
    explored: Mapping[int, float] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """True if nothing but the score decides on any shipment."""
        return self.fired is None and not (self.unread or self.hits or self.earlier or self.explored)

    def lanes(
        self, score: LaneArray, drawn: BoolArray | None, rules: Sequence[int] | slice = slice(None)
    ) -> tuple[LaneArray, NDArray[np.object_]]:
        """Return the lane codes (S,) and what set them (S,).

        Args:
            score: (S,) lanes by the score.
            drawn: (S,) members of the random share; None if there are none.
            rules: positions of the rules to apply; by default all.
        """
        floors = self._floors(len(score), rules)
        lanes, by = decide(score, None if self.fired is None else self.fired.exempt(rules), floors, drawn)
        return lanes, _NAMES[by]

    def is_floored(self, count: int) -> BoolArray:
        """Return whether each of ``count`` shipments is red whatever its score."""
        floored = np.zeros(count, dtype=np.bool_)
        for required, _ in self._floors(count):
            floored |= required == RED
        for shipment, one in self.earlier.items():
            floored[shipment] |= one.floor == RED
        return floored

    def _floors(self, count: int, rules: Sequence[int] | slice = slice(None)) -> list[tuple[LaneArray, int]]:
        """Return the steps that may raise the lanes of ``count`` shipments, see `decide`."""
        floors: list[tuple[LaneArray, int]] = []
        if self.fired is not None:
            floors.append((self.fired.floor(rules), RULE))
        if self.hits:
            watched = {
                shipment: max([GREEN, *(hit.lane for hit in hits if hit.counts)])
                for shipment, hits in self.hits.items()
            }
            floors.append((_lanes_of(watched, count), WATCH_LIST))
        if self.unread:
            floors.append((_lanes_of(dict.fromkeys(self.unread, YELLOW), count), UNREAD))
        return floors

    def amend(self, earlier: Mapping[int, Earlier], lanes: LaneArray, selected_by: NDArray[np.object_]) -> None:
        """Raise ``lanes`` (S,) to what earlier declarations of the shipments require, and set ``selected_by`` (S,) there."""
        self.earlier = earlier
        for shipment, one in earlier.items():
            if one.floor > lanes[shipment]:
                lanes[shipment], selected_by[shipment] = one.floor, SELECTED_BY[RULE]

    def _changed(self, shipment: int) -> Earlier | None:
        """Return the earlier declaration of a shipment if it requires a lane."""
        earlier = self.earlier.get(shipment)
        return None if earlier is None or earlier.floor == GREEN else earlier

    def first_texts(self) -> dict[int, str]:
        """Return the text that stands before all reasons of a shipment: exploration, or an earlier declaration."""
        changed = {
            shipment: amended.text(one) for shipment in self.earlier if (one := self._changed(shipment)) is not None
        }
        return changed | {shipment: _explored_text(p) for shipment, p in self.explored.items()}

    def rule_ids(self, shipment: int) -> list[str]:
        """Return the ids of the rules that fired for a shipment, then those of its watch-list hits that are not dismissed."""
        ids: list[str] = []
        if self.fired is not None:
            ids = [self.fired.rules[number].id for number in np.flatnonzero(self.fired.fired[:, shipment]).tolist()]
        entries = [f"{_ENTRY}{hit.entry}" for hit in self.hits.get(shipment, ()) if hit.dismissed is None]
        changed = [] if self._changed(shipment) is None else [amended.RULE_ID]
        return changed + ids + list(dict.fromkeys(entries))

    def rule_texts(self, count: int) -> tuple[NDArray[np.int32], list[str]]:
        """Return `rule_ids` of all shipments, joined by ``;``.

        The first value contains codes (S,) into the second, the list of texts. The code is -1 for a shipment without ids.

        Args:
            count: S, the number of shipments.
        """
        codes, texts = self._fired_texts(count)
        for shipment in sorted({*self.hits, *self.earlier}):
            if ids := self.rule_ids(shipment):
                codes[shipment] = len(texts)
                texts.append(";".join(ids))
        return codes, texts

    def _fired_texts(self, count: int) -> tuple[NDArray[np.int32], list[str]]:
        if self.fired is None:
            return np.full(count, -1, dtype=np.int32), []
        combinations, codes = np.unique(self.fired.fired, axis=1, return_inverse=True)
        texts = [
            ";".join(self.fired.rules[number].id for number in np.flatnonzero(column).tolist())
            for column in combinations.T
        ]
        of_combination = np.array([-1 if not text else at for at, text in enumerate(texts)], dtype=np.int32)
        return of_combination[codes.reshape(-1)], texts

    def unread_text(self, shipment: int) -> str:
        """Return the unread fields of a shipment as ``item: field; item: field``, empty if there are none."""
        return "; ".join(f"{one.item_number}: {one.field}" for one in self.unread.get(shipment, ()))

    def unread_json(self, shipment: int) -> list[dict[str, str]]:
        """Return the unread fields of a shipment as plain JSON values."""
        return [{"item_number": one.item_number, "field": one.field} for one in self.unread.get(shipment, ())]

    def reasons(self, shipment: int) -> list[dict[str, Any]]:
        """Return the reasons of exploration, a changed declaration, rules, watch lists and unread items for a shipment as plain
        JSON values, in this order."""
        reasons: list[dict[str, Any]] = []
        if shipment in self.explored:
            reasons.append(
                {
                    "code": LaneReason.EXPLORATION.value,
                    "text": _explored_text(self.explored[shipment]),
                    "weight": None,
                    "fields": ["shipment_id"],
                    "source": _EXPLORED_SOURCE,
                }
            )
        changed = self._changed(shipment)
        if changed is not None:
            reasons.append(
                {
                    "code": LaneReason.CHANGED.value,
                    "text": amended.text(changed),
                    "weight": None,
                    "fields": [*changed.by.split(), *(change.field for change in changed.changes)],
                    "source": amended.SOURCE,
                }
            )
        if self.fired is not None:
            for number in np.flatnonzero(self.fired.fired[:, shipment]).tolist():
                rule = self.fired.rules[number]
                names = ", ".join(f"`{name}`" for name in self.fired.names.get((number, shipment), ()))
                demoted = _DEMOTED if self.fired.demoted[number, shipment] else ""
                reasons.append(
                    {
                        "code": LaneReason.RULE.value,
                        "text": f"Rule {rule.id}: {rule.reason}{f': {names}' if names else ''}{demoted}",
                        "weight": None,
                        "fields": list(rule.fields),
                        "source": rule.citation or (f"rule of {rule.author}" if rule.author else "rule of the office"),
                    }
                )
                suppression = self.fired.suppressed.get((number, shipment))
                if suppression is not None:
                    reasons.append(_suppressed(f"Rule {rule.id}", suppression, rule.fields))
        reasons += map(_hit_reason, self.hits.get(shipment, ()))
        for one in self.unread.get(shipment, ()):
            reasons.append(
                {
                    "code": LaneReason.UNREAD.value,
                    "text": f"Goods item {one.item_number}: {one.problem}",
                    "weight": None,
                    "fields": [one.field],
                    "source": _UNREAD_SOURCE,
                }
            )
        return reasons

    def shipments_with_reasons(self) -> list[int]:
        """Return the shipments on which more than the score decides, ascending."""
        shipments = {*self.unread, *self.hits, *self.earlier, *self.explored}
        if self.fired is not None:
            shipments.update(np.flatnonzero(self.fired.fired.any(axis=0)).tolist())
        return sorted(shipments)


def _lanes_of(shipments: Mapping[int, int], count: int) -> LaneArray:
    """Return lane codes (``count``,) from those of some shipments; the others are green."""
    lanes = np.full(count, GREEN, dtype=np.int8)
    lanes[list(shipments)] = list(shipments.values())
    return lanes


def _explored_text(probability: float) -> str:
    return (
        f"Chosen by chance, not by its score: about 1 in {round(1.0 / probability):,} shipments that score like this is opened, to "
        "find what the score misses"
    )


def _hit_reason(hit: ListHit) -> dict[str, Any]:
    name, party = f"Watch list {hit.list_name}", hit.field.replace("_", " ")
    if hit.dismissed is not None:
        return {
            "code": LaneReason.DISMISSED.value,
            "text": f"{name}: {party} is another party: {hit.dismissed}",
            "weight": None,
            "fields": [hit.field],
            "source": _DISMISSED_SOURCE,
        }
    if hit.suppressed is not None:
        return _suppressed(name, hit.suppressed, (hit.field,))
    # Round down, because 100 % would mean the same spelling.
    percent = int(100.0 * hit.similarity)
    return {
        "code": LaneReason.WATCH_LIST.value,
        "text": f"{name}: {party} agrees with an entry (similarity {percent} %): {hit.reason}",
        "weight": None,
        "fields": [hit.field],
        "source": hit.source or f"watch list {hit.list_name} of the office",
    }


def _suppressed(what: str, suppression: Suppression, fields: Sequence[str]) -> dict[str, Any]:
    return {
        "code": LaneReason.SUPPRESSED.value,
        "text": f"{what}: {suppression}",
        "weight": None,
        "fields": list(fields),
        "source": _SUPPRESSED_SOURCE,
    }
