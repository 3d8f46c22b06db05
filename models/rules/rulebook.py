"""The rules in force for one model, ready to test its goods items."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from features.manifest.fields import FIELDS, Kind, Level
from features.space import COUNTRY_NEUTRAL
from features.substances import Match
from features.table.table import ManifestTable
from models.evidence import EntryWeights
from models.permits import Register
from models.rules.conditions import (
    FACTS,
    STREET_NAME,
    BoolArray,
    FloatArray,
    Leaf,
    Op,
    Source,
    Subject,
    Test,
    compiled,
    leaves,
    number_test,
)
from models.rules.office import OfficeRules
from models.rules.rule import Effect, Rule, RuleFault, RulesError, RuleSet, joined
from models.rules.ruling import NEVER_SUPPRESSED, Fired, Ruling, Screening, Suppression
from models.rules.unread import UnreadItems

#: Fields that name a country or a place. A telephone number contains a country code.
PLACE_FIELDS: Final = frozenset(
    field.name
    for field in FIELDS
    if field.level is not Level.LABEL
    and (
        field.kind in (Kind.COUNTRY, Kind.COUNTRIES, Kind.LOCATION)
        or field.key in ("address", "city", "postcode", "phone")
    )
)
#: Features and facts that depend on these fields.
PLACE_FEATURES: Final = frozenset(
    {
        *COUNTRY_NEUTRAL,
        "substance_listed_destination",
        "substance_listed_export",
        "substance_listed_origin",
        "consignor_trade_lane_shipments",
        *(f"own_{name}_{what}" for name in PLACE_FIELDS for what in ("rate", "number", "missing")),
        *(name for name, fact in FACTS.items() if fact.without_places is not None),
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class _Ready:
    """A rule with its tests.

    Attributes:
        when: tests its condition.
        blank: tests the condition as if country and place fields were blank.
        alone: tests the condition as if all other fields were blank. Both are None unless the rule is a red floor that uses
            countries or places, which alone never raise a shipment to the red lane.
    """

    rule: Rule
    when: Test
    blank: Test | None
    alone: Test | None


class Rulebook:
    """The rules in force for a feature space."""

    def __init__(self, columns: Mapping[str, int], bundled: RuleSet, office: OfficeRules | None = None) -> None:
        """
        Args:
            columns: feature name -> column of the matrix.
            bundled: the rules of the model's bundle.

        Raises:
            RulesError: a rule names a feature that this model does not have, or two rules have the same id.
        """
        office = office or OfficeRules()
        sets = [*([] if office.off else [bundled]), *office.added]
        self._columns, self._register = columns, office.register
        self.rules = joined(sets)
        for one in sets:
            _check_features(one, columns)
        self._ready = [_ready(rule) for rule in self.rules]
        #: SHA-256 of the rules and the register; None with the rules switched off.
        self.digest = _digest(sets, office.register) if sets else None
        self._unread = UnreadItems()
        self._last_digest: tuple[Screening, str] | None = None

    def rule_on(
        self,
        table: ManifestTable,
        matrix: FloatArray,
        substances: Sequence[Match | None],
        evidence: EntryWeights | None = None,
        lists: Screening | None = None,
    ) -> Ruling:
        """Apply rules, watch lists and the search for unread items to the shipments of a table.

        Args:
            matrix: (n, F) features of the table.
            substances: (n,) substance that each row's declared chemical, CAS number or description names.
            evidence: the evidence entries of the rows; None if the model has none.
            lists: the office's watch lists and suppressions, if any.
        """
        unread = self._unread.of(table, substances)
        fired = self._fired(Source(table, matrix, self._columns, self._register, evidence, substances))
        if lists is None:
            return Ruling(self.digest, fired, unread)
        if fired is not None and lists.suppresses_rules:
            fired = replace(fired, suppressed=_suppressed(fired, table, lists))
        return Ruling(self._digest_with(lists), fired, unread, lists.hits(table))

    def _digest_with(self, lists: Screening) -> str:
        """Return the digest of the rules and the lists. The last result is cached."""
        last = self._last_digest
        if last is None or last[0] is not lists:
            parts = {"rules": self.digest, "lists": lists.digest}
            last = lists, hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
            self._last_digest = last
        return last[1]

    def _fired(self, source: Source) -> Fired | None:
        """Return the rules that fired; None if none did."""
        table = source.table
        marks: BoolArray | None = None
        names: dict[tuple[int, int], dict[str, None]] = {}
        for number, ready in enumerate(self._ready):
            rows = ready.when(source, None)
            # Most rules hold for no goods item.
            if not np.count_nonzero(rows):
                continue
            if marks is None:
                marks = np.zeros((2, len(self._ready), table.n_shipments), dtype=np.bool_)
            fired, demoted = marks
            # An exemption must hold for all items of a shipment, a floor for one.
            reduce = np.logical_and if ready.rule.effect is Effect.AT_MOST_GREEN else np.logical_or
            fired[number] = _in_force(ready.rule, table, reduce.reduceat(rows, table.first_row))
            if any(leaf.name == STREET_NAME for leaf in leaves(ready.rule.when)):
                for row in np.flatnonzero(rows).tolist():
                    match = source.substances[row]
                    if match is not None and match.kind == "street":
                        names.setdefault((number, table.shipment.item(row)), {})[match.matched_text] = None
            if ready.blank is not None and ready.alone is not None:
                stays = rows & ready.blank(source, rows) & ~ready.alone(source, rows)
                demoted[number] = fired[number] & ~np.logical_or.reduceat(stays, table.first_row)
        if marks is None or not marks[0].any():
            return None
        return Fired(self.rules, marks[0], marks[1], {key: tuple(found) for key, found in names.items()})


def _suppressed(fired: Fired, table: ManifestTable, lists: Screening) -> dict[tuple[int, int], Suppression]:
    """Return the suppressions of floors that fired: (position of the rule, shipment) -> suppression."""
    names = table.text("consignor_name")
    suppressions: dict[tuple[int, int], Suppression] = {}
    for number, shipment in np.argwhere(fired.fired).tolist():
        rule = fired.rules[number]
        if rule.effect is Effect.AT_MOST_GREEN or rule.id in NEVER_SUPPRESSED:
            continue
        code = names.codes.item(table.first_row.item(shipment))
        suppression = lists.suppression(rule.id, names.values[code] if code >= 0 else None)
        if suppression is not None:
            suppressions[number, shipment] = suppression
    return suppressions


def _in_force(rule: Rule, table: ManifestTable, shipments: BoolArray) -> BoolArray:
    """Return the mask ``shipments`` (S,) without the shipments at whose declaration the rule is not in force."""
    if rule.first_s is not None:
        shipments = shipments & (table.declared_s >= rule.first_s)
    if rule.last_s is not None:
        shipments = shipments & (table.declared_s <= rule.last_s)
    return shipments


def _check_features(rules: RuleSet, columns: Mapping[str, int]) -> None:
    """Raise a RulesError if a rule names a feature that is neither a column nor a fact."""
    for rule in rules.rules:
        for leaf in leaves(rule.when):
            if leaf.subject is Subject.FEATURE and leaf.name not in columns and leaf.name not in FACTS:
                problem = f"{leaf.name!r} is not a feature of this model"
                raise RulesError(rules.name, [RuleFault(rule.line, rule.id, "when", problem)])


def _ready(rule: Rule) -> _Ready:
    is_checked = rule.effect is Effect.AT_LEAST_RED and any(map(_is_of_places, leaves(rule.when)))
    return _Ready(
        rule,
        compiled(rule.when),
        compiled(rule.when, _without_places) if is_checked else None,
        compiled(rule.when, _places_alone) if is_checked else None,
    )


def _is_of_places(leaf: Leaf) -> bool:
    """Return whether a leaf depends on countries or places."""
    return leaf.name in {Subject.FIELD: PLACE_FIELDS, Subject.FEATURE: PLACE_FEATURES}.get(leaf.subject, ())


def _without_places(leaf: Leaf) -> bool | None:
    """Return the result of a leaf on countries or places as if these fields were blank; None for other leaves."""
    if not _is_of_places(leaf):
        return None
    fact = FACTS.get(leaf.name)
    if fact is None:
        return leaf.op is Op.MISSING
    return bool(number_test(leaf)(np.array([fact.without_places]))[0])


def _places_alone(leaf: Leaf) -> bool | None:
    """Return the result of a leaf as if all fields except countries and places were blank; None for leaves on these alone."""
    return None if _is_of_places(leaf) and leaf.name not in FACTS else leaf.op is Op.MISSING


def _digest(sets: Sequence[RuleSet], register: Register | None) -> str:
    parts = {"rules": [one.digest for one in sets], "register": register and register.digest}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
