"""The rules in force for one model, compiled for its features."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from features.substances import Match
from features.table.table import ManifestTable
from models.permits import Register
from models.rules.compiled import Compiled, UnknownName, compiled
from models.rules.countries import has_places, places_alone, without_places
from models.rules.facts import Facts
from models.rules.rule import Effect, Rule, RuleFault, RulesError, RuleSet, joined
from models.rules.ruling import Fired, Ruling
from models.rules.screening import NEVER_SUPPRESSED, Screening, Suppression
from models.rules.source import EvidenceLookup, FloatArray, Source
from models.rules.triggers import Trigger, triggers_of
from models.rules.unread import UnreadItems

BoolArray: TypeAlias = NDArray[np.bool_]

#: Tables of at most this many rows are tested row by row, larger ones by columns. At this size both take about the same time.
_FEW_ROWS: Final = 12


@dataclass(frozen=True, slots=True, eq=False)
class OfficeRules:
    """The rules of an office, in addition to those of the model's bundle.

    Attributes:
        added: sets of rules in addition to the bundle's.
        off: whether the bundle's rules are off.
        register: the office's permits.
    """

    added: tuple[RuleSet, ...] = ()
    off: bool = False
    register: Register | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Ready:
    """A compiled rule.

    Attributes:
        when: its condition.
        blank: the condition as if country and place fields were blank.
        alone: the condition as if all other fields were blank. Both are None unless the rule is a red floor that uses countries or
            places.
    """

    rule: Rule
    when: Compiled
    blank: Compiled | None
    alone: Compiled | None


class Rulebook:
    """The rules in force, compiled for a feature space."""

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
        self._ready = [_ready(rule, columns, sets) for rule in self.rules]
        self._triggers = triggers_of((rule.when for rule in self.rules), columns)
        #: SHA-256 of the rules and the register; None with the rules switched off.
        self.digest = _digest(sets, office.register) if sets else None
        self._unread = UnreadItems()
        self._last_digest: tuple[Screening, str] | None = None

    def rule_on(
        self,
        table: ManifestTable,
        matrix: FloatArray,
        substances: Sequence[Match | None],
        evidence: EvidenceLookup | None = None,
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
        fired = self._fired_rules(table, matrix, evidence)
        if lists is None:
            return Ruling(self.digest, fired, unread)
        if fired is not None and lists.suppresses_rules:
            fired = replace(fired, suppressed=_suppressed(fired, table, lists))
        return Ruling(self._digest_with(lists), fired, unread, lists.hits(table))

    def _fired_rules(self, table: ManifestTable, matrix: FloatArray, evidence: EvidenceLookup | None) -> Fired | None:
        """Return the rules that fired; None if none did."""
        if not self._ready:
            return None
        is_small = table.n_rows <= _FEW_ROWS
        if is_small and self._triggers is not None and not _any_triggered(self._triggers, matrix):
            return None
        source = Source(table, matrix, Facts(table, matrix, self._columns, self._register), evidence)
        return self._fired_in_few(source) if is_small else self._fired(source)

    def _digest_with(self, lists: Screening) -> str:
        """Return the digest of the rules and the lists. The last result is cached."""
        last = self._last_digest
        if last is None or last[0] is not lists:
            parts = {"rules": self.digest, "lists": lists.digest}
            last = lists, hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
            self._last_digest = last
        return last[1]

    def _fired_in_few(self, source: Source) -> Fired | None:
        """Return the result of `_fired`, computed row by row, which is faster for few rows."""
        table, rows = source.table, range(source.table.n_rows)
        firings: list[tuple[int, int, bool]] = []
        shipment_of = table.shipment.tolist()
        for number, ready in enumerate(self._ready):
            test = ready.when.row
            holding = [row for row in rows if test(source, row)]
            if not holding:
                continue
            shipments = {shipment_of[row] for row in holding}
            if ready.rule.effect is Effect.AT_MOST_GREEN:
                shipments -= {shipment_of[row] for row in rows if row not in holding}
            red = shipments
            if ready.blank is not None and ready.alone is not None:
                blank, alone = ready.blank.row, ready.alone.row
                red = {shipment_of[row] for row in holding if blank(source, row) and not alone(source, row)}
            firings += [
                (number, shipment, shipment not in red)
                for shipment in shipments
                if _holds_on(ready.rule, table.declared_s.item(shipment))
            ]
        if not firings:
            return None
        fired = np.zeros((len(self._ready), table.n_shipments), dtype=np.bool_)
        demoted = np.zeros_like(fired)
        for number, shipment, is_demoted in firings:
            fired[number, shipment] = True
            demoted[number, shipment] = is_demoted
        return Fired(self.rules, fired, demoted)

    def _fired(self, source: Source) -> Fired | None:
        """Return the rules that fired, computed by columns; None if none did."""
        table = source.table
        fired = np.zeros((len(self._ready), table.n_shipments), dtype=np.bool_)
        demoted = np.zeros_like(fired)
        for number, ready in enumerate(self._ready):
            rows = ready.when.column(source, None)
            # An exemption must hold for all items of a shipment, a floor for one.
            reduce = np.logical_and if ready.rule.effect is Effect.AT_MOST_GREEN else np.logical_or
            fired[number] = _in_force(ready.rule, table, reduce.reduceat(rows, table.first_row))
            if ready.blank is not None and ready.alone is not None and fired[number].any():
                stays = rows & ready.blank.column(source, rows) & ~ready.alone.column(source, rows)
                demoted[number] = fired[number] & ~np.logical_or.reduceat(stays, table.first_row)
        return Fired(self.rules, fired, demoted) if fired.any() else None


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


def _any_triggered(triggers: Sequence[Trigger], matrix: FloatArray) -> bool:
    """Return whether a trigger holds for a row of a small matrix (n, F)."""
    item = matrix.item
    for row in range(len(matrix)):
        for column, test in triggers:
            if test(item(row, column)):
                return True
    return False


def _holds_on(rule: Rule, second: int) -> bool:
    """Return whether a rule is in force at a second since 1970."""
    return (rule.first_s is None or rule.first_s <= second) and (rule.last_s is None or second <= rule.last_s)


def _in_force(rule: Rule, table: ManifestTable, shipments: BoolArray) -> BoolArray:
    """Return the mask ``shipments`` (S,) without the shipments at whose declaration the rule is not in force."""
    if rule.first_s is not None:
        shipments = shipments & (table.declared_s >= rule.first_s)
    if rule.last_s is not None:
        shipments = shipments & (table.declared_s <= rule.last_s)
    return shipments


def _ready(rule: Rule, columns: Mapping[str, int], sets: Sequence[RuleSet]) -> _Ready:
    is_checked = rule.effect is Effect.AT_LEAST_RED and has_places(rule.when)
    try:
        return _Ready(
            rule,
            compiled(rule.when, columns),
            compiled(without_places(rule.when), columns) if is_checked else None,
            compiled(places_alone(rule.when), columns) if is_checked else None,
        )
    except UnknownName as error:
        name = next(one.name for one in sets if rule in one.rules)
        raise RulesError(name, [RuleFault(rule.line, rule.id, "when", str(error))]) from None


def _digest(sets: Sequence[RuleSet], register: Register | None) -> str:
    parts = {"rules": [one.digest for one in sets], "register": register and register.digest}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
