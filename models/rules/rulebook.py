"""The rules in force for one model, compiled for its features."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from models.rules.source import EvidenceLookup, FloatArray, Source
from models.rules.unread import unread_items

BoolArray: TypeAlias = NDArray[np.bool_]

#: Up to this many rows are tested one by one, more of them as whole columns: about the size at which both take the same time.
_FEW_ROWS: Final = 12


@dataclass(frozen=True, slots=True, eq=False)
class OfficeRules:
    """The rules of an office, beside those of the model's bundle.

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
        blank: the condition with country and place fields blank, and ``alone`` with everything else blank; both None where a red
            lane of this rule does not depend on countries or places.
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
            RulesError: a rule names a feature that this model does not have, or two rules have one id.
        """
        office = office or OfficeRules()
        sets = [*([] if office.off else [bundled]), *office.added]
        self._columns, self._register = columns, office.register
        self.rules = joined(sets)
        self._ready = [_ready(rule, columns, sets) for rule in self.rules]
        #: SHA-256 of the rules and the register; None with the rules switched off.
        self.digest = _digest(sets, office.register) if sets else None

    def rule_on(
        self,
        table: ManifestTable,
        matrix: FloatArray,
        substances: Sequence[Match | None],
        evidence: EvidenceLookup | None = None,
    ) -> Ruling:
        """Return what rules and unread items say about the shipments of a table.

        Args:
            matrix: (n, F) features of the table.
            substances: (n,) what each row's declared chemical, CAS number or description names.
            evidence: the evidence entries of the rows, where the model has them.
        """
        unread = unread_items(table, substances)
        if not self._ready:
            return Ruling(self.digest, None, unread)
        source = Source(table, matrix, Facts(table, matrix, self._columns, self._register), evidence)
        fired = self._fired_in_few(source) if table.n_rows <= _FEW_ROWS else self._fired(source)
        return Ruling(self.digest, fired, unread)

    def _fired_in_few(self, source: Source) -> Fired | None:
        """Test the rules row by row."""
        rows = range(source.table.n_rows)
        for one in self._ready:
            test = one.when.row
            for row in rows:
                if test(source, row):
                    # Some rule fires: the whole answer may take longer.
                    return self._fired(source, by_row=True)
        return None

    def _fired(self, source: Source, *, by_row: bool = False) -> Fired | None:
        """Test the rules on whole columns, or row by row."""
        table = source.table
        fired = np.zeros((len(self._ready), table.n_shipments), dtype=np.bool_)
        demoted = np.zeros_like(fired)
        for number, one in enumerate(self._ready):
            rows = _rows(one.when, source, by_row)
            if not rows.any():
                continue
            in_force = _in_force(one.rule, table)
            if one.rule.effect is Effect.AT_MOST_GREEN:
                # A shipment is exempt if all of its items are.
                fired[number] = np.logical_and.reduceat(rows, table.first_row) & in_force
                continue
            fired[number] = np.logical_or.reduceat(rows, table.first_row) & in_force
            if one.blank is not None and one.alone is not None:
                stays = rows & _rows(one.blank, source, by_row) & ~_rows(one.alone, source, by_row)
                demoted[number] = fired[number] & ~np.logical_or.reduceat(stays, table.first_row)
        return Fired(self.rules, fired, demoted) if fired.any() else None


def _rows(condition: Compiled, source: Source, by_row: bool) -> BoolArray:
    """Return the rows (n,) for which a condition holds."""
    if not by_row:
        return condition.column(source)
    n_rows = source.table.n_rows
    return np.fromiter((condition.row(source, row) for row in range(n_rows)), dtype=np.bool_, count=n_rows)


def _in_force(rule: Rule, table: ManifestTable) -> BoolArray:
    """Return whether a rule is in force at the declaration of each shipment (S,)."""
    declared = table.declared_s
    first = np.True_ if rule.first_s is None else declared >= rule.first_s
    last = np.True_ if rule.last_s is None else declared <= rule.last_s
    return np.broadcast_to(first & last, declared.shape)


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
