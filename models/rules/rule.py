"""Rules, sets of rules, and their faults."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from features.groups.source_fields import SOURCE_FIELDS, measured_fields
from features.manifest.fields import FIELD
from models.rules.conditions import FACTS, Condition, Leaf, Subject, leaves


class Effect(StrEnum):
    """Effect of a rule on the lane of a shipment. A floor raises it, an exemption lowers it; see `models.rules.ruling.decide`."""

    AT_LEAST_YELLOW = "at_least_yellow"
    AT_LEAST_RED = "at_least_red"
    AT_MOST_GREEN = "at_most_green"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        id: its name in answers, files and reports.
        when: the condition on a goods item.
        reason: the sentence that an officer reads.
        citation: the law or document that supports it; may be empty.
        author: the person responsible for it; may be empty.
        first_s, last_s: first and last second of `declared_at`, since 1970, at which it is in force; None for no limit.
        line: its line in the file, counted from 1.
        fields: the manifest fields that its condition uses, in order.
    """

    id: str
    when: Condition
    effect: Effect
    reason: str
    citation: str = ""
    author: str = ""
    first_s: int | None = None
    last_s: int | None = None
    line: int = 0
    fields: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        named = dict.fromkeys(name for leaf in leaves(self.when) for name in _fields_of(leaf))
        object.__setattr__(self, "fields", tuple(named))


def _fields_of(leaf: Leaf) -> Iterable[str]:
    if leaf.subject is Subject.FIELD:
        return (leaf.name,)
    if leaf.subject is Subject.EVIDENCE:
        return ()
    if leaf.name in FACTS:
        return FACTS[leaf.name].fields
    # Some features measure no manifest field, for example earlier shipments.
    measured = measured_fields(leaf.name) if leaf.name in SOURCE_FIELDS else ()
    return [name for name in measured if name in FIELD]


@dataclass(frozen=True, slots=True)
class RuleFault:
    """One fault of a rule file.

    Attributes:
        line: its line, counted from 1; 0 for the whole file.
        rule: id of the rule, or its position (``number 2``) if it has none; empty for the whole file.
        field: the key, for example ``when.all[1].op``; empty for the whole rule.
        problem: what is wrong and what is expected.
    """

    line: int
    rule: str
    field: str
    problem: str

    def __str__(self) -> str:
        places = (f"line {self.line}" if self.line else "", f"rule {self.rule}" if self.rule else "", self.field)
        named = ", ".join(f"field {place}" if place is self.field else place for place in places if place)
        return f"{named}: {self.problem}" if named else self.problem


class RulesError(ValueError):
    """A rule file that cannot be used. The message lists all of its faults by line."""

    def __init__(self, name: str, faults: Iterable[RuleFault]) -> None:
        self.name = name
        self.faults = sorted(faults, key=lambda fault: fault.line)
        super().__init__("\n".join([f"{name}: the rules are invalid:", *(f"- {fault}" for fault in self.faults)]))


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of one file.

    Attributes:
        name: the file, for messages.
        text: the TOML text of the file.
    """

    name: str
    text: str
    rules: tuple[Rule, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def joined(sets: Sequence[RuleSet]) -> tuple[Rule, ...]:
    """Return the rules of several sets, in order.

    Raises:
        RulesError: two sets contain a rule with the same id.
    """
    owners: dict[str, str] = {}
    rules: list[Rule] = []
    for one in sets:
        taken = [rule for rule in one.rules if rule.id in owners]
        if taken:
            raise RulesError(
                one.name,
                [
                    RuleFault(rule.line, rule.id, "id", f"a rule of {owners[rule.id]} has this id; choose another")
                    for rule in taken
                ],
            )
        owners |= {rule.id: one.name for rule in one.rules}
        rules += one.rules
    return tuple(rules)
